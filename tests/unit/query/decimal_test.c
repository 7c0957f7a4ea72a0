/* Sums of decimals against sums of scaled integers. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "query/decimal.h"
#include "unit/random.h"

static shunt_value text_of(const char *text) { return shunt_text(text, strlen(text)); }

static void assert_sum(const char *x, const char *y, const char *want) {
  arena a = {0};
  shunt_value left = text_of(x), right = text_of(y), sum;
  assert_int_equal(decimal_add(&a, &left, &right, &sum), SHUNT_OK);
  assert_int_equal(sum.size, strlen(want));
  assert_memory_equal(sum.as.bytes, want, sum.size);
  arena_free(&a);
}

static void digits_after_the_point_are_kept(void **state) {
  (void)state;
  assert_sum("1.50", "-1.50", "0.00");
  assert_sum("0.1", "0.02", "0.12");
  assert_sum("-0.005", "0.004", "-0.001");
  assert_sum("99.99", "0.01", "100.00");
  assert_sum("100", "-0.01", "99.99");
  assert_sum("9223372036854775807", "1", "9223372036854775808");
  assert_sum("123456789012345678901234567890.1", "0.9", "123456789012345678901234567891.0");
}

static void other_texts_are_no_decimals(void **state) {
  (void)state;
  static const char *const others[] = {"", "-", ".", ".5", "1e5", "NaN", "1.2.3", "1 ", "a", "1,5"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    shunt_value v = text_of(others[i]);
    assert_false(decimal_is(&v));
  }
}

/* The number in units of 10^-scale, as text with that scale. */
static void write_scaled(int64_t number, int scale, char room[64]) {
  uint64_t units = number < 0 ? 0 - (uint64_t)number : (uint64_t)number, power = 1;
  for (int i = 0; i < scale; i++) power *= 10;
  int size = snprintf(room, 64, "%s%" PRIu64, number < 0 ? "-" : "", units / power);
  if (scale) snprintf(room + size, (size_t)(64 - size), ".%0*" PRIu64, scale, units % power);
}

static void sums_are_exact(void **state) {
  (void)state;
  rng r = rng_start("decimal");
  for (int i = 0; i < 20000; i++) {
    int scale = (int)(rng_next(&r) % 7);
    int64_t x = (int64_t)rng_next(&r) >> (rng_next(&r) % 60 + 2), y = (int64_t)rng_next(&r) >> (rng_next(&r) % 60 + 2);
    char left[64], right[64], want[64];
    write_scaled(x, scale, left);
    write_scaled(y, scale, right);
    write_scaled(x + y, scale, want);
    assert_sum(left, right, want);
  }
}

static void assert_order(const char *x, const char *y, int want) {
  shunt_value left = text_of(x), right = text_of(y);
  int forwards = decimal_compare(&left, &right), backwards = decimal_compare(&right, &left);
  if ((forwards > 0) - (forwards < 0) != want || (backwards > 0) - (backwards < 0) != -want)
    fail_msg("%s and %s compare as %d and %d", x, y, forwards, backwards);
}

static void all_digits_are_compared(void **state) {
  (void)state;
  assert_order("12345678901234567890.1", "12345678901234567890.2", -1);
  assert_order("007.50", "7.5", 0);
  assert_order("-0.00", "0", 0);
  assert_order("-1", "0.5", -1);
  assert_order("-10", "-9.99", -1);
  assert_order("0.10", "0.09999999999999999999", 1);
  rng r = rng_start("decimals in order");
  for (int i = 0; i < 20000; i++) {
    int scale = (int)(rng_next(&r) % 7);
    int64_t x = (int64_t)rng_next(&r) >> (rng_next(&r) % 60 + 2), y = (int64_t)rng_next(&r) >> (rng_next(&r) % 60 + 2);
    char left[64], right[64];
    if (rng_next(&r) % 8 == 0) y = x;
    write_scaled(x, scale, left);
    write_scaled(y, scale, right);
    assert_order(left, right, (x > y) - (x < y));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(digits_after_the_point_are_kept),
      cmocka_unit_test(other_texts_are_no_decimals),
      cmocka_unit_test(sums_are_exact),
      cmocka_unit_test(all_digits_are_compared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
