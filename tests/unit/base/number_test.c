/* Doubles as text: exactly, as short as can be, in any locale. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "unit/random.h"

static void assert_written(double number, const char *want) {
  char room[NUMBER_BYTES];
  size_t size = number_write(number, room);
  assert_string_equal(room, want);
  assert_int_equal(size, strlen(want));
}

static void numbers_are_written_as_short_as_can_be(void **state) {
  (void)state;
  assert_written(0.1, "0.1");
  assert_written(1.0, "1");
  assert_written(-2.5, "-2.5");
  assert_written(1e20, "1e+20");
  assert_written(0.1 + 0.2, "0.30000000000000004");
  assert_written(5e-324, "5e-324");
  assert_written(INFINITY, "Infinity");
  assert_written(-INFINITY, "-Infinity");
  assert_written(NAN, "NaN");
}

static void assert_round_trips(rng *r, int times) {
  for (int i = 0; i < times; i++) {
    uint64_t bits = rng_next(r);
    double number, back;
    char room[NUMBER_BYTES];
    memcpy(&number, &bits, sizeof number);
    if (isnan(number)) continue;
    size_t size = number_write(number, room);
    assert_null(memchr(room, ',', size));
    back = number_read(room, size);
    assert_memory_equal(&number, &back, sizeof number);
  }
}

static void every_number_comes_back_as_it_was(void **state) {
  (void)state;
  rng r = rng_start("number");
  assert_round_trips(&r, 200000);
}

/* A decimal of up to 20 digits, with a point anywhere, also in front or at the end. */
static size_t random_decimal(rng *r, char *room) {
  size_t digits = 1 + rng_next(r) % 20, point = rng_next(r) % (digits + 2), n = 0;
  if (rng_next(r) % 2) room[n++] = '-';
  for (size_t i = 0; i < digits; i++) {
    if (i == point) room[n++] = '.';
    room[n++] = (char)('0' + rng_next(r) % 10);
  }
  if (point == digits) room[n++] = '.';
  room[n] = 0;
  return n;
}

static void decimals_are_read_as_the_c_library_reads_them(void **state) {
  (void)state;
  static const char *const odd[] = {"-0",
                                    "0.1",
                                    "-.5",
                                    "5.",
                                    "123456789012345",
                                    "1234567890123456",
                                    "0.000000000000001",
                                    "1e3",
                                    "1.e",
                                    "..1",
                                    "1-2",
                                    " 1",
                                    "-",
                                    "0x10",
                                    "",
                                    ".",
                                    "-.",
                                    "1.2.3"};
  rng r = rng_start("decimals");
  for (int i = 0; i < 200000; i++) {
    char room[32];
    size_t size = random_decimal(&r, room);
    double number = number_read(room, size), want = strtod(room, NULL);
    if (memcmp(&number, &want, sizeof number) != 0) fail_msg("'%s' is read as %.17g", room, number);
  }
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    double number = number_read(odd[i], strlen(odd[i])), want = strtod(odd[i], NULL);
    if (memcmp(&number, &want, sizeof number) != 0) fail_msg("'%s' is read as %.17g", odd[i], number);
  }
}

static void the_locale_makes_no_difference(void **state) {
  (void)state;
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
  size_t i = 0;
  while (i < sizeof names / sizeof *names && !setlocale(LC_NUMERIC, names[i])) i++;
  if (i == sizeof names / sizeof *names) skip();
  rng r = rng_start("number in another locale");
  assert_written(0.5, "0.5");
  assert_round_trips(&r, 20000);
  setlocale(LC_NUMERIC, "C");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_written_as_short_as_can_be),
      cmocka_unit_test(every_number_comes_back_as_it_was),
      cmocka_unit_test(decimals_are_read_as_the_c_library_reads_them),
      cmocka_unit_test(the_locale_makes_no_difference),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
