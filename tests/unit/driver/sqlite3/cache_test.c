/* Prepared statements are kept within bounds, used again, and see the schema as it is. */
#define _POSIX_C_SOURCE 200809L
#include "unit/driver/sqlite3/database.h"

#include "base/alloc.h"
#include "driver/sqlite3/conn.h"
#include "unit/random.h"

static int begin(void **state) {
  static database d;
  database_begin(&d);
  database_open(&d);
  run(&d, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
  run(&d, "INSERT INTO t VALUES (1, 'one'), (2, 'two')");
  *state = &d;
  return 0;
}

static int end(void **state) {
  database_end(*state);
  return 0;
}

static const sql_cache *cache_of(database *d) { return &sqlite_of(d->conn)->cache; }

static const statement *newest(database *d) { return sqlite_statement_of(cache_of(d)->newest); }

static void the_same_text_is_prepared_once(void **state) {
  database *d = *state;
  run(d, "SELECT v FROM t WHERE id = 1");
  sqlite3_stmt *first = newest(d)->stmt;
  run(d, "SELECT v FROM t WHERE id = 2");
  assert_ptr_not_equal(newest(d)->stmt, first);
  size_t count = cache_of(d)->count;
  run(d, "SELECT v FROM t WHERE id = 1");
  assert_ptr_equal(newest(d)->stmt, first);
  assert_int_equal(cache_of(d)->count, count);
  assert_string_equal(shunt_rows_at(d->rows, 0)[0].as.bytes, "one");
}

static void a_text_that_failed_is_not_kept(void **state) {
  database *d = *state;
  size_t count = cache_of(d)->count, bytes = cache_of(d)->bytes;
  assert_int_equal(try_run(d, "SELECT missing FROM t"), SHUNT_E_NOT_FOUND);
  assert_int_equal(try_run(d, "SELECT 1; SELECT 2"), SHUNT_E_USAGE);
  assert_int_equal(cache_of(d)->count, count);
  assert_int_equal(cache_of(d)->bytes, bytes);
}

/* A list kept the slow way is what the cache is compared with. */
typedef struct model {
  int order[CACHE_MOST + 1]; /* newest first */
  size_t count;
} model;

static bool model_use(model *m, int which) {
  size_t at = 0;
  while (at < m->count && m->order[at] != which) at++;
  bool known = at < m->count;
  if (!known && m->count < CACHE_MOST) at = m->count++;
  if (!known && at == CACHE_MOST) at = CACHE_MOST - 1;
  memmove(m->order + 1, m->order, at * sizeof *m->order);
  m->order[0] = which;
  return known;
}

static void the_least_recently_used_goes_first(void **state) {
  database *d = *state;
  rng r = rng_start("cache");
  database_close(d);
  database_open(d);
  model m = {.count = 0};
  for (int i = 0; i < 20000; i++) {
    int which = (int)rng_below(&r, rng_below(&r, 3) ? 100 : 300);
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT %d AS n", which);
    model_use(&m, which);
    assert_int_equal(integer_of(d, sql), which);
    if (i % 500) continue;
    assert_int_equal(cache_of(d)->count, m.count);
    const cache_entry *e = cache_of(d)->newest;
    for (size_t at = 0; at < m.count; at++, e = e->older) {
      snprintf(sql, sizeof sql, "SELECT %d AS n", m.order[at]);
      assert_string_equal(e->sql, sql);
    }
    assert_null(e);
  }
  int open = 0;
  for (sqlite3_stmt *s = NULL; (s = sqlite3_next_stmt(sqlite_of(d->conn)->db, s));) open++;
  assert_int_equal(open, CACHE_MOST + NCONTROLS);
}

static void long_texts_are_not_hoarded(void **state) {
  database *d = *state;
  enum { LONG = 60000 };
  char *sql = malloc(LONG + 64);
  assert_non_null(sql);
  for (int i = 0; i < 20; i++) {
    size_t size = (size_t)snprintf(sql, 64, "SELECT %d --", 10 + i);
    memset(sql + size, '-', LONG);
    sql[size + LONG] = 0;
    assert_int_equal(integer_of(d, sql), 10 + i);
    assert_in_range(cache_of(d)->bytes, LONG, CACHE_MOST_BYTES);
  }
  free(sql);
  assert_in_range(cache_of(d)->count, 1, 5);
}

static void a_text_beyond_the_bound_still_runs(void **state) {
  database *d = *state;
  enum { N = 32766 };
  char *sql = malloc(N * 12 + 100);
  shunt_value *params = malloc(N * sizeof *params);
  assert_non_null(sql);
  assert_non_null(params);
  size_t at = (size_t)snprintf(sql, 100, "SELECT count(*) FROM t WHERE id IN (?");
  for (int i = 0; i < N; i++) params[i] = shunt_integer(i + 2);
  for (int i = 1; i < N; i++) at += (size_t)snprintf(sql + at, 20, ",         ?");
  snprintf(sql + at, 20, ")");
  assert_true(at > CACHE_MOST_BYTES);
  assert_int_equal(driver_sqlite3.max_params, N);
  for (int i = 0; i < 2; i++) {
    run_with(d, sql, params, N);
    assert_int_equal(shunt_rows_at(d->rows, 0)[0].as.integer, 1);
  }
  assert_int_equal(cache_of(d)->count, 1);
  free(sql);
  free(params);
}

static void a_changed_table_is_seen_by_what_was_prepared(void **state) {
  database *d = *state;
  run(d, "SELECT * FROM t ORDER BY id");
  assert_int_equal(shunt_rows_ncolumns(d->rows), 2);
  raw_exec(d, "ALTER TABLE t ADD COLUMN w DEFAULT 'new'");
  run(d, "SELECT * FROM t ORDER BY id");
  assert_int_equal(shunt_rows_ncolumns(d->rows), 3);
  assert_string_equal(shunt_rows_column(d->rows, 2), "w");
  assert_string_equal(shunt_rows_at(d->rows, 1)[2].as.bytes, "new");
  run(d, "ALTER TABLE t DROP COLUMN v");
  run(d, "SELECT * FROM t ORDER BY id");
  assert_int_equal(shunt_rows_ncolumns(d->rows), 2);
  assert_string_equal(shunt_rows_column(d->rows, 1), "w");
  raw_exec(d, "DROP TABLE t");
  assert_fails(d, try_run(d, "SELECT * FROM t ORDER BY id"), SHUNT_E_NOT_FOUND, "no such table: t");
}

static void nothing_of_the_caller_is_kept(void **state) {
  database *d = *state;
  char *text = malloc(4);
  assert_non_null(text);
  memcpy(text, "two", 4);
  shunt_value v = shunt_text(text, 3);
  static const char sql[] = "SELECT id FROM t WHERE v = ?";
  run_with(d, sql, &v, 1);
  memset(text, 'x', 3);
  free(text);
  sqlite3_stmt *stmt = newest(d)->stmt;
  char *expanded = sqlite3_expanded_sql(stmt);
  assert_string_equal(expanded, "SELECT id FROM t WHERE v = NULL");
  sqlite3_free(expanded);
  assert_false(sqlite3_stmt_busy(stmt));
}

static void what_was_sent_and_never_received_is_dropped(void **state) {
  database *d = *state;
  const driver_engine *e = d->conn->engine;
  static const char sql[] = "DELETE FROM t WHERE v = ?";
  shunt_value v = shunt_text("one", 3);
  assert_int_equal(e->send(d->conn, sql, sizeof sql - 1, &v, 1, &d->err), SHUNT_OK);
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), 2);
  assert_int_equal(e->receive(d->conn, NULL, NULL, NULL, &d->err), SHUNT_E_INTERNAL);
  assert_int_equal(e->send(d->conn, sql, sizeof sql - 1, &v, 1, &d->err), SHUNT_OK);
  assert_int_equal(e->begin(d->conn, NULL, false, &d->err), SHUNT_OK);
  assert_int_equal(e->receive(d->conn, NULL, NULL, NULL, &d->err), SHUNT_E_INTERNAL);
  e->rollback(d->conn);
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), 2);
}

static void rows_may_be_thrown_away(void **state) {
  database *d = *state;
  const driver_engine *e = d->conn->engine;
  static const char sql[] = "UPDATE t SET v = 'x' RETURNING id";
  int64_t affected = 0;
  assert_int_equal(e->send(d->conn, sql, sizeof sql - 1, NULL, 0, &d->err), SHUNT_OK);
  assert_int_equal(e->receive(d->conn, NULL, &affected, NULL, &d->err), SHUNT_OK);
  assert_int_equal(affected, 2);
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t WHERE v = 'x'"), 2);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(the_same_text_is_prepared_once),
      TEST(a_text_that_failed_is_not_kept),
      TEST(the_least_recently_used_goes_first),
      TEST(long_texts_are_not_hoarded),
      TEST(a_text_beyond_the_bound_still_runs),
      TEST(a_changed_table_is_seen_by_what_was_prepared),
      TEST(nothing_of_the_caller_is_kept),
      TEST(what_was_sent_and_never_received_is_dropped),
      TEST(rows_may_be_thrown_away),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
