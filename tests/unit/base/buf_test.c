/* Names in quotes: any text comes back when a reader takes the quotes off and halves those inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "unit/random.h"

static void assert_quoted(const char *text, char quote, const char *want) {
  buf b = {0};
  buf_puts(&b, "x");
  buf_quoted(&b, text, quote);
  assert_string_equal(b.data + 1, want);
  assert_int_equal(b.size, strlen(want) + 1);
  buf_free(&b);
}

static void a_quote_inside_is_doubled(void **state) {
  (void)state;
  assert_quoted("", '"', "\"\"");
  assert_quoted("users", '"', "\"users\"");
  assert_quoted("\"", '"', "\"\"\"\"");
  assert_quoted("a\"b\"", '"', "\"a\"\"b\"\"\"");
  assert_quoted("a\"b`", '`', "`a\"b```");
}

/* The length of the text read, or -1 if the quotes don't fit. */
static long unquote(const char *quoted, size_t size, char *to) {
  char *start = to;
  if (size < 2 || quoted[0] != '"' || quoted[size - 1] != '"') return -1;
  for (size_t i = 1; i < size - 1; i++) {
    if (quoted[i] == '"' && (i + 1 == size - 1 || quoted[++i] != '"')) return -1;
    *to++ = quoted[i];
  }
  *to = 0;
  return (long)(to - start);
}

static void any_text_comes_back(void **state) {
  (void)state;
  buf b = {0};
  rng random = rng_start("names in quotes");
  for (int round = 0; round < 5000; round++) {
    char text[41], back[41];
    size_t size = rng_below(&random, sizeof text);
    for (size_t i = 0; i < size; i++) text[i] = "ab\"`"[rng_below(&random, 4)];
    text[size] = 0;
    buf_reset(&b);
    buf_quoted(&b, text, '"');
    assert_int_equal(unquote(b.data, b.size, back), (long)size);
    assert_string_equal(back, text);
  }
  buf_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_quote_inside_is_doubled),
                                     cmocka_unit_test(any_text_comes_back)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
