/* Relations read at the same time over PostgreSQL, MySQL and SQLite, where things go wrong in the middle: the servers
 * are those of SHUNT_TEST_PG and SHUNT_TEST_MYSQL, without which nothing is tried. */
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "query/session.h"
#include "shunt.h"
#include "unit/faults.h"

typedef struct world {
  char folder[64], config[96], rules[96];
  shunt_app *app;
  shunt_session *session;
  shunt_error err;
  pthread_t waiter; /* for a connection, while a read is repeated */
  bool waits;
  atomic_bool let_go;
} world;

static void fine(world *w, shunt_status status) {
  if (status) fail_msg("%s", w->err.message);
}

static void execute(world *w, const char *client, const char *sql) {
  fine(w, shunt_sql(w->session, client, sql, NULL, 0, NULL, NULL, &w->err));
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static const char rules[] =
    "model 'user' { table = 'gather_users', client = 'pg', relations = {\n"
    "  deadly = has_many('deadly', 'user_id', { order = { 'id' } }),\n"
    "  notes = has_many('note', 'user_id', { order = { 'id' }, limit = 2 }),\n"
    "  things = has_many('thing', 'user_id', { order = { 'id' } }),\n"
    "  friends = belongs_to_many('thing', 'user', 'user_id', 'id', { order = { '-id' } }),\n"
    "  mine = has_many('mine', 'user_id') } }\n"
    "model 'note' { table = 'gather_notes', client = 'pg', relations = { user = belongs_to('user', 'user_id') } }\n"
    "model 'deadly' { table = 'gather_deadly', client = 'pg' }\n"
    "model 'thing' { table = 'gather_things', client = 'mysql', relations = { user = belongs_to('user', 'user_id') } "
    "}\n"
    "model 'mine' { table = 'mine', client = 'file' }\n";

/* gather_deadly ends the connection that reads the first user's row for the first time. */
static const char *const on_pg[] = {
    "DROP VIEW IF EXISTS gather_deadly",
    "DROP TABLE IF EXISTS gather_users, gather_notes CASCADE",
    "DROP SEQUENCE IF EXISTS gather_runs",
    "CREATE SEQUENCE gather_runs",
    "CREATE TABLE gather_users (id integer PRIMARY KEY)",
    "INSERT INTO gather_users SELECT generate_series(1, 7)",
    "CREATE TABLE gather_notes (id integer PRIMARY KEY, user_id integer)",
    "INSERT INTO gather_notes SELECT g, g % 7 + 1 FROM generate_series(1, 30) g",
    "CREATE OR REPLACE FUNCTION gather_die(u integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN "
    "IF u = 1 AND nextval('gather_runs') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); "
    "PERFORM pg_sleep(10); END IF; RETURN u; END $$",
    "CREATE VIEW gather_deadly AS SELECT id, user_id, gather_die(user_id) AS d FROM gather_notes"};
static const char *const on_mysql[] = {
    "DROP TABLE IF EXISTS gather_things", "CREATE TABLE gather_things (id integer PRIMARY KEY, user_id integer)",
    "INSERT INTO gather_things VALUES (1, 1), (2, 1), (3, 2), (4, 7), (5, 7), (6, 3)"};
static const char *const on_file[] = {"CREATE TABLE mine (id integer PRIMARY KEY, user_id integer)",
                                      "INSERT INTO mine VALUES (1, 1), (2, 1), (3, 2)"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void open_app(world *w) {
  char text[1024];
  snprintf(w->folder, sizeof w->folder, "/tmp/shunt-gather-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(w->config, sizeof w->config, "%s/shunt.yaml", w->folder);
  snprintf(w->rules, sizeof w->rules, "%s/rules.lua", w->folder);
  snprintf(text, sizeof text,
           "database:\n  defaultClient: pg\n  base: {pool: {max: 4, acquireTimeout: 60s}}\n  clients:\n"
           "    pg: {engine: pg, connection: {url: \"%s\"}}\n    mysql: {engine: mysql, connection: {url: \"%s\"}}\n"
           "    file: {engine: sqlite3, connection: {filename: \":memory:\"}}\n"
           "rules: {path: rules.lua, timeout: 10s, instructions: 100000000}\n",
           getenv("SHUNT_TEST_PG"), getenv("SHUNT_TEST_MYSQL"));
  write_file(w->config, text);
  write_file(w->rules, rules);
  fine(w, shunt_open(w->config, NULL, &w->app, &w->err));
  fine(w, shunt_session_open(w->app, NULL, &w->session, &w->err));
  for (size_t i = 0; i < COUNT(on_pg); i++) execute(w, "pg", on_pg[i]);
  for (size_t i = 0; i < COUNT(on_mysql); i++) execute(w, "mysql", on_mysql[i]);
  for (size_t i = 0; i < COUNT(on_file); i++) execute(w, "file", on_file[i]);
}

static void close_app(world *w) {
  execute(w, "pg", on_pg[0]);
  execute(w, "pg", on_pg[1]);
  execute(w, "pg", on_pg[2]);
  execute(w, "pg", "DROP FUNCTION gather_die(integer)");
  execute(w, "mysql", on_mysql[0]);
  shunt_session_close(w->session);
  shunt_close(w->app);
  remove(w->config);
  remove(w->rules);
  remove(w->folder);
}

static bool has_servers(void) { return getenv("SHUNT_TEST_PG") && getenv("SHUNT_TEST_MYSQL"); }

/* Adds a row's integers, with those of its related rows in brackets. */
static void digest(const shunt_rows *rows, size_t row, char *out, size_t room) {
  const shunt_value *cells = shunt_rows_at(rows, row);
  for (size_t i = 0; i < shunt_rows_ncolumns(rows); i++) {
    size_t used = strlen(out);
    snprintf(out + used, room - used, "%lld ", (long long)cells[i].as.integer);
  }
  for (size_t k = 0; k < shunt_rows_nloaded(rows); k++) {
    shunt_loaded loaded = shunt_rows_loaded(rows, k);
    size_t n;
    const uint32_t *at = shunt_rows_related(rows, k, row, &n);
    strncat(out, "[", room - strlen(out) - 1);
    for (size_t i = 0; i < n; i++) digest(loaded.rows, at[i], out, room);
    strncat(out, "]", room - strlen(out) - 1);
  }
}

enum { DIGEST_BYTES = 16384 };

static void digest_all(const shunt_rows *rows, char out[DIGEST_BYTES]) {
  out[0] = 0;
  for (size_t i = 0; i < shunt_rows_count(rows); i++) digest(rows, i, out, DIGEST_BYTES);
}

static shunt_status read_tree(world *w, int64_t users, const shunt_include *include, size_t n, shunt_rows **rows) {
  static const char *const order[] = {"id"};
  shunt_query q = {.order = order, .norder = 1, .limited = true, .limit = users, .include = include, .ninclude = n};
  return shunt_select(w->session, "user", &q, rows, &w->err);
}

/* ---- a read that is repeated ---- */

static void note_waiting(void *ud, const shunt_pool_stats *stats) {
  if (strcmp(stats->client, "pg") == 0) *(int *)ud += stats->waiting;
}

static int count_waiting(world *w) {
  int waiting = 0;
  shunt_pools(w->app, note_waiting, &waiting);
  return waiting;
}

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); }

static void *hold_one(void *ud) {
  world *w = ud;
  shunt_session *s;
  shunt_tx *tx;
  if (shunt_session_open(w->app, NULL, &s, NULL)) return "no session";
  const char *wrong = shunt_begin(s, &(shunt_tx_options){.client = "pg"}, &tx, NULL) ? "no transaction" : NULL;
  while (!wrong && !atomic_load(&w->let_go)) nap();
  if (!wrong) shunt_rollback(tx);
  shunt_session_close(s);
  return (void *)(uintptr_t)wrong;
}

/* Somebody queues for a connection just when the lost one is to be replaced. */
static void begin_to_wait(void *ud, const shunt_statement *statement) {
  world *w = ud;
  if (w->waits || statement->status != SHUNT_E_DATASOURCE) return;
  w->waits = true;
  assert_int_equal(pthread_create(&w->waiter, NULL, hold_one, w), 0);
  while (count_waiting(w) == 0) nap();
}

static void a_repeated_read_keeps_its_place_before_those_sent_behind_it(void **state) {
  (void)state;
  if (!has_servers()) skip();
  world w = {.waits = false};
  open_app(&w);
  shunt_session *others[2];
  shunt_tx *held[2];
  for (int i = 0; i < 2; i++) {
    fine(&w, shunt_session_open(w.app, NULL, &others[i], &w.err));
    fine(&w, shunt_begin(others[i], &(shunt_tx_options){.client = "pg"}, &held[i], &w.err));
  }
  w.session->max_params = 2; /* so that the relation takes two statements for four users */
  shunt_observe(w.session, begin_to_wait, &w);
  shunt_include deadly = {.relation = "deadly"};
  shunt_rows *rows;
  fine(&w, read_tree(&w, 4, &deadly, 1, &rows));
  shunt_observe(w.session, NULL, NULL);
  assert_true(w.waits);
  for (size_t i = 0; i < shunt_rows_count(rows); i++) {
    size_t n;
    const uint32_t *at = shunt_rows_related(rows, 0, i, &n);
    const shunt_rows *notes = shunt_rows_loaded(rows, 0).rows;
    int64_t user = shunt_rows_at(rows, i)[0].as.integer, first = user == 1 ? 7 : user - 1;
    assert_int_equal(n, user == 2 || user == 3 ? 5 : 4);
    for (size_t k = 0; k < n; k++) assert_int_equal(shunt_rows_at(notes, at[k])[0].as.integer, first + 7 * (int64_t)k);
  }
  shunt_rows_free(rows);
  atomic_store(&w.let_go, true);
  for (int i = 0; i < 2; i++) {
    shunt_rollback(held[i]);
    shunt_session_close(others[i]);
  }
  void *wrong;
  assert_int_equal(pthread_join(w.waiter, &wrong), 0);
  if (wrong) fail_msg("%s", (const char *)wrong);
  w.session->max_params = 0;
  close_app(&w);
}

/* ---- memory ---- */

static void note_busy(void *ud, const shunt_pool_stats *stats) { *(int *)ud += stats->busy; }

/* One attempt with an allocation that fails. Whatever comes of it, nothing is held, and the next one is right. */
static bool try_once(world *w, faults *f, size_t at, char wanted[DIGEST_BYTES]) {
  static const shunt_include user = {.relation = "user"};
  const shunt_include tree[] = {{.relation = "notes", .query = {.include = &user, .ninclude = 1}},
                                {.relation = "things", .query = {.include = &user, .ninclude = 1}},
                                {.relation = "friends"},
                                {.relation = "mine"}};
  static char got[DIGEST_BYTES];
  shunt_rows *rows = NULL;
  f->seen = 0;
  f->failed = false;
  f->fail_at = at;
  shunt_status status = read_tree(w, 7, tree, COUNT(tree), &rows);
  bool failed = f->failed;
  f->fail_at = 0;
  if (status) assert_int_equal(status, SHUNT_E_MEMORY);
  int busy = 0;
  shunt_pools(w->app, note_busy, &busy);
  assert_int_equal(busy, 0);
  if (status) fine(w, read_tree(w, 7, tree, COUNT(tree), &rows));
  digest_all(rows, got);
  shunt_rows_free(rows);
  if (wanted[0] && strcmp(wanted, got) != 0) fail_msg("at %zu: %s is not %s", at, got, wanted);
  if (!wanted[0]) memcpy(wanted, got, DIGEST_BYTES);
  return failed;
}

static void a_tree_over_three_engines_survives_every_allocation_that_fails(void **state) {
  (void)state;
  if (!has_servers()) skip();
  static char wanted[DIGEST_BYTES];
  faults f;
  world w = {.waits = false};
  faults_on(&f);
  open_app(&w);
  shunt_session_close(w.session);
  for (int all_after = 0; all_after < 2; all_after++)
    for (size_t at = 0;; at++) { /* a new session each time, which knows nothing yet; 0: none fails */
      fine(&w, shunt_session_open(w.app, NULL, &w.session, &w.err));
      w.session->max_params = 6;
      f.all_after = all_after;
      bool failed = try_once(&w, &f, at, wanted);
      shunt_session_close(w.session);
      if (at && !failed) break;
    }
  fine(&w, shunt_session_open(w.app, NULL, &w.session, &w.err));
  close_app(&w);
  assert_int_equal(f.live, 0);
  faults_off();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_repeated_read_keeps_its_place_before_those_sent_behind_it),
      cmocka_unit_test(a_tree_over_three_engines_survives_every_allocation_that_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
