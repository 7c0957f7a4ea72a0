/* Reads over several connections at once, from C: rows in their order whatever is lost on the way, and nothing lost
 * when memory runs out. They need the servers of SHUNT_TEST_PG and SHUNT_TEST_MYSQL. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include <pthread.h>
#include <time.h>

#include "query/gather.h"
#include "unit/faults.h"

/* An application of its own in place of the store's. */
static void open_app(store *w, const char *clients, const char *rules) {
  char path[128];
  memset(w, 0, sizeof *w);
  strcpy(w->folder, "/tmp/shunt-gather-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(path, sizeof path, "%s/rules", w->folder);
  assert_int_equal(mkdir(path, 0700), 0);
  store_write(w, "rules/models.lua", rules);
  store_write(w, "shunt.yaml", clients);
  store_open(w);
  store_open_session(w, NULL);
}

static const char one_config[] = "database: {defaultClient: main, base: {pool: {max: 4, acquireTimeout: 60s}},\n"
                                 "  clients: {main: {engine: %s, connection: {url: \"%s\"}}}}\n"
                                 "rules: {path: [rules], timeout: 10s, instructions: 100000000}\n";

static void open_one(store *w, const char *engine, const char *rules) {
  char config[512];
  const char *url = getenv(strcmp(engine, "pg") == 0 ? "SHUNT_TEST_PG" : "SHUNT_TEST_MYSQL");
  if (!url) skip();
  snprintf(config, sizeof config, one_config, engine, url);
  open_app(w, config, rules);
}

static void run(store *w, const char *client, const char *sql) {
  if (shunt_sql(w->session, sql, &(shunt_sql_options){.client = client}, NULL, NULL, &w->err))
    fail_msg("%s: %s", sql, w->err.message);
}

/* A row's integers, and those of the rows that hang on it. */
static void print_row(buf *out, const shunt_rows *rows, size_t row) {
  const shunt_value *cells = shunt_rows_at(rows, row);
  for (size_t c = 0; c < shunt_rows_ncolumns(rows); c++)
    if (cells[c].type == SHUNT_INTEGER) buf_printf(out, "%lld ", (long long)cells[c].as.integer);
  for (size_t k = 0; k < shunt_rows_nloaded(rows); k++) {
    shunt_loaded loaded = shunt_rows_loaded(rows, k);
    size_t n;
    const uint32_t *positions = shunt_rows_related(rows, k, row, &n);
    buf_printf(out, "%s[", loaded.name);
    for (size_t i = 0; i < n; i++) print_row(out, loaded.rows, positions[i]);
    buf_puts(out, "] ");
  }
}

static char *print(const shunt_rows *rows) {
  buf out = {0};
  for (size_t i = 0; i < shunt_rows_count(rows); i++) print_row(&out, rows, i);
  char *text = buf_take(&out);
  assert_non_null(text);
  return text;
}

static void assert_tree(store *w, const shunt_query *q, const char *expected) {
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", q, &rows, &w->err));
  char *text = print(rows);
  assert_string_equal(text, expected);
  shunt_free(text);
  shunt_rows_free(rows);
}

/* ---- a connection that is lost ---- */

/* A thread that waits for a place in the pool and gets the place of the lost connection. */
typedef struct waiter {
  store *w;
  shunt_session *session;
  shunt_tx *tx;
  shunt_error err;
  pthread_t thread;
  bool started;
  int waiting; /* as the pool's snapshot says */
} waiter;

static void *wait_for_a_place(void *ud) {
  waiter *other = ud;
  return shunt_begin(other->session, &(shunt_tx_options){.client = "default"}, &other->tx, &other->err)
             ? other
             : NULL; /* NULL: it has it */
}

static void note_waiting(void *ud, const shunt_pool_stats *stats) {
  waiter *other = ud;
  if (stats->level == 0) other->waiting = stats->waiting;
}

static void send_the_waiter(void *ud, const shunt_statement *statement) {
  waiter *other = ud;
  store_observe(other->w, statement);
  if (statement->status != SHUNT_E_DATASOURCE || other->started) return;
  other->started = true;
  assert_int_equal(pthread_create(&other->thread, NULL, wait_for_a_place, other), 0);
  do {
    nanosleep(&(struct timespec){0, 1000000}, NULL);
    shunt_pools(other->w->app, note_waiting, other);
  } while (other->waiting == 0);
}

static const char mortal_rules[] =
    "model 'user' { table = 'gather_users', relations = { notes = has_many('note', 'user_id', { order = 'id' }) } }\n"
    "model 'note' { table = 'gather_notes' }\n";

/* To read a user's notes for the n-th time kills the connection, where gather_deaths says so. */
static const char *const mortal_tables[] = {
    "CREATE TABLE gather_users AS SELECT g AS id FROM generate_series(1, 4) AS g",
    "CREATE TABLE gather_deaths (id integer, run integer)",
    "CREATE SEQUENCE gather_run_1",
    "CREATE SEQUENCE gather_run_2",
    "CREATE SEQUENCE gather_run_3",
    "CREATE SEQUENCE gather_run_4",
    "CREATE FUNCTION gather_read(id integer) RETURNS integer LANGUAGE plpgsql AS $$ "
    "DECLARE n bigint := nextval('gather_run_' || id); BEGIN "
    "IF EXISTS (SELECT 1 FROM gather_deaths AS d WHERE d.id = $1 AND run = n) THEN "
    "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); END IF; RETURN $1; END $$",
    "CREATE VIEW gather_notes AS SELECT id, id AS user_id, gather_read(id) AS note FROM gather_users",
};
static const char *const mortal_leftovers[] = {
    "DROP VIEW IF EXISTS gather_notes",
    "DROP FUNCTION IF EXISTS gather_read",
    "DROP TABLE IF EXISTS gather_users, gather_deaths CASCADE",
    "DROP SEQUENCE IF EXISTS gather_run_1, gather_run_2, gather_run_3, gather_run_4",
};
static const shunt_include notes = {.relation = "notes"};
static const shunt_query with_notes = {
    .order = (const char *const[]){"id"}, .norder = 1, .include = &notes, .ninclude = 1};

/* Of a pool of 4, two statements of one call may be under way: those that read the notes of two users each. */
static void open_mortal(store *w, const char *deaths) {
  open_one(w, "pg", mortal_rules);
  for (size_t i = 0; i < COUNT(mortal_leftovers); i++) run(w, "main", mortal_leftovers[i]);
  for (size_t i = 0; i < COUNT(mortal_tables); i++) run(w, "main", mortal_tables[i]);
  run(w, "main", deaths);
  w->session->max_params = 2;
  w->statements = 0;
}

static void close_mortal(store *w) {
  for (size_t i = 0; i < COUNT(mortal_leftovers); i++) run(w, "main", mortal_leftovers[i]);
  store_close(w);
  store_remove(w);
}

/* The first statement can only get the connection of the second, whose rows come behind its own. */
static void a_read_that_is_repeated_has_its_rows_before_those_sent_behind_it(void **state) {
  (void)state;
  store w;
  waiter other = {.w = &w};
  shunt_session *holders[2];
  shunt_tx *held[2];
  open_mortal(&w, "INSERT INTO gather_deaths VALUES (1, 1)");
  for (size_t i = 0; i < 2; i++) {
    store_fine(&w, shunt_session_open(w.app, NULL, &holders[i], &w.err));
    store_fine(&w, shunt_begin(holders[i], &(shunt_tx_options){.client = "default"}, &held[i], &w.err));
  }
  store_fine(&w, shunt_session_open(w.app, NULL, &other.session, &w.err));
  shunt_observe(w.session, send_the_waiter, &other);
  assert_tree(&w, &with_notes, "1 notes[1 1 1 ] 2 notes[2 2 2 ] 3 notes[3 3 3 ] 4 notes[4 4 4 ] ");
  assert_int_equal(w.statements, 1 + 2 + 2); /* the users, and both of the notes' twice */
  void *failed = NULL;
  assert_true(other.started);
  assert_int_equal(pthread_join(other.thread, &failed), 0);
  if (failed) fail_msg("%s", other.err.message);
  shunt_rollback(other.tx, NULL);
  shunt_session_close(other.session);
  for (size_t i = 0; i < 2; i++) {
    shunt_rollback(held[i], NULL);
    shunt_session_close(holders[i]);
  }
  close_mortal(&w);
}

static void no_read_is_sent_more_than_twice(void **state) {
  (void)state;
  static const struct {
    const char *deaths, *told;
    int64_t runs;
  } cases[] = {{"INSERT INTO gather_deaths VALUES (1, 1), (1, 2)", "gather_run_1", 2},
               {"INSERT INTO gather_deaths VALUES (1, 1), (3, 1), (3, 2)", "gather_run_3", 2},
               /* which was well, except for those before it */
               {"INSERT INTO gather_deaths VALUES (1, 1), (3, 2)", "gather_run_3", 2}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    store w;
    shunt_rows *rows;
    char sql[96];
    open_mortal(&w, cases[i].deaths);
    store_fails(&w, shunt_select(w.session, "user", &with_notes, &rows, &w.err), SHUNT_E_DATASOURCE, "terminat");
    snprintf(sql, sizeof sql, "SELECT last_value FROM %s", cases[i].told);
    store_fine(&w, shunt_sql(w.session, sql, &(shunt_sql_options){.client = "main"}, &rows, NULL, &w.err));
    assert_int_equal(shunt_rows_at(rows, 0)[0].as.integer, cases[i].runs);
    shunt_rows_free(rows);
    close_mortal(&w);
  }
}

/* ---- what is received meanwhile, or not wanted ---- */

/* Statements of the session's own. */
typedef struct reading {
  call c;
  gather g;
  feed feeds[2];
  shunt_status status;
} reading;

static void begin_reading(store *w, reading *r, const char *const *sql, size_t n) {
  site at = {.level = 0};
  memset(r, 0, sizeof *r);
  store_fine(w, call_begin(&r->c, w->session, 0, &w->err));
  store_fine(w, session_named_client(w->session, "main", &at.client, &w->err));
  at.engine = driver_for(at.client->engine);
  gather_begin(&r->c, &r->g);
  for (size_t i = 0; i < n && !r->status; i++) {
    sql_text *text = call_sql(&r->c);
    r->feeds[i].rows = rows_new();
    if (text) sql_puts(text, sql[i]);
    r->status = text && r->feeds[i].rows ? SHUNT_OK : SHUNT_E_MEMORY;
    if (!r->status) r->status = gather_ask(&r->c, &r->feeds[i], text, &at, true, NULL);
  }
}

static void end_reading(reading *r) {
  gather_end(&r->g);
  for (size_t i = 0; i < 2; i++) shunt_rows_free(r->feeds[i].rows);
}

static void a_statement_that_could_not_be_written_stays_so_while_others_are_received(void **state) {
  (void)state;
  store w;
  reading r;
  feed *done;
  open_one(&w, "pg", "model 'user' { table = 'users' }");
  begin_reading(&w, &r, (const char *const[]){"SELECT 1", "SELECT 2 FROM pg_sleep(0.2)"}, 2);
  store_fine(&w, r.status);
  store_fine(&w, gather_next(&r.g, &done));
  assert_ptr_equal(done, &r.feeds[0]);
  assert_int_equal(r.g.reads.nflying, 1);
  sql_text *other = call_sql(&r.c);
  other->text.failed = true; /* there was no memory for its first word */
  r.c.reads->settle(r.c.reads);
  assert_int_equal(r.g.reads.nflying, 0);
  assert_true(other->text.failed);
  end_reading(&r);
  store_close(&w);
  store_remove(&w);
}

static void note_closed(void *ud, const shunt_pool_stats *stats) { *(int64_t *)ud += stats->closed; }

/* MariaDB's would be hung up on, with its answer still to come. */
static void a_connection_whose_answer_there_is_no_memory_for_is_kept(void **state) {
  (void)state;
  store w;
  faults f;
  int64_t closed = 0;
  bool done = false;
  if (!getenv("SHUNT_TEST_MYSQL")) skip();
  faults_on(&f);
  open_one(&w, "mysql", "model 'user' { table = 'users' }");
  for (size_t at = 1; !done; at++) {
    reading r;
    feed *complete;
    f.seen = 0;
    f.failed = false;
    f.fail_at = at;
    begin_reading(&w, &r, (const char *const[]){"SELECT 1"}, 1);
    if (!r.status) r.status = gather_next(&r.g, &complete);
    f.fail_at = 0;
    done = !f.failed;
    assert_true(done || !r.status || r.status == SHUNT_E_MEMORY);
    end_reading(&r);
    run(&w, "main", "SELECT 1");
  }
  shunt_pools(w.app, note_closed, &closed);
  assert_int_equal(closed, 0);
  store_close(&w);
  assert_int_equal(f.live, 0);
  faults_off();
  store_remove(&w);
}

/* ---- memory ---- */

static const char three_rules[] =
    "model 'user' { table = 'gather_users', client = 'main', relations = {\n"
    "  notes = has_many('note', 'user_id', { order = 'id', limit = 2 }),\n"
    "  things = has_many('thing', 'user_id', { order = 'id' }), mine = has_many('mine', 'user_id'),\n"
    "  friends = belongs_to_many('thing', 'user', 'user_id', 'id', { order = '-id' }) } }\n"
    "model 'note' { table = 'gather_letters', client = 'main', relations = { user = belongs_to('user', 'user_id') } }\n"
    "model 'thing' { table = 'gather_things', client = 'second', relations = { user = belongs_to('user', 'user_id') } "
    "}\n"
    "model 'mine' { table = 'mine', client = 'file' }\n";

static const struct {
  const char *client, *sql;
} three_tables[] = {
    {"main", "DROP TABLE IF EXISTS gather_users, gather_letters CASCADE"},
    {"second", "DROP TABLE IF EXISTS gather_things"},
    {"main", "CREATE TABLE gather_users AS SELECT g AS id FROM generate_series(1, 7) AS g"},
    {"main", "CREATE TABLE gather_letters AS SELECT g AS id, g % 7 + 1 AS user_id FROM generate_series(1, 30) AS g"},
    {"second", "CREATE TABLE gather_things (id integer PRIMARY KEY, user_id integer)"},
    {"second", "INSERT INTO gather_things VALUES (1, 1), (2, 1), (3, 2), (4, 7), (5, 7), (6, 3)"},
    {"file", "CREATE TABLE mine (id integer PRIMARY KEY, user_id integer)"},
    {"file", "INSERT INTO mine VALUES (1, 1), (2, 1), (3, 2)"},
};

static void note_busy(void *ud, const shunt_pool_stats *stats) { *(int *)ud += stats->busy; }

static int busy(store *w) {
  int n = 0;
  shunt_pools(w->app, note_busy, &n);
  return n;
}

static const shunt_include user = {.relation = "user"};
static const shunt_include of_user[] = {
    {.relation = "notes", .query = &(shunt_query){.include = &user, .ninclude = 1}},
    {.relation = "things", .query = &(shunt_query){.include = &user, .ninclude = 1}},
    {.relation = "friends"},
    {.relation = "mine"}};
static const shunt_query whole_tree = {
    .order = (const char *const[]){"id"}, .norder = 1, .include = of_user, .ninclude = COUNT(of_user)};

/* A session that knows nothing yet, with what it is to do in a transaction on both servers or without one. */
static void begin_anew(store *w, bool in_transactions, shunt_tx **tx) {
  shunt_session_close(w->session);
  store_open_session(w, NULL);
  w->session->max_params = 6;
  if (!in_transactions) return;
  store_fine(w, shunt_begin(w->session, &(shunt_tx_options){.client = "main", .spanning = "run"}, &tx[0], &w->err));
  store_fine(w, shunt_begin(w->session, &(shunt_tx_options){.client = "second", .spanning = "run"}, &tx[1], &w->err));
}

/* Whether one of its allocations failed, the at-th and with all_after those after it. */
static bool fails_at(store *w, faults *f, size_t at, const char *whole, bool in_transactions) {
  shunt_tx *tx[2] = {NULL, NULL};
  begin_anew(w, in_transactions, tx);
  f->seen = 0;
  f->failed = false;
  f->fail_at = at;
  shunt_rows *rows;
  shunt_status status = shunt_select(w->session, "user", &whole_tree, &rows, &w->err);
  bool failed = f->failed;
  f->fail_at = 0;
  if (!failed) store_fine(w, status);
  if (status) assert_int_equal(status, SHUNT_E_MEMORY);
  char *tree = status ? NULL : print(rows);
  if (tree) assert_string_equal(tree, whole);
  shunt_free(tree);
  shunt_rows_free(rows);
  for (size_t i = 0; i < 2; i++) shunt_rollback(tx[i], NULL);
  assert_int_equal(busy(w), 0);
  assert_tree(w, &whole_tree, whole); /* the same session goes on */
  return failed;
}

static void an_include_over_three_engines_that_runs_out_of_memory_loses_nothing(void **state) {
  (void)state;
  store w;
  faults f;
  char config[1024];
  const char *pg = getenv("SHUNT_TEST_PG"), *mysql = getenv("SHUNT_TEST_MYSQL");
  if (!pg || !mysql) skip();
  snprintf(config, sizeof config,
           "database: {defaultClient: main, base: {pool: {max: 4}}, clients: {\n"
           "  main: {engine: pg, connection: {url: \"%s\"}}, second: {engine: mysql, connection: {url: \"%s\"}},\n"
           "  file: {engine: sqlite3, connection: {filename: \":memory:\"}}}}\n"
           "rules: {path: [rules], timeout: 10s, instructions: 100000000}\n",
           pg, mysql);
  faults_on(&f);
  open_app(&w, config, three_rules);
  for (size_t i = 0; i < COUNT(three_tables); i++) run(&w, three_tables[i].client, three_tables[i].sql);
  shunt_rows *rows;
  store_fine(&w, shunt_select(w.session, "user", &whole_tree, &rows, &w.err));
  char *whole = print(rows);
  shunt_rows_free(rows);
  for (int way = 0; way < 4; way++) {
    size_t at = 1;
    f.all_after = way & 1;
    while (fails_at(&w, &f, at, whole, way & 2)) at++;
    assert_true(at > 50);
  }
  for (size_t i = 0; i < 2; i++) run(&w, three_tables[i].client, three_tables[i].sql);
  shunt_free(whole);
  store_close(&w);
  assert_int_equal(f.live, 0);
  faults_off();
  store_remove(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_read_that_is_repeated_has_its_rows_before_those_sent_behind_it),
      cmocka_unit_test(no_read_is_sent_more_than_twice),
      cmocka_unit_test(a_statement_that_could_not_be_written_stays_so_while_others_are_received),
      cmocka_unit_test(a_connection_whose_answer_there_is_no_memory_for_is_kept),
      cmocka_unit_test(an_include_over_three_engines_that_runs_out_of_memory_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
