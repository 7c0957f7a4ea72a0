/* Metrics, and the observer of the application, while threads work and others reload: nothing is lost, and no counter
 * goes back. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shunt.h"
#include "unit/files.h"

enum { WORKERS = 3, ROUNDS = 300, RELOADS = 40 };

typedef struct world {
  char folder[64], config[96], rules[96];
  shunt_app *app;
  atomic_int working;
  const char *failure;
  atomic_ullong observed, strange;
} world;

/* Another `max` is another pool; another comment is another generation alone. */
static void write_config(const world *w, int max) {
  char text[512];
  snprintf(text, sizeof text,
           "database:\n  defaultClient: main\n  clients:\n"
           "    main: {engine: sqlite3, connection: {filename: main.db, create: true}, pool: {max: %d}}\n"
           "rules: {path: rules.lua}\n",
           max);
  write_file(w->config, text);
}

static void begin(world *w) {
  shunt_error err;
  shunt_session *s;
  snprintf(w->folder, sizeof w->folder, "/tmp/shunt-metrics-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(w->config, sizeof w->config, "%s/shunt.yaml", w->folder);
  snprintf(w->rules, sizeof w->rules, "%s/rules.lua", w->folder);
  write_config(w, 4);
  write_file(w->rules, "model \"note\" { table = \"notes\" }\n");
  if (shunt_open(w->config, NULL, &w->app, &err)) fail_msg("%s", err.message);
  assert_int_equal(shunt_session_open(w->app, NULL, &s, NULL), SHUNT_OK);
  assert_int_equal(
      shunt_sql(s, "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)", &(shunt_sql_options){0}, NULL, NULL, NULL),
      SHUNT_OK);
  shunt_session_close(s);
}

static void end(world *w) {
  char command[96];
  shunt_close(w->app);
  snprintf(command, sizeof command, "rm -rf %s", w->folder);
  assert_int_equal(system(command), 0);
}

/* The number behind the text; UINT64_MAX: it is not there. */
static uint64_t value(const char *metrics, const char *sample) {
  const char *at = strstr(metrics, sample);
  return at ? strtoull(at + strlen(sample), NULL, 10) : UINT64_MAX;
}

#define READS "shunt_statement_seconds_count{client=\"main\",level=\"0\",operation=\"read\"} "
#define BOUND "shunt_statement_seconds_bucket{client=\"main\",level=\"0\",operation=\"read\",le=\"+Inf\"} "
#define CHOSEN "shunt_decisions_total{rule=\"default client\",stage=\"default\",outcome=\"selected\"} "
#define HITS "shunt_cache_hits_total "
#define MISSES "shunt_cache_misses_total "
#define ACQUIRED "shunt_pool_acquired_total{client=\"main\",level=\"0\"} "

static void observe(void *ud, const shunt_statement *s) {
  world *w = ud;
  const bool as_expected = s->op == SHUNT_READ && s->model && strcmp(s->model, "note") == 0 && s->table &&
                           strcmp(s->table, "notes") == 0 && s->rule && strcmp(s->rule, "default client") == 0 &&
                           s->source && strcmp(s->client, "main") == 0 && strcmp(s->instance, "") == 0 && !s->job &&
                           s->duration_ns >= 0 && !s->status;
  atomic_fetch_add(&w->observed, 1);
  if (!as_expected) atomic_fetch_add(&w->strange, 1);
}

static const char *read_on(world *w, bool follows) {
  shunt_session *s;
  if (shunt_session_open(w->app, &(shunt_session_options){.follow = follows}, &s, NULL)) return "no session";
  for (int i = 0; i < ROUNDS; i++) {
    shunt_rows *rows;
    if (shunt_select(s, "note", &(shunt_query){0}, &rows, NULL)) return "no rows";
    shunt_rows_free(rows);
  }
  shunt_session_close(s);
  return NULL;
}

static void *work(void *ud) {
  world *w = ud;
  const char *failure = read_on(w, true);
  if (!failure) failure = read_on(w, false);
  if (failure) w->failure = failure;
  atomic_fetch_sub(&w->working, 1);
  return NULL;
}

static void *reload(void *ud) {
  world *w = ud;
  for (int i = 0; i < RELOADS; i++) {
    write_config(w, 4 + i % 3);
    if (shunt_reload(w->app, NULL, NULL)) w->failure = "no reload";
  }
  atomic_fetch_sub(&w->working, 1);
  return NULL;
}

static void read_while_others_work(world *w) {
  static const char *const samples[] = {READS, CHOSEN, HITS, MISSES, ACQUIRED};
  uint64_t last[5] = {0};
  while (atomic_load(&w->working)) {
    char *text;
    assert_int_equal(shunt_metrics(w->app, &text, NULL), SHUNT_OK);
    for (size_t i = 0; i < 5; i++) {
      uint64_t now = value(text, samples[i]);
      assert_true(now >= last[i] && now != UINT64_MAX);
      last[i] = now;
    }
    assert_int_equal(value(text, READS), value(text, BOUND));
    shunt_free(text);
  }
}

static void loses_nothing(void **state) {
  world w = {.working = WORKERS + 1};
  pthread_t threads[WORKERS + 1];
  char *text;
  (void)state;
  begin(&w);
  shunt_observe_app(w.app, observe, &w);
  for (int i = 0; i < WORKERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &w), 0);
  assert_int_equal(pthread_create(&threads[WORKERS], NULL, reload, &w), 0);
  read_while_others_work(&w);
  for (int i = 0; i <= WORKERS; i++) pthread_join(threads[i], NULL);
  assert_null(w.failure);
  assert_int_equal(shunt_metrics(w.app, &text, NULL), SHUNT_OK);
  const uint64_t reads = (uint64_t)WORKERS * 2 * ROUNDS;
  assert_int_equal(value(text, READS), reads);
  assert_int_equal(value(text, CHOSEN), reads + 1); /* one was for the table */
  assert_int_equal(value(text, HITS) + value(text, MISSES), reads + 1);
  assert_int_equal(value(text, "shunt_reloads_total{outcome=\"done\"} "), RELOADS);
  assert_int_equal(value(text, "shunt_pool_busy{client=\"main\",level=\"0\"} "), 0);
  shunt_free(text);
  assert_int_equal(atomic_load(&w.observed), reads);
  assert_int_equal(atomic_load(&w.strange), 0);
  end(&w);
}

/* When shunt_observe_app returns, the observer before is not called any more. */
static void changes_the_observer_while_others_work(void **state) {
  world w = {.working = WORKERS};
  pthread_t threads[WORKERS];
  (void)state;
  begin(&w);
  for (int i = 0; i < WORKERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &w), 0);
  while (atomic_load(&w.working)) {
    world *mine = calloc(1, sizeof *mine);
    assert_non_null(mine);
    shunt_observe_app(w.app, observe, mine);
    shunt_observe_app(w.app, NULL, NULL);
    free(mine);
  }
  for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL);
  assert_null(w.failure);
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(loses_nothing),
                                     cmocka_unit_test(changes_the_observer_while_others_work)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
