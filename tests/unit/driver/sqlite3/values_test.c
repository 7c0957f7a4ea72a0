/* Values come back from SQLite as they went in, and lie in the file as SQLite itself would have written them. */
#define _POSIX_C_SOURCE 200809L
#include <float.h>
#include <math.h>

#include "unit/driver/sqlite3/database.h"
#include "unit/random.h"

static int begin(void **state) {
  static database d;
  database_begin(&d);
  database_open(&d);
  run(&d, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  *state = &d;
  return 0;
}

static int end(void **state) {
  database_end(*state);
  return 0;
}

static void assert_same(const shunt_value *got, const shunt_value *want) {
  assert_int_equal(got->type, want->type);
  assert_int_equal(got->size, want->size);
  if (want->type == SHUNT_TEXT || want->type == SHUNT_BLOB) {
    assert_memory_equal(got->as.bytes, want->as.bytes, want->size);
    assert_int_equal(got->as.bytes[got->size], 0);
  } else if (want->type != SHUNT_NULL) {
    assert_memory_equal(&got->as, &want->as, sizeof got->as);
  }
}

/* Through the database, and straight through a statement. */
static void round_trip(database *d, shunt_value v) {
  run(d, "DELETE FROM t");
  run_with(d, "INSERT INTO t (v) VALUES (?)", &v, 1);
  run(d, "SELECT v FROM t");
  assert_same(&shunt_rows_at(d->rows, 0)[0], &v);
  run_with(d, "SELECT ?", &v, 1);
  assert_same(&shunt_rows_at(d->rows, 0)[0], &v);
}

static void extremes_come_back_as_they_went(void **state) {
  database *d = *state;
  round_trip(d, shunt_null());
  static const int64_t integers[] = {
      0, 1, -1, 127, 128, 32768, 8388608, INT32_MIN, INT64_MIN, INT64_MAX, 9007199254740993};
  for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) round_trip(d, shunt_integer(integers[i]));
  static const double numbers[] = {0.0,     1.0,      -1.0,      0.1,      DBL_MAX,   -DBL_MAX,
                                   DBL_MIN, 4.9e-324, 1.0 / 3.0, HUGE_VAL, -HUGE_VAL, 9007199254740992.0};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) round_trip(d, shunt_float(numbers[i]));
  round_trip(d, shunt_text("", 0));
  round_trip(d, shunt_text(NULL, 0));
  round_trip(d, shunt_text("a\0b", 3));
  round_trip(d, shunt_text("\0", 1));
  round_trip(d, shunt_text("7", 1));
  round_trip(d, shunt_text("'; DROP TABLE t; --", 19));
  round_trip(d, shunt_text("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", 11));
  round_trip(d, shunt_blob("", 0));
  round_trip(d, shunt_blob(NULL, 0));
  round_trip(d, shunt_blob("\0\xff\0", 3));
}

static void a_boolean_is_kept_as_0_or_1(void **state) {
  database *d = *state;
  shunt_value two[] = {shunt_boolean(false), shunt_boolean(true)};
  run_with(d, "SELECT ?, ?", two, 2);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(shunt_rows_at(d->rows, 0)[i].type, SHUNT_INTEGER);
    assert_int_equal(shunt_rows_at(d->rows, 0)[i].as.integer, i);
  }
}

static void nan_is_refused_and_not_made_null(void **state) {
  database *d = *state;
  shunt_value two[] = {shunt_integer(1), shunt_float(nan(""))};
  assert_fails(d, try_with(d, "INSERT INTO t VALUES (?, ?)", two, 2), SHUNT_E_USAGE, "parameter 2 is not a number");
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), 0);
}

static void large_values_come_back_as_they_went(void **state) {
  database *d = *state;
  enum { SIZE = 5000000 };
  char *large = malloc(SIZE);
  assert_non_null(large);
  for (size_t i = 0; i < SIZE; i++) large[i] = (char)(i * 7 + i / 251);
  round_trip(d, shunt_blob(large, SIZE));
  round_trip(d, shunt_text(large, SIZE));
  free(large);
}

static shunt_value random_value(rng *r, char *bytes, size_t room) {
  double number;
  uint64_t bits;
  size_t size = rng_below(r, rng_below(r, 8) ? 30 : room);
  for (size_t i = 0; i < size; i++) bytes[i] = (char)rng_below(r, rng_below(r, 4) ? 128 : 256);
  switch (rng_below(r, 5)) {
  case 0:
    return shunt_null();
  case 1:
    return shunt_integer((int64_t)(rng_next(r) >> rng_below(r, 64)));
  case 2:
    bits = rng_next(r);
    memcpy(&number, &bits, sizeof number);
    return shunt_float(isnan(number) || number == 0.0 ? 0.5 : number);
  case 3:
    return shunt_text(bytes, size);
  default:
    return shunt_blob(bytes, size);
  }
}

/* What SQLite itself says stands in the file, without shunt's eyes. */
static void assert_stored(database *d, sqlite3_stmt *stmt, const shunt_value *want) {
  static const char *const names[] = {[SHUNT_NULL] = "null",
                                      [SHUNT_INTEGER] = "integer",
                                      [SHUNT_FLOAT] = "real",
                                      [SHUNT_TEXT] = "text",
                                      [SHUNT_BLOB] = "blob"};
  (void)d;
  assert_string_equal((const char *)sqlite3_column_text(stmt, 1), names[want->type]);
  if (want->type == SHUNT_INTEGER) assert_true(sqlite3_column_int64(stmt, 0) == want->as.integer);
  if (want->type == SHUNT_FLOAT) {
    double number = sqlite3_column_double(stmt, 0);
    assert_memory_equal(&number, &want->as.number, sizeof number);
  }
  if (want->type != SHUNT_TEXT && want->type != SHUNT_BLOB) return;
  assert_int_equal(sqlite3_column_bytes(stmt, 0), want->size);
  if (want->size) assert_memory_equal(sqlite3_column_blob(stmt, 0), want->as.bytes, want->size);
}

static void random_values_are_stored_and_read_as_sqlite_sees_them(void **state) {
  database *d = *state;
  enum { N = 3000, ROOM = 3000 };
  rng r = rng_start("values"), again = r;
  static char bytes[ROOM];
  assert_int_equal(d->conn->engine->begin(d->conn, NULL, false, &d->err), SHUNT_OK);
  for (int i = 0; i < N; i++) {
    shunt_value row[] = {shunt_integer(i), random_value(&r, bytes, ROOM)};
    run_with(d, "INSERT INTO t VALUES (?, ?)", row, 2);
    assert_int_equal(d->affected, 1);
    assert_int_equal(d->id, i);
  }
  assert_int_equal(d->conn->engine->commit(d->conn, &d->err), SHUNT_OK);
  sqlite3_stmt *stmt;
  assert_int_equal(sqlite3_prepare_v2(database_raw(d), "SELECT v, typeof(v) FROM t ORDER BY id", -1, &stmt, NULL), 0);
  run(d, "SELECT id, v FROM t ORDER BY id");
  assert_int_equal(shunt_rows_count(d->rows), N);
  for (size_t i = 0; i < N; i++) {
    shunt_value want = random_value(&again, bytes, ROOM);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_stored(d, stmt, &want);
    assert_same(&shunt_rows_at(d->rows, i)[1], &want);
  }
  sqlite3_finalize(stmt);
}

static void a_text_constant_stays_text_row_after_row(void **state) {
  database *d = *state;
  run(d, "INSERT INTO t (v) VALUES ('x'), ('abc'), ('y')");
  run(d, "SELECT 'abc', 'abc' = v, 'abc' || v, typeof('abc') FROM t WHERE 'abc' = v OR v < 'z' ORDER BY id");
  for (size_t i = 0; i < 3; i++) {
    const shunt_value *cells = shunt_rows_at(d->rows, i);
    assert_int_equal(cells[0].type, SHUNT_TEXT);
    assert_string_equal(cells[0].as.bytes, "abc");
    assert_int_equal(cells[1].as.integer, i == 1);
    assert_int_equal(cells[2].size, i == 1 ? 6 : 4);
    assert_string_equal(cells[3].as.bytes, "text");
  }
}

static void a_database_in_utf16_gives_utf8(void **state) {
  (void)state;
  database d;
  database_begin(&d);
  raw_exec(&d, "PRAGMA encoding = 'UTF-16'; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  database_open(&d);
  round_trip(&d, shunt_text("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", 11));
  round_trip(&d, shunt_text("", 0));
  round_trip(&d, shunt_text("a\0b", 3));
  round_trip(&d, shunt_blob("\xff\xfe", 2));
  database_end(&d);
}

static void columns_are_named_and_may_share_a_name(void **state) {
  database *d = *state;
  run(d, "SELECT id, v, id, 1 AS \"one more\" FROM t");
  assert_int_equal(shunt_rows_count(d->rows), 0);
  assert_int_equal(shunt_rows_ncolumns(d->rows), 4);
  assert_string_equal(shunt_rows_column(d->rows, 0), "id");
  assert_string_equal(shunt_rows_column(d->rows, 2), "id");
  assert_string_equal(shunt_rows_column(d->rows, 3), "one more");
}

static void more_columns_than_most_tables_have_are_read(void **state) {
  database *d = *state;
  static char sql[4000];
  size_t at = (size_t)snprintf(sql, sizeof sql, "SELECT 0 AS c0");
  for (int i = 1; i < 200; i++) at += (size_t)snprintf(sql + at, sizeof sql - at, ", %d AS c%d", i, i);
  run(d, sql);
  assert_int_equal(shunt_rows_ncolumns(d->rows), 200);
  assert_string_equal(shunt_rows_column(d->rows, 199), "c199");
  assert_int_equal(shunt_rows_at(d->rows, 0)[199].as.integer, 199);
}

static void rows_of_several_statements_add_up(void **state) {
  database *d = *state;
  const driver_engine *e = d->conn->engine;
  run(d, "SELECT 1 AS a, 2 AS b");
  static const char more[] = "SELECT 3, 4", fewer[] = "SELECT 5";
  assert_int_equal(e->send(d->conn, more, sizeof more - 1, NULL, 0, &d->err), SHUNT_OK);
  assert_int_equal(e->receive(d->conn, d->rows, NULL, NULL, &d->err), SHUNT_OK);
  assert_int_equal(shunt_rows_count(d->rows), 2);
  assert_int_equal(shunt_rows_at(d->rows, 1)[1].as.integer, 4);
  assert_int_equal(e->send(d->conn, fewer, sizeof fewer - 1, NULL, 0, &d->err), SHUNT_OK);
  assert_fails(d, e->receive(d->conn, d->rows, NULL, NULL, &d->err), SHUNT_E_USAGE, "1 columns where 2 were expected");
  assert_int_equal(shunt_rows_count(d->rows), 2);
}

static void counts_what_was_written(void **state) {
  database *d = *state;
  run(d, "INSERT INTO t (v) VALUES (1), (2), (3)");
  assert_int_equal(d->affected, 3);
  assert_int_equal(d->id, 3);
  run(d, "SELECT * FROM t");
  assert_int_equal(d->affected, 0);
  assert_int_equal(d->id, 0);
  run(d, "UPDATE t SET v = 9 WHERE v > 1");
  assert_int_equal(d->affected, 2);
  run(d, "UPDATE t SET v = 9 WHERE v > 100");
  assert_int_equal(d->affected, 0);
  run(d, "CREATE TABLE other (a)");
  assert_int_equal(d->affected, 0);
  run(d, "INSERT INTO t (v) VALUES (7) RETURNING id, v");
  assert_int_equal(d->affected, 1);
  assert_int_equal(shunt_rows_at(d->rows, 0)[0].as.integer, 4);
  run(d, "DELETE FROM t");
  assert_int_equal(d->affected, 4);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(extremes_come_back_as_they_went),
      TEST(a_boolean_is_kept_as_0_or_1),
      TEST(nan_is_refused_and_not_made_null),
      TEST(large_values_come_back_as_they_went),
      TEST(random_values_are_stored_and_read_as_sqlite_sees_them),
      TEST(a_text_constant_stays_text_row_after_row),
      cmocka_unit_test(a_database_in_utf16_gives_utf8),
      TEST(columns_are_named_and_may_share_a_name),
      TEST(more_columns_than_most_tables_have_are_read),
      TEST(rows_of_several_statements_add_up),
      TEST(counts_what_was_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
