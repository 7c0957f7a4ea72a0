/* Tables are described by SQLite's behaviour, not only by their declaration. */
#define _POSIX_C_SOURCE 200809L
#include "unit/driver/sqlite3/database.h"

#include "unit/random.h"

static int begin(void **state) {
  static database d;
  database_begin(&d);
  database_open(&d);
  run(&d, "CREATE TABLE users (id INTEGER PRIMARY KEY, Email TEXT NOT NULL COLLATE NOCASE, code CHAR(8) COLLATE RTRIM, "
          "age INT, score REAL, data BLOB, anything, total AS (age + 1), price DECIMAL(10,2))");
  run(&d, "CREATE VIEW grown AS SELECT id, Email, code AS short, age, Email || 'x' AS longer FROM users");
  *state = &d;
  return 0;
}

static int end(void **state) {
  database_end(*state);
  return 0;
}

static driver_table *describe(database *d, const char *table) {
  driver_table *t = NULL;
  if (d->conn->engine->describe(d->conn, NULL, table, &t, &d->err)) fail_msg("%s", d->err.message);
  return t;
}

static void assert_column(const driver_table *t, const char *name, const driver_column *want) {
  const driver_column *got = driver_table_column(t, name);
  assert_non_null(got);
  assert_string_equal(got->name, want->name);
  assert_string_equal(got->type, want->type);
  assert_int_equal(got->nullable, want->nullable);
  assert_int_equal(got->key, want->key);
  assert_int_equal(got->numeric, want->numeric);
  assert_int_equal(got->text, want->text);
  assert_int_equal(got->collation, want->collation);
}

static void a_tables_columns_are_told(void **state) {
  driver_table *t = describe(*state, "users");
  static const driver_column want[] = {
      {.name = "id", .type = "INTEGER", .key = 1, .numeric = true},
      {.name = "Email", .type = "TEXT", .text = true, .collation = DRIVER_NOCASE},
      {.name = "code", .type = "CHAR(8)", .nullable = true, .text = true, .collation = DRIVER_RTRIM},
      {.name = "age", .type = "INT", .nullable = true, .numeric = true},
      {.name = "score", .type = "REAL", .nullable = true, .numeric = true},
      {.name = "data", .type = "BLOB", .nullable = true},
      {.name = "anything", .type = "", .nullable = true},
      {.name = "total", .type = "", .nullable = true},
      {.name = "price", .type = "DECIMAL(10,2)", .nullable = true, .numeric = true},
  };
  assert_int_equal(t->count, sizeof want / sizeof *want);
  for (size_t i = 0; i < t->count; i++) {
    assert_string_equal(t->columns[i].name, want[i].name);
    assert_column(t, want[i].name, &want[i]);
  }
  driver_table_free(t);
}

static void names_are_found_in_any_case(void **state) {
  driver_table *t = describe(*state, "USERS");
  assert_ptr_equal(driver_table_column(t, "EMAIL"), &t->columns[1]);
  assert_ptr_equal(driver_table_column(t, "email"), &t->columns[1]);
  assert_null(driver_table_column(t, "emai"));
  assert_null(driver_table_column(t, ""));
  char longer[1000];
  memset(longer, 'E', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  assert_null(driver_table_column(t, longer));
  driver_table_free(t);
  run(*state, "CREATE TABLE \"odd \"\"one\" (\"a \"\"b\" TEXT COLLATE NOCASE, \"Gr\xc3\x9c\" INT)");
  t = describe(*state, "odd \"one");
  assert_int_equal(driver_table_column(t, "A \"B")->collation, DRIVER_NOCASE);
  assert_non_null(driver_table_column(t, "gr\xc3\x9c"));
  assert_null(driver_table_column(t, "gr\xc3\xbc")); /* ASCII alone is folded, as SQLite does */
  driver_table_free(t);
}

static void a_view_is_told_like_a_table(void **state) {
  driver_table *t = describe(*state, "grown");
  static const driver_column want[] = {
      {.name = "id", .type = "INTEGER", .nullable = true, .numeric = true},
      {.name = "Email", .type = "TEXT", .nullable = true, .text = true, .collation = DRIVER_NOCASE},
      {.name = "short", .type = "CHAR(8)", .nullable = true, .text = true, .collation = DRIVER_RTRIM},
      {.name = "age", .type = "INT", .nullable = true, .numeric = true},
      {.name = "longer", .type = "", .nullable = true},
  };
  assert_int_equal(t->count, sizeof want / sizeof *want);
  for (size_t i = 0; i < t->count; i++) assert_column(t, want[i].name, &want[i]);
  driver_table_free(t);
}

static void keys_of_every_kind_are_told(void **state) {
  database *d = *state;
  run(d, "CREATE TABLE pair (b INT, a INT, v, PRIMARY KEY (a, b))");
  run(d, "CREATE TABLE word (w TEXT PRIMARY KEY, n INT) WITHOUT ROWID");
  run(d, "CREATE TABLE number (n INT PRIMARY KEY)");
  run(d, "CREATE TABLE exact (a ANY, b INTEGER) STRICT");
  run(d, "CREATE TABLE loose (a ANY)");
  driver_table *t = describe(d, "pair");
  assert_int_equal(t->columns[0].key, 2);
  assert_int_equal(t->columns[1].key, 1);
  assert_int_equal(t->columns[2].key, 0);
  assert_true(t->columns[0].nullable);
  assert_null(t->sole_key);
  driver_table_free(t);
  t = describe(d, "word");
  assert_int_equal(t->columns[0].key, 1);
  assert_ptr_equal(t->sole_key, &t->columns[0]);
  assert_false(t->columns[0].nullable);
  driver_table_free(t);
  t = describe(d, "number"); /* INT is not INTEGER: no row number, and SQLite lets it be null */
  assert_true(t->columns[0].nullable);
  driver_table_free(t);
  t = describe(d, "exact");
  assert_null(t->sole_key);
  assert_false(t->columns[0].numeric);
  assert_true(t->columns[1].numeric);
  driver_table_free(t);
  t = describe(d, "loose");
  assert_true(t->columns[0].numeric);
  driver_table_free(t);
}

static void hidden_columns_of_a_virtual_table_are_left_out(void **state) {
  database *d = *state;
  if (try_run(d, "CREATE VIRTUAL TABLE page USING fts5(title, body)")) skip(); /* a SQLite without FTS5 */
  driver_table *t = describe(d, "page");
  assert_int_equal(t->count, 2);
  assert_string_equal(t->columns[1].name, "body");
  assert_null(driver_table_column(t, "rank"));
  driver_table_free(t);
  run(d, "DROP TABLE page");
}

static void a_table_that_is_not_there_has_its_nearest_name_told(void **state) {
  database *d = *state;
  driver_table *t = NULL;
  static const struct {
    const char *name, *words;
  } wrong[] = {
      {"usres", "client 'main' has no table 'usres'; did you mean 'users'?"},
      {"growm", "did you mean 'grown'?"},
      {"main.users", "has no table 'main.users'"},
      {"'; DROP TABLE users; --", "has no table ''; DROP TABLE users; --'"},
      {"", "has no table ''"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_fails(d, d->conn->engine->describe(d->conn, NULL, wrong[i].name, &t, &d->err), SHUNT_E_NOT_FOUND,
                 wrong[i].words);
  assert_null(t);
  driver_table_free(describe(d, "users"));
}

static void a_view_of_nothing_says_what_it_misses(void **state) {
  database *d = *state;
  driver_table *t = NULL;
  run(d, "CREATE VIEW broken AS SELECT * FROM gone");
  shunt_status got = d->conn->engine->describe(d->conn, NULL, "broken", &t, &d->err);
  assert_fails(d, got, SHUNT_E_NOT_FOUND, "no such table: main.gone");
  assert_null(t);
}

static void equal_tables_are_equal_and_others_are_not(void **state) {
  database *d = *state;
  driver_table *a = describe(d, "users"), *b = describe(d, "users"), *c = describe(d, "grown");
  assert_true(driver_table_equal(a, b));
  assert_false(driver_table_equal(a, c));
  driver_table_free(b);
  run(d, "ALTER TABLE users RENAME COLUMN code TO kode");
  b = describe(d, "users");
  assert_false(driver_table_equal(a, b));
  driver_table_free(a);
  driver_table_free(b);
  driver_table_free(c);
}

/* typeof() of a text that looks like a number, and of a number, shows a column's affinity. */
static void affinity_is_what_sqlite_does(void **state) {
  database *d = *state;
  static const char *const parts[] = {"INT", "CHAR", "CLOB", "TEXT", "BLOB", "REAL", "FLOA",    "DOUB",
                                      "BIG", "DATE", "BOOL", "int",  "text", "x",    "POINTER", "STRING"};
  enum { PARTS = sizeof parts / sizeof *parts };
  rng r = rng_start("affinity");
  for (int i = 0; i < 300; i++) {
    char sql[200];
    snprintf(sql, sizeof sql, "CREATE TABLE a (v %s%s%s)", parts[rng_below(&r, PARTS)], rng_below(&r, 2) ? " " : "",
             rng_below(&r, 3) ? "" : parts[rng_below(&r, PARTS)]);
    run(d, sql);
    run(d, "INSERT INTO a VALUES ('7'), (7)");
    bool numeric = integer_of(d, "SELECT count(*) FROM a WHERE typeof(v) IN ('integer', 'real')") == 2;
    bool text = integer_of(d, "SELECT count(*) FROM a WHERE typeof(v) = 'text'") == 2;
    driver_table *t = describe(d, "a");
    if (t->columns[0].numeric != numeric || t->columns[0].text != text) fail_msg("%s", sql);
    driver_table_free(t);
    run(d, "DROP TABLE a");
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(a_tables_columns_are_told),
      TEST(names_are_found_in_any_case),
      TEST(a_view_is_told_like_a_table),
      TEST(keys_of_every_kind_are_told),
      TEST(hidden_columns_of_a_virtual_table_are_left_out),
      TEST(a_table_that_is_not_there_has_its_nearest_name_told),
      TEST(a_view_of_nothing_says_what_it_misses),
      TEST(equal_tables_are_equal_and_others_are_not),
      TEST(affinity_is_what_sqlite_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
