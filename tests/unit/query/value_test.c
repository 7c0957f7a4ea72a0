/* Values compared by what they mean: as SQLite orders and joins them, whatever chance makes of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "query/value.h"
#include "unit/random.h"

static shunt_value text(const char *t) { return shunt_text(t, strlen(t)); }

static void assert_canonical(shunt_value given, bool numeric, shunt_value expected) {
  shunt_value got = value_canonical(&given, numeric);
  if (got.type != expected.type || !value_equal(&got, &expected, DRIVER_BINARY))
    fail_msg("%.*s gives type %d, not %d", (int)given.size, given.size ? given.as.bytes : "", got.type, expected.type);
}

static void numbers_have_one_form_whatever_they_are_written_as(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool plain, number; /* read as the number without and with a number column beside it */
    double value;
  } cases[] = {{"1", true, true, 1},      {"-1", true, true, -1},
               {"0", true, true, 0},      {"-0", false, true, 0},
               {"01", false, true, 1},    {"+1", false, true, 1},
               {" 1 ", false, true, 1},   {"1.0", false, true, 1},
               {"1e2", false, true, 100}, {".5", false, true, 0.5},
               {"5.", false, true, 5},    {"1.5e-1", false, true, 0.15},
               {"", false, false, 0},     {"-", false, false, 0},
               {".", false, false, 0},    {"e5", false, false, 0},
               {"1e", false, false, 0},   {"1x", false, false, 0},
               {"0x10", false, false, 0}, {"inf", false, false, 0},
               {"nan", false, false, 0},  {"9007199254740993", true, true, 9007199254740993.0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    shunt_value as_text = text(cases[i].text), as_float = shunt_float(cases[i].value),
                number = value_canonical(&as_float, false);
    if (cases[i].value > 1e15) number = shunt_integer(9007199254740993);
    assert_canonical(as_text, false, cases[i].plain ? number : as_text);
    assert_canonical(as_text, true, cases[i].number ? number : as_text);
  }
  assert_canonical(shunt_boolean(true), false, shunt_integer(1));
  assert_canonical(shunt_float(-3.0), false, shunt_integer(-3));
  assert_canonical(text("9223372036854775807"), false, shunt_integer(INT64_MAX));
  assert_canonical(text("-9223372036854775808"), false, shunt_integer(INT64_MIN));
  assert_canonical(text("9223372036854775808"), false, text("9223372036854775808"));
  assert_canonical(text("9223372036854775808"), true, shunt_float(9223372036854775808.0));
  assert_canonical(shunt_float(9223372036854775808.0), false, shunt_float(9223372036854775808.0));
  assert_canonical(shunt_blob("1", 1), true, shunt_blob("1", 1));
}

static void null_equals_nothing(void **state) {
  (void)state;
  shunt_value null = shunt_null();
  assert_false(value_equal(&null, &null, DRIVER_BINARY));
}

/* ---- against SQLite ---- */

static shunt_value random_value(rng *r, char *room) {
  static const char letters[] = "aAbB1 .\xc3";
  size_t size = rng_below(r, 4);
  switch (rng_below(r, 7)) {
  case 0:
    return shunt_integer((int64_t)rng_below(r, 5) - 2);
  case 1:
    return shunt_integer(rng_below(r, 2) ? INT64_MAX - (int64_t)rng_below(r, 3) : INT64_MIN + (int64_t)rng_below(r, 3));
  case 2:
    return shunt_float(((double)rng_below(r, 9) - 4) / 2);
  case 3:
    return shunt_float(rng_below(r, 2) ? 9223372036854775808.0 : -9223372036854775808.0);
  case 4:
    return shunt_null();
  default:
    for (size_t i = 0; i < size; i++) room[i] = letters[rng_below(r, sizeof letters - 1)];
    return rng_below(r, 4) ? shunt_text(room, size) : shunt_blob(room, size);
  }
}

static void bind(sqlite3_stmt *stmt, int at, const shunt_value *v) {
  int rc = v->type == SHUNT_INTEGER ? sqlite3_bind_int64(stmt, at, v->as.integer)
           : v->type == SHUNT_FLOAT ? sqlite3_bind_double(stmt, at, v->as.number)
           : v->type == SHUNT_TEXT  ? sqlite3_bind_text(stmt, at, v->as.bytes, (int)v->size, SQLITE_STATIC)
           : v->type == SHUNT_BLOB  ? sqlite3_bind_blob(stmt, at, v->as.bytes, (int)v->size, SQLITE_STATIC)
                                    : sqlite3_bind_null(stmt, at);
  assert_int_equal(rc, SQLITE_OK);
}

static void values_are_ordered_as_sqlite_orders_them(void **state) {
  (void)state;
  static const char *const collations[] = {"BINARY", "NOCASE", "RTRIM"};
  rng r = rng_start("value order");
  sqlite3 *db;
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  for (int c = 0; c < 3; c++) {
    char sql[200];
    sqlite3_stmt *stmt;
    snprintf(sql, sizeof sql,
             "WITH v(i, x) AS (VALUES (0, ?1), (1, ?2)) SELECT group_concat(i, '') FROM (SELECT i, x FROM v ORDER BY x "
             "COLLATE %s, i DESC)",
             collations[c]);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    for (int i = 0; i < 20000; i++) {
      char room[2][4];
      shunt_value a = random_value(&r, room[0]), b = random_value(&r, room[1]);
      bind(stmt, 1, &a);
      bind(stmt, 2, &b);
      assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
      bool less = strcmp((const char *)sqlite3_column_text(stmt, 0), "01") == 0; /* equal ones come as 10 */
      sqlite3_reset(stmt);
      if (less != (value_compare(&a, &b, (driver_collation)c) < 0))
        fail_msg("types %d and %d, collation %s: %d", a.type, b.type, collations[c], less);
      assert_int_equal(value_compare(&a, &b, (driver_collation)c) > 0, value_compare(&b, &a, (driver_collation)c) < 0);
      shunt_value x = value_canonical(&a, false), y = value_canonical(&b, false);
      if (value_equal(&x, &y, (driver_collation)c))
        assert_true(value_hash(&x, (driver_collation)c) == value_hash(&y, (driver_collation)c));
    }
    sqlite3_finalize(stmt);
  }
  sqlite3_close(db);
}

static void numbers_are_written_as_sqlite_writes_them(void **state) {
  (void)state;
  rng r = rng_start("value text");
  sqlite3 *db;
  sqlite3_stmt *stmt;
  char room[VALUE_TEXT_BYTES];
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT CAST(? AS TEXT)", -1, &stmt, NULL), SQLITE_OK);
  for (int i = 0; i < 20000; i++) {
    /* of 15 digits at most: of the ones behind, SQLite's own conversion is off by one now and then */
    double digits = (double)((int64_t)rng_below(&r, 2000000000000) - 1000000000000),
           far = pow(10, (double)rng_below(&r, 20));
    shunt_value v = i % 3 == 0   ? shunt_integer((int64_t)rng_next(&r))
                    : i % 3 == 1 ? shunt_float((double)rng_below(&r, 100000) / 64)
                                 : shunt_float(rng_below(&r, 2) ? digits * far : digits / far);
    v = value_canonical(&v, false);
    bind(stmt, 1, &v);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    room[value_as_text(&v, room)] = 0;
    assert_string_equal(room, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_reset(stmt);
  }
  sqlite3_finalize(stmt);
  sqlite3_close(db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_have_one_form_whatever_they_are_written_as),
      cmocka_unit_test(null_equals_nothing),
      cmocka_unit_test(values_are_ordered_as_sqlite_orders_them),
      cmocka_unit_test(numbers_are_written_as_sqlite_writes_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
