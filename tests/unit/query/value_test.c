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
    }
    sqlite3_finalize(stmt);
  }
  sqlite3_close(db);
}

/* Before its version 3.53, SQLite wrote 15 digits; now it writes 17, and not always the shortest text. */
static bool is_written_alike(const shunt_value *v) {
  char room[NUMBER_BYTES];
  if (v->type == SHUNT_INTEGER) return true;
  snprintf(room, sizeof room, "%.15g", v->as.number);
  bool of_15_digits = strtod(room, NULL) == v->as.number,
       of_binary_digits = fabs(v->as.number) < 1e15 && fmod(v->as.number * 64, 1) == 0;
  return of_15_digits && (of_binary_digits || sqlite3_libversion_number() < 3053000);
}

static void nan_comes_after_all_numbers_and_equals_itself(void **state) {
  (void)state;
  shunt_value nan = shunt_float(NAN), others[] = {shunt_float(26.5), shunt_float(INFINITY), shunt_float(-INFINITY),
                                                  shunt_integer(INT64_MAX), shunt_integer(INT64_MIN)};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    assert_true(value_compare(&nan, &others[i], DRIVER_BINARY) > 0);
    assert_true(value_compare(&others[i], &nan, DRIVER_BINARY) < 0);
    assert_false(value_equal(&nan, &others[i], DRIVER_BINARY));
  }
  assert_true(value_equal(&nan, &nan, DRIVER_BINARY));
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
    double digits = (double)((int64_t)rng_below(&r, 2000000000000) - 1000000000000),
           far = pow(10, (double)rng_below(&r, 20));
    shunt_value v = i % 3 == 0   ? shunt_integer((int64_t)rng_next(&r))
                    : i % 3 == 1 ? shunt_float((double)rng_below(&r, 100000) / 64)
                                 : shunt_float(rng_below(&r, 2) ? digits * far : digits / far);
    v = value_canonical(&v, false);
    bind(stmt, 1, &v);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    room[value_as_text(&v, room)] = 0;
    if (is_written_alike(&v))
      assert_string_equal(room, (const char *)sqlite3_column_text(stmt, 0));
    else if (strtod(room, NULL) != v.as.number)
      fail_msg("%s is not %.17g", room, v.as.number);
    sqlite3_reset(stmt);
  }
  sqlite3_finalize(stmt);
  sqlite3_close(db);
}

/* ---- exact numbers: distinguished to their last digit; the same number written otherwise is the same ---- */

static shunt_value exact(const char *text) {
  shunt_value v = shunt_text(text, strlen(text));
  return value_exact(&v);
}

static bool same(const char *a, const char *b) {
  shunt_value x = exact(a), y = exact(b);
  return value_equal(&x, &y, DRIVER_BINARY);
}

static void decimals_that_a_double_would_round_stay_apart(void **state) {
  (void)state;
  assert_false(same("18446744073709551615", "18446744073709551614"));
  assert_false(same("123456789012345678901.01", "123456789012345678901.02"));
  assert_false(same("0.12345678901234567891", "0.12345678901234567892"));
  assert_false(same("-18446744073709551615", "18446744073709551615"));
}

static void the_same_number_written_otherwise_is_the_same(void **state) {
  (void)state;
  assert_true(same("123456789012345678901.50", "123456789012345678901.5"));
  assert_true(same("123456789012345678901.00", "123456789012345678901"));
  assert_true(same("12345678901234567.0", "12345678901234567"));
  assert_true(same("1.50", "1.5"));
  assert_true(same("0.00", "0"));
  assert_true(same("100.00", "100"));
  assert_true(same(" 7 ", "7.0"));
}

static void numbers_of_few_digits_are_those_of_other_engines(void **state) {
  (void)state;
  shunt_value integer = shunt_integer(7), number = shunt_float(0.1), big = shunt_integer(INT64_MAX), v;
  v = exact("7.00");
  assert_true(value_equal(&v, &integer, DRIVER_BINARY));
  v = exact("0.10");
  assert_true(value_equal(&v, &number, DRIVER_BINARY));
  v = exact("9223372036854775807.000");
  assert_true(value_equal(&v, &big, DRIVER_BINARY));
}

static void what_is_no_number_stays_text(void **state) {
  (void)state;
  static const char *const texts[] = {"", "-", ".", "abc", "12345678901234567890x", "1.2.3", "--1"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    shunt_value v = exact(texts[i]);
    assert_int_equal(v.type, SHUNT_TEXT);
    assert_int_equal(v.size, strlen(texts[i]));
  }
}

/* Two random decimals are the same where their digits are, once what doesn't count is gone. */
static void random_decimals_compare_by_their_digits(void **state) {
  (void)state;
  rng r = rng_start("value_exact");
  for (int n = 0; n < 100000; n++) {
    char a[64], b[64];
    size_t whole = 1 + rng_below(&r, 22), fraction = rng_below(&r, 6), at = 0;
    for (size_t i = 0; i < whole; i++) a[at++] = (char)('0' + (i ? rng_below(&r, 10) : 1 + rng_below(&r, 9)));
    if (fraction) a[at++] = '.';
    for (size_t i = 0; i < fraction; i++) a[at++] = (char)('0' + rng_below(&r, 10));
    a[at] = 0;
    memcpy(b, a, at + 1);
    if (rng_below(&r, 2)) {
      size_t digit = rng_below(&r, at);
      if (b[digit] == '.') continue;
      b[digit] = b[digit] == '9' ? '8' : (char)(b[digit] + 1);
      assert_false(same(a, b));
    } else {
      if (!fraction) b[at++] = '.';
      for (size_t zeros = rng_below(&r, 5); zeros; zeros--) b[at++] = '0';
      if (b[at - 1] == '.') b[at++] = '0';
      b[at] = 0;
      assert_true(same(a, b));
    }
  }
}

static void digits_after_the_point_are_counted(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int digits;
  } cases[] = {
      {"", 0},
      {"7", 0},
      {"-7.", 0},
      {"1.5", 1},
      {"1.500", 1},
      {".25", 2},
      {"1.25e1", 1},
      {"125e-2", 2},
      {"1.E2", 0},
      {"1.5e-3", 4},
      {"NaN", 0},
      {"12:00:00.120", 2},
      {"e.5", 1},
      {"1e400", 0},
      {"e", 0},
      {"P1DT2.123S", 3},
      {"seven", 0},
      {"-Infinity", 0},
      {"Dec 3 1:2:3.4", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    shunt_value v = text(cases[i].text);
    if (value_digits(&v) != cases[i].digits) fail_msg("%s has %d digits", cases[i].text, value_digits(&v));
  }
  shunt_value sum = shunt_float(0.1 + 0.2), whole = shunt_float(1e20), small = shunt_float(1e-7);
  assert_int_equal(value_digits(&sum), 1);
  assert_int_equal(value_digits(&whole), 0);
  assert_int_equal(value_digits(&small), 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decimals_that_a_double_would_round_stay_apart),
      cmocka_unit_test(the_same_number_written_otherwise_is_the_same),
      cmocka_unit_test(numbers_of_few_digits_are_those_of_other_engines),
      cmocka_unit_test(what_is_no_number_stays_text),
      cmocka_unit_test(random_decimals_compare_by_their_digits),
      cmocka_unit_test(digits_after_the_point_are_counted),
      cmocka_unit_test(numbers_have_one_form_whatever_they_are_written_as),
      cmocka_unit_test(null_equals_nothing),
      cmocka_unit_test(values_are_ordered_as_sqlite_orders_them),
      cmocka_unit_test(nan_comes_after_all_numbers_and_equals_itself),
      cmocka_unit_test(numbers_are_written_as_sqlite_writes_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
