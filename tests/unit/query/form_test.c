/* The forms of values that columns keep, and texts that are numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/digits.h"
#include "query/form.h"

static shunt_value text(const char *t) { return shunt_text(t, strlen(t)); }

typedef struct form_case {
  driver_form form;
  const char *type;
  size_t length;
  const char *kept, *refused; /* lists with | between */
} form_case;

static void assert_each(const driver_column *column, const char *list, bool expected) {
  while (*list) {
    size_t size = strcspn(list, "|");
    shunt_value v = shunt_text(list, size);
    if (form_holds(column, &v) != expected) fail_msg("%s: '%.*s'", column->type, (int)size, list);
    list += size + (list[size] == '|');
  }
}

static void texts_are_kept_or_refused(void **state) {
  (void)state;
  static const form_case cases[] = {
      {DRIVER_FORM_LENGTH, "varchar(3)", 3, "abc|ab |äöü|toolong", "abc |äöü "},
      {DRIVER_FORM_BYTES, "tinytext", 3, "abc|ab ", "abc |ä  "},
      {DRIVER_FORM_TRIMMED, "char(3)", 3, "abc| a", "a | "},
      {DRIVER_FORM_BYTE, "\"char\"", 0, "a| ", "ab|ä"},
      {DRIVER_FORM_SIZE, "binary(2)", 2, "ab|  ", "a|abc"},
      {DRIVER_FORM_LABEL, "enum('a','it''s','x\\\\y','10')", 0, "a|it's|x\\y|10", "A|1|2|a |it''s|,|b"},
      {DRIVER_FORM_LABELS, "set('a','b','c')", 0, "a|a,b|a,c|a,b,c", "1|b,a|a,a|a,|,a|d|a,d|A"},
      {DRIVER_FORM_YEAR, "year", 0, "1901|2155|0000", "99|0|1900|2156|02026|year"},
      {DRIVER_FORM_DATE, "date", 0, "2026-11-24|2026-1-2|infinity|2026-11-24 00:00:00|2026-11-24T00:00|0044-03-15 BC",
       "26-11-24|20261124|2026/11/24|2026-11-24 12:00|2026-11-24 00:00:00.5|2026-11-24 00:00:00Z|today|2026-11-24 "},
      {DRIVER_FORM_TIME, "time", 0, "12:30|12:30:00|-838:59:59|12:30:00.5",
       "1230|12|12:30:00Z|12:30:60|12:60|2026-11-24 12:30|12:30.5"},
      {DRIVER_FORM_MOMENT, "timestamp", 0, "2026-11-24|2026-11-24 12:30|2026-11-24T12:30:00.123|-infinity",
       "2026-11-24 12:30:00+02|2026-11-24T12:30:00Z|2026-11-24 24:00|20261124|now"},
      {DRIVER_FORM_ZONED_MOMENT, "timestamptz", 0, "2026-11-24 12:30:00+02|2026-11-24", "now|12:30"},
      {DRIVER_FORM_ZONED_TIME, "timetz", 0, "12:30:00+02|12:30", "now|1230"},
      {DRIVER_FORM_SPELLED, "STRING", 0, "123|abc|0.5|007x|-7", "007| 7|1.50|1e3|+7|12345678901234567890|-0"},
      {DRIVER_FORM_NUMBER, "INTEGER", 0, "007| 7|1.50|1e3|9007199254740993|abc",
       "9223372036854775808|1e400|0.12345678901234567"},
      {DRIVER_FORM_REAL, "REAL", 0, "007|1.50|9007199254740992", "9007199254740993|0.12345678901234567"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    driver_column column = {.type = cases[i].type, .form = cases[i].form, .length = cases[i].length};
    assert_each(&column, cases[i].kept, true);
    assert_each(&column, cases[i].refused, false);
  }
}

static void numbers_are_no_labels_years_or_dates(void **state) {
  (void)state;
  static const driver_form forms[] = {DRIVER_FORM_LABEL,  DRIVER_FORM_LABELS, DRIVER_FORM_DATE,       DRIVER_FORM_TIME,
                                      DRIVER_FORM_MOMENT, DRIVER_FORM_SIZE,   DRIVER_FORM_ZONED_TIME, DRIVER_FORM_YEAR};
  shunt_value one = shunt_integer(1), yes = shunt_boolean(true), half = shunt_float(1.5);
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    driver_column column = {.type = "enum('1','2')", .form = forms[i], .length = 1};
    assert_false(form_holds(&column, &one) || form_holds(&column, &yes) || form_holds(&column, &half));
  }
  driver_column year = {.type = "year", .form = DRIVER_FORM_YEAR};
  shunt_value good = shunt_integer(2026), zero = shunt_integer(0), whole = shunt_float(2026);
  assert_true(form_holds(&year, &good) && form_holds(&year, &zero) && form_holds(&year, &whole));
}

static void texts_that_are_numbers_are_known_digit_by_digit(void **state) {
  (void)state;
  static const char *const numbers[] = {"0", "-1", "+1.", ".5", " 7 ", "1e5", "1E-5", "00.10"};
  static const char *const others[] = {"", ".", "-", "1e", "e5", "1 2", "0x1F", "1_000", "NaN", "1,5"};
  static const char *const fit[] = {"0.1", "9007199254740992", "0.30000000000000004", "-0", "1e22", "1.50", "1e-300"};
  static const char *const lossy[] = {"9007199254740993", "1e400", "1e-400", "0.12345678901234567",
                                      "9007199254740993.0"};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    shunt_value v = text(numbers[i]);
    if (!digits_are_number(&v)) fail_msg("'%s' is a number", numbers[i]);
  }
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    shunt_value v = text(others[i]);
    if (digits_are_number(&v)) fail_msg("'%s' is no number", others[i]);
  }
  for (size_t i = 0; i < sizeof fit / sizeof *fit; i++) {
    shunt_value v = text(fit[i]);
    if (!digits_fit_double(&v)) fail_msg("'%s' fits", fit[i]);
  }
  for (size_t i = 0; i < sizeof lossy / sizeof *lossy; i++) {
    shunt_value v = text(lossy[i]);
    if (digits_fit_double(&v)) fail_msg("'%s' does not fit", lossy[i]);
  }
}

static void words_and_integers_are_told_apart(void **state) {
  (void)state;
  shunt_value nan = text("NaN"), infinity = text("-Infinity"), other = text("inf"), whole = text("-7"),
              point = text("7.");
  assert_true(digits_are_word(&nan) && digits_are_word(&infinity) && !digits_are_word(&other));
  assert_true(digits_are_integer(&whole) && !digits_are_integer(&point));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_kept_or_refused),
      cmocka_unit_test(numbers_are_no_labels_years_or_dates),
      cmocka_unit_test(texts_that_are_numbers_are_known_digit_by_digit),
      cmocka_unit_test(words_and_integers_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
