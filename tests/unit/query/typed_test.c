/* The forms of values as declared types, and what is not of a type. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/typed.h"
#include "query/typed_fits.h"

static shunt_value text(const char *t) { return shunt_text(t, strlen(t)); }

typedef struct type_case {
  cat_type type;
  const char *given, *expected; /* NULL: refused */
} type_case;

static void texts_have_one_form(void **state) {
  (void)state;
  static const type_case cases[] = {
      {CAT_TYPE_DATE, "2026-11-24", "2026-11-24"},
      {CAT_TYPE_DATE, "2026-1-2", "2026-01-02"},
      {CAT_TYPE_DATE, "2026-11-24 00:00:00.000", "2026-11-24"},
      {CAT_TYPE_DATE, "2026-11-24 12:00:00", NULL},
      {CAT_TYPE_DATE, "2026-13-24", NULL},
      {CAT_TYPE_DATE, "2026-02-29", NULL},
      {CAT_TYPE_DATE, "2024-02-29", "2024-02-29"},
      {CAT_TYPE_DATE, "1900-02-29", NULL},
      {CAT_TYPE_DATE, "2000-02-29", "2000-02-29"},
      {CAT_TYPE_DATE, "2026-04-31", NULL},
      {CAT_TYPE_DATE, "0000-01-01", NULL},
      {CAT_TYPE_DATE, "24.11.2026", NULL},
      {CAT_TYPE_DATE, "infinity", NULL},
      {CAT_TYPE_TIME, "12:30", "12:30:00"},
      {CAT_TYPE_TIME, "12:30:00.500", "12:30:00.5"},
      {CAT_TYPE_TIME, "12:30:00.000000", "12:30:00"},
      {CAT_TYPE_TIME, "-838:59:59", "-838:59:59"},
      {CAT_TYPE_TIME, "12:30:00+00", "12:30:00"},
      {CAT_TYPE_TIME, "12:30:00+02", NULL},
      {CAT_TYPE_TIME, "12:60", NULL},
      {CAT_TYPE_TIME, "12:30:00.12345678901234567", NULL},
      {CAT_TYPE_DATETIME, "2026-11-24", "2026-11-24 00:00:00"},
      {CAT_TYPE_DATETIME, "2026-11-24T12:30:00.120Z", "2026-11-24 12:30:00.12"},
      {CAT_TYPE_DATETIME, "2026-11-24 12:30:00+00:00", "2026-11-24 12:30:00"},
      {CAT_TYPE_DATETIME, "2026-11-24 12:30:00+01", NULL},
      {CAT_TYPE_DATETIME, "2026-11-24 24:00:00", NULL},
      {CAT_TYPE_UUID, "0E37DF36F69811E68DD4CB9CED3DF976", "0e37df36-f698-11e6-8dd4-cb9ced3df976"},
      {CAT_TYPE_UUID, "0e37df36-f698-11e6-8dd4-cb9ced3df976", "0e37df36-f698-11e6-8dd4-cb9ced3df976"},
      {CAT_TYPE_UUID, "0e37df36f-698-11e6-8dd4-cb9ced3df976", NULL},
      {CAT_TYPE_UUID, "7", NULL},
      {CAT_TYPE_DECIMAL, "1.5", "1.50"},
      {CAT_TYPE_DECIMAL, "-7", "-7.00"},
      {CAT_TYPE_DECIMAL, " 7 ", "7.00"},
      {CAT_TYPE_DECIMAL, "0.125", "0.125"},
      {CAT_TYPE_DECIMAL, "1e3", NULL},
      {CAT_TYPE_DECIMAL, "x", NULL}};
  driver_column column = {.type = "DECIMAL(10,2)", .kind = DRIVER_ANYTHING};
  arena a = {0};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    shunt_value given = text(cases[i].given), out;
    bool is = typed_convert(cases[i].type, &column, &given, &a, &out);
    if (is != (cases[i].expected != NULL)) fail_msg("%s: %d", cases[i].given, is);
    if (is) assert_string_equal(cases[i].expected, out.as.bytes);
  }
  arena_free(&a);
}

static void assert_decimal(double given, const char *type, const char *expected) {
  driver_column column = {.type = type, .kind = DRIVER_ANYTHING};
  arena a = {0};
  shunt_value v = shunt_float(given), out;
  assert_true(typed_convert(CAT_TYPE_DECIMAL, &column, &v, &a, &out));
  assert_string_equal(expected, out.as.bytes);
  arena_free(&a);
}

static void decimals_have_no_exponent_and_the_digits_of_the_column(void **state) {
  (void)state;
  assert_decimal(12.5, "DECIMAL(10, 2)", "12.50");
  assert_decimal(12, "NUMERIC", "12");
  assert_decimal(1e20, "NUMERIC", "100000000000000000000");
  assert_decimal(1.5e-7, "NUMERIC", "0.00000015");
  assert_decimal(-0.1, "DECIMAL(5,1)", "-0.1");
}

static void booleans_and_numbers_are_exact(void **state) {
  (void)state;
  driver_column column = {.type = "INTEGER"};
  arena a = {0};
  shunt_value out, one = shunt_integer(1), two = shunt_integer(2), half = shunt_float(0.5), word = text("true"),
                   nan = text("NaN"), large = text("9223372036854775808"), digits = text("9007199254740993"),
                   not = text("x"), infinite = shunt_float(INFINITY);
  assert_true(typed_convert(CAT_TYPE_BOOLEAN, &column, &one, &a, &out) && out.type == SHUNT_BOOL && out.as.boolean);
  assert_true(typed_convert(CAT_TYPE_BOOLEAN, &column, &word, &a, &out) && out.as.boolean);
  assert_false(typed_convert(CAT_TYPE_BOOLEAN, &column, &two, &a, &out));
  assert_false(typed_convert(CAT_TYPE_INTEGER, &column, &half, &a, &out));
  assert_false(typed_convert(CAT_TYPE_INTEGER, &column, &large, &a, &out));
  assert_true(typed_convert(CAT_TYPE_INTEGER, &column, &digits, &a, &out) && out.as.integer == 9007199254740993);
  assert_true(typed_convert(CAT_TYPE_NUMBER, &column, &one, &a, &out) && out.type == SHUNT_FLOAT);
  assert_true(typed_convert(CAT_TYPE_NUMBER, &column, &nan, &a, &out) && isnan(out.as.number));
  assert_false(typed_convert(CAT_TYPE_NUMBER, &column, &not, &a, &out));
  const shunt_value odd = shunt_integer((INT64_C(1) << 53) + 1); /* a double would change it */
  assert_false(typed_convert(CAT_TYPE_NUMBER, &column, &odd, &a, &out));
  assert_false(typed_convert(CAT_TYPE_DECIMAL, &column, &infinite, &a, &out));
  assert_false(typed_convert(CAT_TYPE_DECIMAL, &column, &nan, &a, &out));
  arena_free(&a);
}

typedef struct fit_case {
  cat_type type;
  const char *column, *fits, *outside, *too_large; /* lists with | between */
} fit_case;

static void assert_fits(const fit_case *k, const char *list, shunt_status expected) {
  bool of_texts = k->type == CAT_TYPE_TEXT || k->type == CAT_TYPE_JSON;
  driver_column column = {.type = k->column, .kind = DRIVER_ANYTHING, .text = of_texts, .numeric = !of_texts};
  arena a = {0};
  while (*list) {
    size_t size = strcspn(list, "|");
    shunt_value v = shunt_text(arena_strndup(&a, list, size), size);
    typed_fit fit = typed_fits(k->type, &column, &v);
    if (fit.status != expected) fail_msg("%s, '%s': %s", k->column, v.as.bytes, fit.why ? fit.why : "fits");
    assert_true((fit.why != NULL) == (expected != SHUNT_OK));
    list += size + (list[size] == '|');
  }
  arena_free(&a);
}

static void values_fit_every_engine_and_the_column(void **state) {
  (void)state;
  static const fit_case cases[] = {
      {CAT_TYPE_DECIMAL, "DECIMAL(10,2)", "99999999.99|-99999999.99|0000000000.50|1.500|0", "",
       "100000000|1.239|-100000000.00"},
      {CAT_TYPE_DECIMAL, "NUMERIC", "100000000000000000.12345", "", ""},
      {CAT_TYPE_TEXT, "VARCHAR(3)", "abc|\xc3\xa4\xc3\xa4\xc3\xa4|", "\xff", "abcd"},
      {CAT_TYPE_TEXT, "TEXT", "abcdefghijklm", "", ""},
      {CAT_TYPE_TIME, "TIME", "00:00:00|23:59:59.999999", "24:00:00|838:59:59|-00:00:01", "12:30:00.1234567"},
      {CAT_TYPE_TIME, "TIME(2)", "12:30:00.12", "", "12:30:00.123"},
      {CAT_TYPE_DATETIME, "DATETIME", "2026-11-24 12:30:00.123456", "", "2026-11-24 12:30:00.1234567"},
      {CAT_TYPE_JSON, "TEXT", "{\"a\":[1,0.1]}|\"\\ud83d\\ude00\"",
       "{|{\"a\":1,\"a\":1}|\"\\u0000\"|\"\\ud800\"|[1e400]|[18446744073709551616]", ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_fits(&cases[i], cases[i].fits, SHUNT_OK);
    assert_fits(&cases[i], cases[i].outside, SHUNT_E_USAGE);
    assert_fits(&cases[i], cases[i].too_large, SHUNT_E_CONSTRAINT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_have_one_form),
      cmocka_unit_test(values_fit_every_engine_and_the_column),
      cmocka_unit_test(decimals_have_no_exponent_and_the_digits_of_the_column),
      cmocka_unit_test(booleans_and_numbers_are_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
