/* Values of keys are converted to the types of the columns that they are compared with, or they are nowhere. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include <math.h>

#include "query/key.h"

static const driver_column integer = {
    .kind = DRIVER_INTEGERS, .numeric = true, .exact = true, .same_integers = true, .least = -128, .most = 127};
static const driver_column year = {
    .kind = DRIVER_INTEGERS, .numeric = true, .exact = true, .least = 1901, .most = 2155, .zero = true};
static const driver_column big = {
    .kind = DRIVER_NUMBERS, .numeric = true, .exact = true, .same_integers = true, .rounds = true};
static const driver_column decimal = {
    .kind = DRIVER_NUMBERS, .numeric = true, .exact = true, .rounds = true, .digits = 2, .whole = 20};
static const driver_column small = {.kind = DRIVER_NUMBERS, .numeric = true, .exact = true, .rounds = true, .whole = 5};
static const driver_column endless = {.kind = DRIVER_NUMBERS, .numeric = true, .exact = true, .infinite = true};
static const driver_column number = {.kind = DRIVER_NUMBERS, .numeric = true, .infinite = true};
static const driver_column finite = {.kind = DRIVER_NUMBERS, .numeric = true};
static const driver_column single = {.kind = DRIVER_NUMBERS, .numeric = true, .single = true, .infinite = true};
static const driver_column boolean = {.kind = DRIVER_BOOLEANS, .numeric = true, .exact = true};
static const driver_column text = {.kind = DRIVER_TEXTS, .text = true, .same_texts = true};
static const driver_column padded = {.kind = DRIVER_TEXTS, .text = true, .collation = DRIVER_RTRIM};
static const driver_column name = {.kind = DRIVER_TEXTS, .text = true, .longest = 3};
static const driver_column latin = {.kind = DRIVER_STRINGS, .text = true, .takes = "?", .takes_ascii = true};
static const driver_column blob = {.kind = DRIVER_BLOBS, .text = true, .same_blobs = true};
static const driver_column uuid = {.kind = DRIVER_UUIDS, .text = true};
static const driver_column network = {.kind = DRIVER_OTHERS, .text = true, .convert = "inet", .takes = "?"};
static const driver_column date = {.kind = DRIVER_OTHERS, .time = DRIVER_DATE, .convert = "date", .takes = "?"};
static const driver_column stamp = {
    .kind = DRIVER_OTHERS, .time = DRIVER_STAMP, .digits = 3, .convert = "stamp", .takes = "?"};
static const driver_column zoned = {
    .kind = DRIVER_OTHERS, .time = DRIVER_MOMENT, .digits = 6, .convert = "zoned", .takes = "?"};
static const driver_column clock_time = {.kind = DRIVER_OTHERS, .time = DRIVER_CLOCK, .digits = 0};
static const driver_column day_time = {
    .kind = DRIVER_OTHERS, .time = DRIVER_CLOCK, .digits = 6, .convert = "time", .takes = "?"};
static const driver_column lite_integer = {.numeric = true}, lite_real = {.numeric = true, .real = true},
                           lite_text = {.text = true}, lite_any = {.name = "any"};

#define T(s)                                                                                                           \
  { .type = SHUNT_TEXT, .as.bytes = (s), .size = sizeof(s) - 1 }
#define I(n)                                                                                                           \
  { .type = SHUNT_INTEGER, .as.integer = (n) }
#define F(n)                                                                                                           \
  { .type = SHUNT_FLOAT, .as.number = (n) }
#define B(s)                                                                                                           \
  { .type = SHUNT_BLOB, .as.bytes = (s), .size = sizeof(s) - 1 }
#define YES                                                                                                            \
  { .type = SHUNT_BOOL, .as.boolean = true }
#define NOWHERE                                                                                                        \
  KEY_NOWHERE, { .type = SHUNT_NULL }

static const struct {
  const driver_column *column, *from;
  shunt_value value;
  key_fitting fitting;
  shunt_value fitted;
} cases[] = {
    {&integer, NULL, I(127), KEY_FITS, I(127)},
    {&integer, NULL, I(128), NOWHERE},
    {&integer, NULL, F(-1.0), KEY_FITS, I(-1)},
    {&integer, NULL, F(1.5), NOWHERE},
    {&integer, NULL, F(NAN), NOWHERE},
    {&integer, NULL, F(INFINITY), NOWHERE},
    {&integer, NULL, T(" 007.0 "), KEY_FITS, I(7)},
    {&integer, NULL, T("x7"), NOWHERE},
    {&integer, NULL, T(""), NOWHERE},
    {&integer, NULL, T("1e400"), NOWHERE},
    {&integer, NULL, B("1"), NOWHERE},
    {&integer, NULL, YES, KEY_FITS, I(1)},
    {&year, NULL, I(1), NOWHERE},
    {&year, NULL, I(0), KEY_FITS, I(0)},
    {&year, NULL, I(2001), KEY_FITS, I(2001)},
    {&big, NULL, I(-1), NOWHERE},
    {&big, NULL, F(8.5), NOWHERE},
    {&big, NULL, T("9223372036854775808"), KEY_FITS, T("9223372036854775808")},
    {&big, NULL, T("18446744073709551615"), KEY_FITS, T("18446744073709551615")},
    {&big, NULL, T("18446744073709551616"), NOWHERE},
    {&big, NULL, F(9223372036854775808.0), KEY_FITS, T("9223372036854775808")},
    {&decimal, NULL, I(INT64_MAX), KEY_FITS, I(INT64_MAX)},
    {&decimal, NULL, F(1.25), KEY_FITS, T("1.25")},
    {&decimal, NULL, F(1.125), NOWHERE},
    {&decimal, NULL, F(1e300), NOWHERE},
    {&decimal, NULL, T("9007199254740993.000"), KEY_FITS, I(9007199254740993)},
    {&decimal, NULL, T("1.2.3"), NOWHERE},
    {&decimal, NULL, T("1234567890123456789012e-2"), KEY_FITS, T("12345678901234567890.12")},
    {&decimal, NULL, T("1e20"), NOWHERE},
    {&small, NULL, I(99999), KEY_FITS, I(99999)},
    {&small, NULL, I(100000), NOWHERE},
    {&small, NULL, F(1e5), NOWHERE},
    {&small, NULL, T("1e5"), NOWHERE},
    {&endless, NULL, T("4.367465149841669e+17"), KEY_FITS, I(436746514984166900)},
    {&endless, NULL, T("1.2345678901234567890123e30"), KEY_FITS, T("1234567890123456789012300000000")},
    {&endless, NULL, T("1e400000"), NOWHERE},
    {&big, NULL, T("1.2345678901234567e19"), KEY_FITS, T("12345678901234567000")},
    {&decimal, NULL, T("NaN"), NOWHERE},
    {&decimal, NULL, F(NAN), NOWHERE},
    {&endless, NULL, T("NaN"), KEY_FITS, T("NaN")},
    {&endless, &single, F(0.1), KEY_FITS, T("0.10000000149011612")},
    {&number, NULL, I(1), KEY_FITS, F(1)},
    {&number, NULL, I(9007199254740993), NOWHERE},
    {&number, NULL, T("1e400"), NOWHERE},
    {&number, NULL, T("1e-400"), NOWHERE},
    {&number, NULL, T("0e-400"), KEY_FITS, F(0)},
    {&number, NULL, T("NaN"), KEY_FITS, F(NAN)},
    {&finite, NULL, F(INFINITY), NOWHERE},
    {&finite, NULL, T("5 apples"), NOWHERE},
    {&single, NULL, T("0.1"), KEY_FITS, F(0.1f)},
    {&single, &number, F(0.1), NOWHERE},
    {&single, &single, F(0.1), KEY_FITS, F(0.1f)},
    {&number, &single, F(0.1), KEY_FITS, F(0.1f)},
    {&single, NULL, T("1e39"), NOWHERE},
    {&single, NULL, T("1e-300"), NOWHERE},
    {&boolean, NULL, I(1), KEY_FITS, YES},
    {&boolean, NULL, I(2), NOWHERE},
    {&boolean, NULL, T("true"), NOWHERE},
    {&text, NULL, I(7), KEY_FITS, T("7")},
    {&text, NULL, F(1.0), KEY_FITS, T("1")},
    {&text, &decimal, T("1.50"), KEY_FITS, T("1.5")},
    {&text, &padded, T("a  "), KEY_FITS, T("a")},
    {&text, NULL, T("a  "), KEY_FITS, T("a  ")},
    {&text, NULL, T("a\0b"), NOWHERE},
    {&text, NULL, T("\xff"), NOWHERE},
    {&text, &blob, B("a"), NOWHERE},
    {&latin, &blob, B("a"), KEY_FITS, T("a")},
    {&latin, NULL, T("\xc3\xa9"), KEY_ASKS, T("\xc3\xa9")},
    {&name, NULL, T("abc"), KEY_FITS, T("abc")},
    {&name, NULL, T("abcd"), NOWHERE},
    {&blob, &latin, T("a"), KEY_FITS, B("a")},
    {&blob, NULL, T("a"), NOWHERE},
    {&uuid, NULL, T("{0E37DF36F69811E68DD4CB9CED3DF976}"), KEY_FITS, T("0e37df36-f698-11e6-8dd4-cb9ced3df976")},
    {&uuid, NULL, T("0e37-df36-f698-11e6-8dd4-cb9c-ed3d-f976"), KEY_FITS, T("0e37df36-f698-11e6-8dd4-cb9ced3df976")},
    {&uuid, NULL, T("-0e37df36f69811e68dd4cb9ced3df976"), NOWHERE},
    {&uuid, NULL, T("0e37df36f69811e68dd4cb9ced3df97"), NOWHERE},
    {&uuid, NULL, T("0e37df36f69811e68dd4cb9ced3df9760"), NOWHERE},
    {&uuid, NULL, I(7), NOWHERE},
    {&network, NULL, T("10.0.0.1"), KEY_ASKS, T("10.0.0.1")},
    {&network, &network, T("10.0.0.1"), KEY_FITS, T("10.0.0.1")},
    {&date, NULL, T("2024-02-29"), KEY_FITS, T("2024-02-29")},
    {&date, NULL, T("2023-02-29"), NOWHERE},
    {&date, NULL, T("1900-02-29"), NOWHERE},
    {&date, NULL, T("2024-02-29 00:00:00"), KEY_FITS, T("2024-02-29")},
    {&date, NULL, T("2024-02-29 00:00:01"), NOWHERE},
    {&date, NULL, T("today"), NOWHERE},
    {&date, NULL, T("infinity"), KEY_ASKS, T("infinity")},
    {&date, NULL, T("0044-03-15 BC"), KEY_ASKS, T("0044-03-15 BC")},
    {&single, NULL, F(0.1), KEY_FITS, F(0.1f)},
    {&date, &stamp, T("infinity"), KEY_FITS, T("infinity")},
    {&date, NULL, I(20240229), NOWHERE},
    {&stamp, NULL, T("2024-02-29"), KEY_FITS, T("2024-02-29 00:00:00")},
    {&stamp, NULL, T("2024-02-29T10:00"), KEY_FITS, T("2024-02-29 10:00:00")},
    {&stamp, NULL, T("2024-02-29 10:00:00.500000Z"), KEY_FITS, T("2024-02-29 10:00:00.5")},
    {&stamp, NULL, T("2024-02-29 10:00:00.0005"), NOWHERE},
    {&stamp, NULL, T("2024-02-29 10:00:00+00"), KEY_FITS, T("2024-02-29 10:00:00")},
    {&stamp, NULL, T("2024-02-29 10:00:00+02"), NOWHERE},
    {&stamp, NULL, T("2024-02-29 24:00:00"), NOWHERE},
    {&stamp, NULL, T("2024-02-29 10:00:00 "), NOWHERE},
    {&stamp, NULL, T("10:00:00"), NOWHERE},
    {&zoned, NULL, T("2024-02-29 10:00:00.0000001"), NOWHERE},
    {&zoned, NULL, T("2024-02-29 10:00:00-0330"), KEY_FITS, T("2024-02-29 10:00:00-03:30")},
    {&clock_time, NULL, T("-838:00:00.0"), KEY_FITS, T("-838:00:00")},
    {&clock_time, NULL, T("-00:00:00"), KEY_FITS, T("00:00:00")},
    {&clock_time, NULL, T("839:00:00"), NOWHERE},
    {&day_time, NULL, T("24:00:00"), KEY_FITS, T("24:00:00")},
    {&day_time, NULL, T("24:00:01"), NOWHERE},
    {&day_time, NULL, T("25:00:00"), NOWHERE},
    {&day_time, &clock_time, T("-10:00:00"), NOWHERE},
    {&day_time, &date, T("infinity"), NOWHERE},
    {&day_time, &stamp, T("0044-03-15 10:00:00 BC"), NOWHERE},
    {&clock_time, NULL, T("10:00:00.5"), NOWHERE},
    {&clock_time, NULL, T("10:61"), NOWHERE},
    {&clock_time, NULL, T("2024-02-29 10:00:00"), NOWHERE},
    {&lite_integer, NULL, T("01"), KEY_FITS, I(1)},
    {&lite_integer, &decimal, T("9007199254740993.00"), KEY_FITS, I(9007199254740993)},
    {&lite_integer, &endless, T("1234567890123456789012.5"), NOWHERE},
    {&lite_real, &lite_integer, I(9007199254740993), NOWHERE},
    {&lite_real, &lite_integer, I(9007199254740992), KEY_FITS, I(9007199254740992)},
    {&lite_integer, NULL, T("x"), KEY_FITS, T("x")},
    {&lite_integer, NULL, F(NAN), NOWHERE},
    {&lite_text, &lite_any, I(1), NOWHERE},
    {&lite_text, &lite_integer, I(1), KEY_FITS, I(1)},
    {&lite_any, NULL, T("1"), KEY_FITS, I(1)},
    {&lite_any, &lite_text, T("1"), KEY_FITS, T("1")},
};

static bool same(const shunt_value *a, const shunt_value *b) {
  if (a->type != b->type) return false;
  if (a->type == SHUNT_INTEGER) return a->as.integer == b->as.integer;
  if (a->type == SHUNT_BOOL) return a->as.boolean == b->as.boolean;
  if (a->type == SHUNT_FLOAT) return memcmp(&a->as.number, &b->as.number, sizeof a->as.number) == 0;
  return a->size == b->size && memcmp(a->as.bytes, b->as.bytes, a->size) == 0;
}

static void values_fit_their_column_without_loss_or_are_nowhere(void **state) {
  (void)state;
  arena a = {0};
  for (size_t i = 0; i < COUNT(cases); i++) {
    key_columns columns = {.list = {cases[i].column}, .n = 1};
    shunt_value fitted;
    key_fitting fitting = key_fit(&a, &columns, 0, cases[i].from, &cases[i].value, &fitted);
    if (fitting != cases[i].fitting) fail_msg("case %zu: %d, not %d", i, fitting, cases[i].fitting);
    if (fitting == KEY_NOWHERE) continue;
    if (!same(&fitted, &cases[i].fitted))
      fail_msg("case %zu: type %d, '%.*s'", i, fitted.type, fitted.type == SHUNT_TEXT ? (int)fitted.size : 0,
               fitted.type == SHUNT_TEXT ? fitted.as.bytes : "");
    shunt_value again;
    if (!cases[i].from && fitting == KEY_FITS && cases[i].column != &lite_any) {
      assert_int_equal(key_fit(&a, &columns, 0, cases[i].column, &fitted, &again), KEY_FITS);
      assert_true(same(&fitted, &again));
    }
  }
  arena_free(&a);
}

static void a_key_is_as_odd_as_its_oddest_part(void **state) {
  (void)state;
  arena a = {0};
  static const key_columns none;
  const key_columns columns = {.list = {&integer, &network}, .n = 2};
  shunt_value fitted[2];
  const shunt_value fine[] = {I(1), T("::1")}, odd[] = {T("x"), T("::1")};
  assert_int_equal(key_fit_all(&a, &columns, &none, fine, fitted), KEY_ASKS);
  assert_int_equal(key_fit_all(&a, &columns, &none, odd, fitted), KEY_NOWHERE);
  assert_int_equal(key_fit_all(&a, &columns, &columns, fine, fitted), KEY_FITS);
  arena_free(&a);
}

static void only_values_that_equal_their_own_bytes_alone_are_exact(void **state) {
  (void)state;
  const key_columns columns = {.list = {&integer, &text, &latin, &blob, &text}, .by_value = {[4] = true}, .n = 5};
  const shunt_value one = I(1), least = I(INT64_MIN), word = T("a"), bytes = B("a"), half = F(0.5);
  assert_true(key_is_exact(&columns, 0, &one));
  assert_false(key_is_exact(&columns, 0, &least));
  assert_false(key_is_exact(&columns, 0, &half));
  assert_true(key_is_exact(&columns, 1, &word));
  assert_false(key_is_exact(&columns, 2, &word));
  assert_true(key_is_exact(&columns, 3, &bytes));
  assert_false(key_is_exact(&columns, 4, &word));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(values_fit_their_column_without_loss_or_are_nowhere),
                                     cmocka_unit_test(a_key_is_as_odd_as_its_oddest_part),
                                     cmocka_unit_test(only_values_that_equal_their_own_bytes_alone_are_exact)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
