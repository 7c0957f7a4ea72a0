/* Keys that stand for exact numbers are told apart to their last digit; the same number written otherwise is the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "query/value.h"
#include "unit/random.h"

static shunt_value exact(const char *text) {
  shunt_value v = shunt_text(text, strlen(text));
  return value_exact(&v);
}

static bool same(const char *a, const char *b) {
  shunt_value x = exact(a), y = exact(b);
  bool equal = value_equal(&x, &y, DRIVER_BINARY);
  if (equal) assert_int_equal(value_hash(&x, DRIVER_BINARY), value_hash(&y, DRIVER_BINARY));
  return equal;
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decimals_that_a_double_would_round_stay_apart),
      cmocka_unit_test(the_same_number_written_otherwise_is_the_same),
      cmocka_unit_test(numbers_of_few_digits_are_those_of_other_engines),
      cmocka_unit_test(what_is_no_number_stays_text),
      cmocka_unit_test(random_decimals_compare_by_their_digits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
