/* Two threads in one session: while one is in a call, every public function that takes a session, or what came from
 * one, is refused in the other, or waits if it can't fail. The table of functions is held against shunt.h. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "unit/faults.h"
#include "unit/random.h"
#include "unit/watchdog.h"

/* ---- one call of each function ---- */

static const shunt_field named = {"name", {.type = SHUNT_TEXT, .size = 3, .as.bytes = "Ada"}};
static const shunt_field renamed[] = {{"id", {.type = SHUNT_INTEGER, .as.integer = 1}},
                                      {"name", {.type = SHUNT_TEXT, .size = 3, .as.bytes = "Eve"}}};
static const shunt_record ada = {.fields = &named, .nfields = 1}, eve = {.fields = renamed, .nfields = 2};
static const shunt_value first_id = {.type = SHUNT_INTEGER, .as.integer = 1};
static const shunt_where is_first = {.op = SHUNT_EQ, .column = "id", .values = &first_id, .nvalues = 1};
static const shunt_query of_first = {.where = &is_first};

/* What calls work on, prepared by the thread that is in the session. */
typedef struct desk {
  shunt_session *s;
  shunt_tx *tx;
  shunt_stream *stream;
  shunt_error err;
  int drops;
} desk;

static void dropped(void *ud) { ((desk *)ud)->drops++; }
static shunt_status hook(void *ud, shunt_error *err) {
  (void)ud;
  (void)err;
  return SHUNT_OK;
}

static shunt_status free_rows(shunt_status status, shunt_rows *rows) {
  shunt_rows_free(rows);
  return status;
}

static shunt_status timeout(desk *d) { return shunt_session_timeout(d->s, 0, &d->err); }
static shunt_status switch_push(desk *d) { return shunt_switch_push(d->s, "orders", &d->err); }
static shunt_status level_push(desk *d) { return shunt_level_push(d->s, &d->err); }
static shunt_status resolve(desk *d) {
  const shunt_decision *decision;
  return shunt_resolve(d->s, &(shunt_request){.model = "user"}, &decision, &d->err);
}
static void ignore(void *ud, size_t i, const shunt_decision *decision, const shunt_error *failure) {
  (void)ud, (void)i, (void)decision, (void)failure;
}
static shunt_status resolve_all(desk *d) {
  static const shunt_request request = {.model = "user"}, *const requests[] = {&request};
  return shunt_resolve_all(d->s, requests, 1, ignore, NULL, &d->err);
}
static shunt_status get(desk *d) {
  shunt_rows *rows;
  shunt_status status = shunt_get(d->s, "user", first_id, NULL, &rows, &d->err);
  return free_rows(status, rows);
}
static shunt_status nothing(void *ud, shunt_session *s, shunt_error *err) {
  (void)s, (void)ud, (void)err;
  return SHUNT_OK;
}
static shunt_status transact(desk *d) { return shunt_transaction(d->s, NULL, nothing, NULL, &d->err); }
static shunt_status call_json(desk *d) {
  char *reply = NULL;
  shunt_status status = shunt_call(d->s, "{\"count\":\"user\"}", &reply, &d->err);
  shunt_free(reply);
  return status;
}
static shunt_status select_(desk *d) {
  shunt_rows *rows;
  shunt_status status = shunt_select(d->s, "user", &of_first, &rows, &d->err);
  return free_rows(status, rows);
}
static shunt_status mget(desk *d) {
  shunt_rows *rows;
  shunt_status status = shunt_mget(d->s, "user", &(shunt_keys){.values = &first_id, .n = 1}, NULL, &rows, &d->err);
  return free_rows(status, rows);
}
static shunt_status count(desk *d) {
  int64_t n;
  return shunt_count(d->s, "user", NULL, &n, &d->err);
}
static shunt_status each(desk *d) {
  shunt_stream *stream;
  shunt_status status = shunt_each(d->s, "user", NULL, &stream, &d->err);
  shunt_stream_close(stream);
  return status;
}
static shunt_status stream_next(desk *d) {
  const shunt_value *row;
  return shunt_stream_next(d->stream, &row, &d->err);
}
static shunt_status aggregate(desk *d) {
  const shunt_aggregation sum = {.function = SHUNT_SUM, .column = "age"};
  shunt_rows *rows;
  shunt_status status = shunt_aggregate(d->s, "user", &(shunt_aggregates){.list = &sum, .n = 1}, NULL, &rows, &d->err);
  return free_rows(status, rows);
}
static shunt_status insert(desk *d) {
  shunt_rows *rows;
  shunt_status status = shunt_insert(d->s, "user", &ada, NULL, &rows, &d->err);
  return free_rows(status, rows);
}
static shunt_status insert_bulk(desk *d) {
  return shunt_insert_bulk(d->s, "user", &(shunt_records){&ada, 1}, NULL, NULL, &d->err);
}
static shunt_status insert_rows(desk *d) {
  shunt_rows *rows;
  shunt_status status = shunt_insert_rows(d->s, "user", &(shunt_records){&ada, 1}, NULL, &rows, &d->err);
  return free_rows(status, rows);
}
static shunt_status update(desk *d) { return shunt_update(d->s, "user", &eve, NULL, NULL, &d->err); }
static shunt_status update_bulk(desk *d) {
  return shunt_update_bulk(d->s, "user", &(shunt_records){&eve, 1}, NULL, NULL, &d->err);
}
static shunt_status delete_(desk *d) {
  return shunt_delete(d->s, "user", &(shunt_write){.where = &is_first}, NULL, &d->err);
}
static shunt_status sql(desk *d) {
  return shunt_sql(d->s, "UPDATE users SET age = 1", &(shunt_sql_options){.client = "main"}, NULL, NULL, &d->err);
}
static shunt_status table_columns(desk *d) {
  shunt_rows *rows;
  shunt_status status = shunt_table_columns(d->s, "main", "users", &rows, &d->err);
  return free_rows(status, rows);
}
static shunt_status begin(desk *d) {
  shunt_tx *tx;
  shunt_status status = shunt_begin(d->s, NULL, &tx, &d->err);
  if (!status) (void)shunt_rollback(tx, NULL);
  return status;
}
static shunt_status commit(desk *d) {
  shunt_status status = shunt_commit(d->tx, &d->err);
  if (!status) d->tx = NULL;
  return status;
}
static shunt_status rollback(desk *d) {
  shunt_status status = shunt_rollback(d->tx, &d->err);
  if (!status) d->tx = NULL;
  return status;
}
static shunt_status on_commit(desk *d) { return shunt_on_commit(d->s, hook, d, dropped, &d->err); }
static shunt_status on_rollback(desk *d) { return shunt_on_rollback(d->s, hook, d, dropped, &d->err); }
static shunt_status on_all_commit(desk *d) { return shunt_on_all_commit(d->s, hook, d, dropped, &d->err); }
static shunt_status push(desk *d) { return shunt_push(d->s, "mail", "{}", NULL, NULL, &d->err); }
static shunt_status push_wait(desk *d) {
  char *result;
  return shunt_push_wait(d->s, "mail", "{}", &(shunt_push_options){.wait_ms = 1}, &result, &d->err);
}
static shunt_status jobs_list(desk *d) {
  shunt_rows *rows;
  shunt_status status = shunt_jobs_list(d->s, NULL, &rows, &d->err);
  return free_rows(status, rows);
}
static shunt_status jobs_retry(desk *d) { return shunt_jobs_retry(d->s, NULL, NULL, &d->err); }
static shunt_status jobs_purge(desk *d) { return shunt_jobs_purge(d->s, NULL, NULL, &d->err); }
static shunt_status schedule_due(desk *d) {
  bool mine;
  return shunt_schedule_due(d->s, "mail", NULL, 60000, &mine, &d->err);
}

static shunt_status queue_time(desk *d) {
  int64_t now_ms;
  return shunt_queue_time(d->s, &now_ms, &d->err);
}

static shunt_status switch_pop(desk *d) {
  shunt_switch_pop(d->s);
  return SHUNT_OK;
}
static shunt_status level_pop(desk *d) {
  shunt_level_pop(d->s);
  return SHUNT_OK;
}
static shunt_status observe(desk *d) {
  shunt_observe(d->s, NULL, NULL);
  return SHUNT_OK;
}
static shunt_status before_wait(desk *d) {
  shunt_before_wait(d->s, NULL, NULL);
  return SHUNT_OK;
}
static shunt_status stream_close(desk *d) {
  shunt_stream_close(d->stream);
  d->stream = NULL;
  return SHUNT_OK;
}
static shunt_status session_close(desk *d) {
  shunt_session_close(d->s);
  d->s = NULL;
  return SHUNT_OK;
}

static const struct {
  const char *name; /* as in shunt.h, without shunt_ */
  shunt_status (*call)(desk *d);
} refused[] = {{"session_timeout", timeout},
               {"switch_push", switch_push},
               {"level_push", level_push},
               {"resolve", resolve},
               {"resolve_all", resolve_all},
               {"get", get},
               {"transaction", transact},
               {"call", call_json},
               {"select", select_},
               {"mget", mget},
               {"count", count},
               {"each", each},
               {"stream_next", stream_next},
               {"aggregate", aggregate},
               {"insert", insert},
               {"insert_bulk", insert_bulk},
               {"insert_rows", insert_rows},
               {"update", update},
               {"update_bulk", update_bulk},
               {"delete", delete_},
               {"sql", sql},
               {"table_columns", table_columns},
               {"begin", begin},
               {"commit", commit},
               {"rollback", rollback},
               {"on_commit", on_commit},
               {"on_rollback", on_rollback},
               {"on_all_commit", on_all_commit},
               {"push", push},
               {"push_wait", push_wait},
               {"jobs_list", jobs_list},
               {"jobs_retry", jobs_retry},
               {"jobs_purge", jobs_purge},
               {"schedule_due", schedule_due},
               {"queue_time", queue_time}},
  waiting[] = {{"switch_pop", switch_pop},   {"level_pop", level_pop},       {"observe", observe},
               {"before_wait", before_wait}, {"stream_close", stream_close}, {"session_close", session_close}};

/* Read a number that does not change, or are no calls of the session. */
static const char *const apart[] = {"session_level", "tx_began", "tx_ended", "stream_ncolumns", "stream_column"};

static bool is_listed(const char *name, size_t size) {
  bool found = false;
  for (size_t i = 0; i < COUNT(refused); i++)
    found = found || (strlen(refused[i].name) == size && strncmp(refused[i].name, name, size) == 0);
  for (size_t i = 0; i < COUNT(waiting); i++)
    found = found || (strlen(waiting[i].name) == size && strncmp(waiting[i].name, name, size) == 0);
  for (size_t i = 0; i < COUNT(apart); i++)
    found = found || (strlen(apart[i]) == size && strncmp(apart[i], name, size) == 0);
  return found;
}

static void the_table_has_every_function(void **state) {
  static const char *const firsts[] = {"(shunt_session *",  "(const shunt_session *", "(shunt_tx *",
                                       "(const shunt_tx *", "(shunt_stream *",        "(const shunt_stream *"};
  (void)state;
  char line[512];
  size_t seen = 0;
  FILE *header = fopen("src/shunt.h", "r");
  assert_non_null(header);
  while (fgets(line, sizeof line, header)) {
    const char *name = strncmp(line, "SHUNT_API", 9) == 0 ? strstr(line, "shunt_") : NULL;
    const char *end = NULL;
    for (size_t i = 0; i < COUNT(firsts) && !end; i++) end = strstr(line, firsts[i]);
    for (const char *next = name; end && next && next < end; next = strstr(next + 1, "shunt_")) name = next;
    if (!name || !end) continue;
    seen++;
    name += strlen("shunt_");
    if (!is_listed(name, (size_t)(end - name))) fail_msg("not in the table: %s", line);
  }
  fclose(header);
  assert_int_equal(seen, COUNT(refused) + COUNT(waiting) + COUNT(apart));
}

/* ---- another thread meanwhile ---- */

/* More users than a stream fetches at once. */
static void fill(store *w) {
  store_exec(w, 0,
             "WITH RECURSIVE n(id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM n WHERE id < 5000) "
             "INSERT INTO users (id, name) SELECT id, 'Bob' FROM n");
}

static void prepare(desk *d, store *w) {
  *d = (desk){.s = w->session};
  store_fine(w, shunt_each(w->session, "user", NULL, &d->stream, &w->err));
  store_fine(w, shunt_begin(w->session, NULL, &d->tx, &w->err));
}

static void *call_all(void *ud) {
  desk *d = ud;
  for (size_t i = 0; i < COUNT(refused); i++) {
    d->err.message[0] = '\0';
    if (refused[i].call(d) != SHUNT_E_USAGE || !strstr(d->err.message, "another thread"))
      fail_msg("%s is not refused: %s", refused[i].name, d->err.message);
  }
  return NULL;
}

static void in_another_thread(void *(*fn)(void *), void *ud) {
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, fn, ud), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
}

/* An observer runs inside of a call. */
static void call_beside(void *ud, const shunt_statement *statement) {
  (void)statement;
  in_another_thread(call_all, ud);
}

static void what_can_fail_is_refused_and_changes_nothing(void **state) {
  store *w = *state;
  desk d;
  int64_t n;
  fill(w);
  prepare(&d, w);
  shunt_observe(w->session, call_beside, &d);
  store_fine(w, shunt_count(w->session, "user", NULL, &n, &w->err));
  shunt_observe(w->session, NULL, NULL);
  assert_int_equal(n, 5000);
  assert_int_equal(d.drops, 3);
  assert_int_equal(shunt_session_level(w->session), 0);
  shunt_stream_close(d.stream);
  store_fine(w, shunt_commit(d.tx, &w->err));
  assert_int_equal(store_number(w, 0, "SELECT count(*) FROM users WHERE name = 'Bob' AND age IS NULL"), 5000);
}

/* ---- functions that can't fail ---- */

typedef struct turn {
  desk d;
  size_t at;
  atomic_bool begun, over;
  pthread_t thread;
} turn;

static void *call_waiting(void *ud) {
  turn *t = ud;
  atomic_store(&t->begun, true);
  waiting[t->at].call(&t->d);
  atomic_store(&t->over, true);
  return NULL;
}

static void start_beside(void *ud, const shunt_statement *statement) {
  static const struct timespec pause = {.tv_nsec = 5000000};
  turn *t = ud;
  (void)statement;
  if (atomic_load(&t->begun)) return;
  assert_int_equal(pthread_create(&t->thread, NULL, call_waiting, t), 0);
  while (!atomic_load(&t->begun)) sched_yield();
  nanosleep(&pause, NULL);
  assert_false(atomic_load(&t->over));
}

static void what_can_not_fail_waits(void **state) {
  store *w = *state;
  fill(w);
  shunt_session_close(w->session);
  for (size_t i = 0; i < COUNT(waiting); i++) {
    int64_t n;
    turn t = {.at = i};
    store_open_session(w, NULL);
    prepare(&t.d, w);
    store_fine(w, shunt_switch_push(w->session, "main", &w->err));
    shunt_observe(w->session, start_beside, &t);
    store_fine(w, shunt_count(w->session, "user", NULL, &n, &w->err));
    assert_int_equal(pthread_join(t.thread, NULL), 0);
    assert_true(atomic_load(&t.over));
    shunt_stream_close(t.d.stream);
    (void)shunt_rollback(t.d.tx, NULL);
    shunt_session_close(t.d.s);
  }
  w->session = NULL;
}

/* ---- whatever fails leaves the session free ---- */

/* Calls it with the allocation of this number failing. False: it makes fewer. */
static bool leaves_at(store *w, faults *f, size_t which, size_t fail_at) {
  desk d;
  prepare(&d, w);
  *f = (faults){.fail_at = fail_at, .live = f->live, .bytes = f->bytes};
  (void)refused[which].call(&d);
  f->fail_at = 0;
  if (atomic_load(&w->session->visitor))
    fail_msg("%s keeps the session if allocation %zu fails", refused[which].name, fail_at);
  shunt_switch_pop(w->session);
  shunt_level_pop(w->session);
  shunt_stream_close(d.stream);
  if (refused[which].call != commit && refused[which].call != rollback) (void)shunt_rollback(d.tx, NULL);
  return f->failed;
}

static void nothing_keeps_the_session(void **state) {
  (void)state;
  store w;
  faults f;
  store_make(&w);
  faults_on(&f);
  store_open(&w);
  store_open_session(&w, NULL);
  fill(&w);
  for (size_t i = 0; i < COUNT(refused); i++)
    for (size_t at = 1; leaves_at(&w, &f, i, at);) at++;
  store_close(&w);
  faults_off();
  store_remove(&w);
}

/* ---- at random ---- */

enum { THREADS = 4, CALLS = 400 };

typedef struct racer {
  pthread_t thread;
  shunt_session *s;
  rng random;
  int inserted, refused;
  shunt_status worst;
} racer;

static void race_once(racer *r) {
  desk d = {.s = r->s};
  shunt_status (*const calls[])(desk *) = {insert, select_, count, resolve, table_columns, sql, update};
  const size_t which = rng_below(&r->random, COUNT(calls));
  shunt_status status = calls[which](&d);
  r->inserted += !status && calls[which] == insert;
  r->refused += status == SHUNT_E_USAGE;
  if (status && status != SHUNT_E_USAGE) r->worst = status;
}

static void *race(void *ud) {
  racer *r = ud;
  for (int i = 0; i < CALLS; i++) race_once(r);
  return NULL;
}

static void every_call_of_many_threads_is_whole_or_refused(void **state) {
  store *w = *state;
  racer racers[THREADS];
  int inserted = 0, refusals = 0;
  rng seeds = rng_start("visits");
  shunt_observe(w->session, NULL, NULL);
  for (size_t i = 0; i < THREADS; i++) racers[i] = (racer){.s = w->session, .random = {rng_next(&seeds)}};
  for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
    assert_int_equal(racers[i].worst, SHUNT_OK);
    inserted += racers[i].inserted;
    refusals += racers[i].refused;
  }
  print_message("%d inserted, %d refused\n", inserted, refusals);
  assert_int_equal(store_number(w, 0, "SELECT count(*) FROM users"), inserted);
  assert_int_equal(atomic_load(&w->session->visitor), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_has_every_function),
      store_test(what_can_fail_is_refused_and_changes_nothing),
      store_test(what_can_not_fail_waits),
      cmocka_unit_test(nothing_keeps_the_session),
      store_test(every_call_of_many_threads_is_whole_or_refused),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
