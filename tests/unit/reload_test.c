/* Reloads while others work: every decision comes from the generation that it names, and old generations leave nothing
 * behind. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shunt.h"
#include "unit/faults.h"
#include "unit/files.h"

enum { READERS = 2, RELOADS = 1000, RELOADS_BEFORE = 3 /* after which memory has what it needs */ };

typedef struct world {
  char folder[64], config[96], rules[96];
  shunt_app *app;
  atomic_bool done;
  atomic_int reading; /* readers that have a session, and so a rule state */
} world;

/* In odd generations orders lie on odd, in even ones on even, and each instance has its own part. */
static void write_rules(const world *w, uint64_t generation) {
  char text[512];
  snprintf(text, sizeof text,
           "model \"order\" {\n"
           "  client = function(req) return req.attrs.plan == \"pro\" and \"pro\" or \"%s\" end,\n"
           "  table = function(req) return (\"orders_%llu_%%d\"):format(req:mod(\"where.id\", 4) or 9) end,\n"
           "}\n",
           generation % 2 ? "odd" : "even", (unsigned long long)generation);
  write_file(w->rules, text);
}

static void *read_on(void *ud) {
  world *w = ud;
  shunt_field plan = {"plan", shunt_text("pro", 3)};
  uint64_t wrong = 0, last = 0;
  for (unsigned i = 0; !atomic_load(&w->done); i++) {
    shunt_session *s;
    shunt_error err;
    bool pro = i % 3 == 0;
    shunt_session_options options = {.follow = i % 2, .attrs = &plan, .nattrs = pro};
    shunt_status opened = shunt_session_open(w->app, &options, &s, &err);
    if (i == 0) atomic_fetch_add(&w->reading, 1);
    if (opened) return "a session does not open";
    uint64_t began = 0;
    for (int64_t k = 0; k < 50; k++) {
      shunt_field id = {"id", shunt_integer(k)};
      const shunt_decision *d;
      if (shunt_resolve(s, &(shunt_request){.model = "order", .where = &id, .nwhere = 1}, &d, &err))
        return "no decision";
      char table[64];
      snprintf(table, sizeof table, "orders_%llu_%lld", (unsigned long long)d->generation, (long long)(k % 4));
      wrong += strcmp(d->table, table) != 0;
      wrong += strcmp(d->client, pro ? "pro" : d->generation % 2 ? "odd" : "even") != 0;
      if (!began) began = d->generation;
      wrong += options.follow ? d->generation < began : d->generation != began;
      wrong += d->generation < last; /* none that is older than what was published before */
      if (options.follow) began = d->generation;
    }
    last = began;
    shunt_session_close(s);
  }
  return wrong ? "a decision comes from another generation than it names" : NULL;
}

static void begin(world *w) {
  snprintf(w->folder, sizeof w->folder, "/tmp/shunt-reload-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(w->config, sizeof w->config, "%s/shunt.yaml", w->folder);
  snprintf(w->rules, sizeof w->rules, "%s/rules.lua", w->folder);
  write_file(w->config, "database:\n  defaultClient: odd\n  clients:\n"
                        "    odd: {engine: sqlite3, connection: {filename: odd.db}}\n"
                        "    even: {engine: sqlite3, connection: {filename: even.db}}\n"
                        "    pro: {engine: sqlite3, connection: {filename: pro.db}}\n"
                        "rules: {path: rules.lua}\n");
  write_rules(w, 1);
  shunt_error err;
  if (shunt_open(w->config, NULL, &w->app, &err)) fail_msg("%s", err.message);
}

static void end(world *w) {
  shunt_close(w->app);
  remove(w->config);
  remove(w->rules);
  remove(w->folder);
}

static void reload(const world *w) {
  shunt_error err;
  write_rules(w, shunt_generation(w->app) + 1);
  if (shunt_reload(w->app, NULL, &err)) fail_msg("%s", err.message);
}

static void reload_while_others_read(world *w, int reloads) {
  pthread_t readers[READERS];
  atomic_store(&w->done, false);
  atomic_store(&w->reading, 0);
  for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&readers[i], NULL, read_on, w), 0);
  while (atomic_load(&w->reading) < READERS) sched_yield();
  for (int i = 0; i < reloads; i++) reload(w);
  atomic_store(&w->done, true);
  for (int i = 0; i < READERS; i++) {
    void *wrong;
    assert_int_equal(pthread_join(readers[i], &wrong), 0);
    if (wrong) fail_msg("%s", (const char *)wrong);
  }
  reload(w); /* no request has reached this generation, and its rule states exist already */
  shunt_stats stats;
  assert_int_equal(shunt_statistics(w->app, &stats, NULL, NULL, NULL), SHUNT_OK);
  assert_int_equal(stats.states, 1 + READERS);
  assert_int_equal(stats.hits + stats.misses, 0);
}

/* Blocks that are out, whichever thread has them. */
static void *count_live(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  atomic_long *live = ud;
  (void)old_bytes;
  if (new_bytes == 0) {
    if (block) atomic_fetch_sub(live, 1);
    free(block);
    return NULL;
  }
  void *got = realloc(block, new_bytes);
  if (!block && got) atomic_fetch_add(live, 1);
  return got;
}

static void decisions_are_those_of_the_generation_that_they_name(void **state) {
  (void)state;
  world w = {.done = false};
  atomic_long live = 0;
  shunt_set_allocator(count_live, &live);
  begin(&w);
  reload_while_others_read(&w, RELOADS_BEFORE);
  long before = atomic_load(&live);
  reload_while_others_read(&w, RELOADS);
  assert_int_equal(atomic_load(&live), before);
  assert_int_equal(shunt_generation(w.app), RELOADS_BEFORE + RELOADS + 3);
  end(&w);
  assert_int_equal(atomic_load(&live), 0);
  shunt_set_allocator(NULL, NULL);
}

/* ---- handles ---- */

static shunt_handle handle_of(const world *w, shunt_handle_kind kind, const char *name) {
  shunt_handle handle;
  shunt_error err;
  if (shunt_handle_of(w->app, kind, name, &handle, &err)) fail_msg("%s", err.message);
  return handle;
}

static void a_handle_stands_for_its_name_in_every_generation(void **state) {
  (void)state;
  world w = {.done = false};
  begin(&w);
  shunt_handle order = handle_of(&w, SHUNT_HANDLE_MODEL, "order"), pro = handle_of(&w, SHUNT_HANDLE_CLIENT, "pro");
  shunt_handle instance = handle_of(&w, SHUNT_HANDLE_INSTANCE, "");
  assert_int_equal(handle_of(&w, SHUNT_HANDLE_MODEL, "order"), order);
  shunt_session *s;
  shunt_session_options options = {.instance_handle = instance, .follow = true};
  assert_int_equal(shunt_session_open(w.app, &options, &s, NULL), SHUNT_OK);
  for (int i = 0; i < 5; i++) {
    const shunt_decision *d;
    shunt_request by_handle = {.model_handle = order}, on_pro = {.model_handle = order, .explicit_client_handle = pro};
    assert_int_equal(shunt_resolve(s, &by_handle, &d, NULL), SHUNT_OK);
    assert_string_equal(d->client, d->generation % 2 ? "odd" : "even");
    assert_int_equal(d->generation, i + 1);
    assert_string_equal(d->model, "order");
    assert_int_equal(shunt_resolve(s, &on_pro, &d, NULL), SHUNT_OK);
    assert_string_equal(d->client, "pro");
    reload(&w);
  }
  shunt_session_close(s);
  end(&w);
}

static void every_kind_of_handle_does_what_its_name_does(void **state) {
  (void)state;
  world w = {.done = false};
  shunt_error err;
  shunt_session *s;
  begin(&w);
  write_file(w.rules,
             "model 'order' {}\n"
             "model 'user' { relations = { orders = has_many('order', 'user_id', { client = '_inherit_' }) } }\n");
  if (shunt_reload(w.app, NULL, &err)) fail_msg("%s", err.message);
  shunt_handle orders = handle_of(&w, SHUNT_HANDLE_RELATION, "user.orders");
  shunt_handle user = handle_of(&w, SHUNT_HANDLE_MODEL, "user"), pro = handle_of(&w, SHUNT_HANDLE_CLIENT, "pro");
  const shunt_request pairs[][2] = {
      {{.relation = "user.orders"}, {.relation_handle = orders}},
      {{.relation = "user.orders", .parent = "pro"}, {.relation_handle = orders, .parent_handle = pro}},
      {{.relation = "user.orders", .current = "pro"}, {.relation_handle = orders, .current_handle = pro}},
      {{.model = "user", .current = "pro"}, {.model_handle = user, .current_handle = pro}},
      {{.model = "user", .explicit_client = "pro"}, {.model_handle = user, .explicit_client_handle = pro}}};
  assert_int_equal(shunt_session_open(w.app, NULL, &s, &err), SHUNT_OK);
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    const shunt_decision *d;
    assert_int_equal(shunt_resolve(s, &pairs[i][0], &d, &err), SHUNT_OK);
    assert_string_equal(d->client, i == 0 ? "odd" : "pro");
    assert_string_equal(d->model, i < 3 ? "order" : "user");
    assert_int_equal(shunt_resolve(s, &pairs[i][1], &d, &err), SHUNT_OK);
    assert_string_equal(d->client, i == 0 ? "odd" : "pro");
    assert_true(d->remembered); /* as the same request */
    if (i < 3) assert_string_equal(d->relation, "user.orders");
  }
  shunt_session_close(s);
  end(&w);
}

static void what_is_no_handle_of_its_kind_is_refused(void **state) {
  (void)state;
  world w = {.done = false};
  shunt_handle handle = 1;
  shunt_error err;
  begin(&w);
  shunt_handle order = handle_of(&w, SHUNT_HANDLE_MODEL, "order"), pro = handle_of(&w, SHUNT_HANDLE_CLIENT, "pro");
  assert_int_equal(shunt_handle_of(w.app, SHUNT_HANDLE_MODEL, "ordre", &handle, &err), SHUNT_E_NOT_FOUND);
  assert_int_equal(handle, 0);
  assert_non_null(strstr(err.message, "order"));
  for (int i = 0; i < 5000; i++) { /* more than there are handles: what does not exist takes none */
    char name[16];
    snprintf(name, sizeof name, "no %d", i);
    assert_int_equal(shunt_handle_of(w.app, SHUNT_HANDLE_CLIENT, name, &handle, &err), SHUNT_E_NOT_FOUND);
  }
  assert_true(handle_of(&w, SHUNT_HANDLE_CLIENT, "even") != 0);
  assert_int_equal(shunt_handle_of(w.app, (shunt_handle_kind)9, "order", &handle, &err), SHUNT_E_USAGE);
  shunt_session *s;
  assert_int_equal(shunt_session_open(w.app, NULL, &s, &err), SHUNT_OK);
  const shunt_decision *d;
  const shunt_request wrong[] = {{.model_handle = pro},
                                 {.model_handle = order, .explicit_client_handle = order},
                                 {.model_handle = 1},
                                 {.model_handle = UINT32_MAX},
                                 {.model_handle = order + 400}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(shunt_resolve(s, &wrong[i], &d, &err), SHUNT_E_USAGE);
    assert_null(d);
  }
  /* a generation that lacks it */
  write_file(w.rules, "model \"else\" {}\n");
  assert_int_equal(shunt_reload(w.app, NULL, &err), SHUNT_OK);
  assert_int_equal(shunt_resolve(s, &(shunt_request){.model_handle = order}, &d, &err), SHUNT_OK);
  shunt_session_close(s);
  assert_int_equal(shunt_session_open(w.app, NULL, &s, &err), SHUNT_OK);
  assert_int_equal(shunt_resolve(s, &(shunt_request){.model_handle = order}, &d, &err), SHUNT_E_NOT_FOUND);
  shunt_session_close(s);
  end(&w);
}

static void memory_returns_to_where_it_was(void **state) {
  (void)state;
  faults f;
  world w = {.done = false};
  faults_on(&f);
  begin(&w);
  for (int i = 0; i < RELOADS_BEFORE; i++) reload(&w);
  long live = f.live;
  for (int i = 0; i < 20; i++) {
    shunt_session *s;
    assert_int_equal(shunt_session_open(w.app, NULL, &s, NULL), SHUNT_OK);
    const shunt_decision *d;
    assert_int_equal(shunt_resolve(s, &(shunt_request){.model = "order"}, &d, NULL), SHUNT_OK);
    reload(&w);
    shunt_session_close(s);
  }
  assert_int_equal(f.live, live);
  end(&w);
  assert_int_equal(f.live, 0);
  faults_off();
}

/* What fails leaves the generation that there is, whichever allocation it is. */
static void a_reload_survives_every_allocation_that_fails(void **state) {
  (void)state;
  faults f;
  world w = {.done = false};
  faults_on(&f);
  begin(&w);
  long live = f.live;
  bool done = false;
  for (size_t at = 1; !done; at += 1 + at / 50) { /* there are thousands of them */
    shunt_error err;
    f.seen = 0;
    f.failed = false;
    f.fail_at = at;
    done = shunt_reload(w.app, NULL, &err) == SHUNT_OK;
    f.fail_at = 0;
    if (done) break;
    assert_int_equal(shunt_generation(w.app), 1);
    assert_int_equal(f.live, live);
  }
  assert_int_equal(shunt_generation(w.app), 2);
  end(&w);
  faults_off();
}

/* ---- reloads of their own ---- */

typedef struct told {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int times;
  char place[256]; /* of the mistake in the last one; "": it went well */
} told;

static void hear(void *ud, const shunt_error *failure) {
  told *t = ud;
  pthread_mutex_lock(&t->lock);
  t->times++;
  snprintf(t->place, sizeof t->place, "%s", failure ? failure->file : "");
  pthread_cond_signal(&t->changed);
  pthread_mutex_unlock(&t->lock);
}

/* Moves a file with that text into the place of the rules, and waits for the report of the reload. */
static void watch_change(world *w, told *t, const char *text, const char *place) {
  char next[128];
  snprintf(next, sizeof next, "%s/next", w->folder);
  write_file(next, text);
  pthread_mutex_lock(&t->lock);
  t->times = 0;
  assert_int_equal(rename(next, w->rules), 0);
  while (!t->times || (place[0] && !t->place[0])) pthread_cond_wait(&t->changed, &t->lock);
  assert_non_null(strstr(t->place, place));
  pthread_mutex_unlock(&t->lock);
}

static void what_comes_of_a_watched_change_is_told(void **state) {
  (void)state;
  world w;
  told t = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  shunt_options options = {.reloaded = hear, .reloaded_ud = &t};
  shunt_error err;
  begin(&w);
  shunt_close(w.app);
  write_file(w.config, "database:\n  defaultClient: odd\n  clients:\n"
                       "    odd: {engine: sqlite3, connection: {filename: odd.db}}\n"
                       "rules: {path: rules.lua}\nwatch: true\n");
  write_file(w.rules, "model \"order\" {}\n");
  if (shunt_open(w.config, &options, &w.app, &err)) fail_msg("%s", err.message);
  watch_change(&w, &t, "model \"order\" {}\nrule \"x\" {", "rules.lua");
  assert_int_equal(shunt_generation(w.app), 1);
  assert_int_not_equal(shunt_watched(w.app, &err), SHUNT_OK);
  watch_change(&w, &t, "model \"order\" { table = \"o\" }\n", "");
  assert_int_equal(shunt_generation(w.app), 2);
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decisions_are_those_of_the_generation_that_they_name),
      cmocka_unit_test(a_handle_stands_for_its_name_in_every_generation),
      cmocka_unit_test(every_kind_of_handle_does_what_its_name_does),
      cmocka_unit_test(what_is_no_handle_of_its_kind_is_refused),
      cmocka_unit_test(memory_returns_to_where_it_was),
      cmocka_unit_test(a_reload_survives_every_allocation_that_fails),
      cmocka_unit_test(what_comes_of_a_watched_change_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
