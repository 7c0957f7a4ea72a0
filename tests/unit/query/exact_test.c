/* Numbers as the exact type of an engine that bends what does not fit: exactly, or as one in the same place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/exact.h"

/* Six digits, three of them after the point. */
static const driver_engine engine = {.decimal_type = "EXACT(6, %d)", .decimal_most = 6, .decimal_scale = 3};
static const driver_column money = {.exact = true, .whole = 3, .digits = 1}, full = {.exact = true, .whole = 6},
                           fine = {.exact = true, .whole = 3, .digits = 3}, unknown = {.exact = true};

static void numbers_keep_their_place_among_those_of_the_column(void **state) {
  (void)state;
  static const struct {
    const driver_column *column;
    const char *given, *text, *type; /* text NULL: refused */
  } cases[] = {
      {&money, "1.5", "1.5", "EXACT(6, 1)"},
      {&money, " +007.50 ", "7.5", "EXACT(6, 1)"},
      {&money, "-0.125e2", "-12.5", "EXACT(6, 1)"},
      {&money, "1e-3", "0.001", "EXACT(6, 3)"},
      {&money, "0e99", "0", "EXACT(6, 0)"},
      {&money, "999999", "999999", "EXACT(6, 0)"},
      {&money, "1e6", "999999", "EXACT(6, 0)"},
      {&money, "-12345678e-1", "-999999", "EXACT(6, 0)"},
      {&money, "-1e999999999", "-999999", "EXACT(6, 0)"},
      {&money, "10000000.25e-1", "999999", "EXACT(6, 0)"},
      {&money, "1.9999", "1.95", "EXACT(6, 2)"},
      {&money, "-1.9999", "-1.95", "EXACT(6, 2)"},
      {&money, "1e-4", "0.05", "EXACT(6, 2)"},
      {&money, "123.10001", "123.15", "EXACT(6, 2)"},
      {&full, "123456", "123456", "EXACT(6, 0)"},
      {&full, "12345.00001", "12345.5", "EXACT(6, 1)"},
      {&full, "123456.1", NULL, NULL},
      {&full, "1e6", NULL, NULL},
      {&fine, "999.999", "999.999", "EXACT(6, 3)"},
      {&fine, "1000.0001", "999999", "EXACT(6, 0)"},
      {&fine, "0.0001", NULL, NULL},
      {&unknown, "123.456", "123.456", "EXACT(6, 3)"},
      {&unknown, "1e6", NULL, NULL},
      {&unknown, "0.0001", NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena a = {0};
    char type[EXACT_TYPE_BYTES];
    shunt_value given = shunt_text(cases[i].given, strlen(cases[i].given));
    if (exact_fits(&engine, cases[i].column, &given) != (cases[i].text != NULL)) fail_msg("%s", cases[i].given);
    if (!cases[i].text) continue;
    shunt_value got = exact_text(&a, &engine, cases[i].column, &given, type);
    assert_string_equal(got.as.bytes, cases[i].text);
    assert_int_equal(got.size, strlen(cases[i].text));
    assert_string_equal(type, cases[i].type);
    arena_free(&a);
  }
}

static void a_number_to_add_is_cast_exactly_or_not_at_all(void **state) {
  (void)state;
  char type[EXACT_TYPE_BYTES];
  shunt_value quarter = shunt_float(0.25), small = shunt_float(0.0625), large = shunt_text("1e6", 3);
  assert_true(exact_can_add(&engine, &quarter));
  exact_type_of(&engine, &quarter, type);
  assert_string_equal(type, "EXACT(6, 2)");
  assert_false(exact_can_add(&engine, &small));
  assert_false(exact_can_add(&engine, &large));
}

static void an_engine_without_casts_takes_every_number(void **state) {
  (void)state;
  const driver_engine other = {0};
  shunt_value large = shunt_text("1e999", 5);
  assert_true(exact_fits(&other, &money, &large));
  assert_true(exact_can_add(&other, &large));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_keep_their_place_among_those_of_the_column),
      cmocka_unit_test(a_number_to_add_is_cast_exactly_or_not_at_all),
      cmocka_unit_test(an_engine_without_casts_takes_every_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
