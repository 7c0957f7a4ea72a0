#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/utf8.h"

/* Writes the character; the number of bytes. */
static size_t encode(uint32_t c, char *to) {
  if (c < 0x80) {
    to[0] = (char)c;
    return 1;
  }
  size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = n; i-- > 1; c >>= 6) to[i] = (char)(0x80 | (c & 63));
  to[0] = (char)(unsigned char)((0xF00U >> n & 0xFFU) | c);
  return n;
}

static void takes_every_character_and_no_surrogate(void **state) {
  (void)state;
  char text[4];
  for (uint32_t c = 0; c < 0x120000; c++) {
    bool is_character = (c < 0xD800 || c > 0xDFFF) && c <= 0x10FFFF;
    size_t n = encode(c, text);
    if (utf8_valid(text, n) != is_character) fail_msg("U+%04X", (unsigned)c);
    if (n > 1 && utf8_valid(text, n - 1)) fail_msg("U+%04X cut short", (unsigned)c);
  }
}

static void takes_exactly_the_shortest_forms_of_two_and_three_bytes(void **state) {
  (void)state;
  size_t twos = 0, threes = 0;
  for (unsigned a = 0x80; a < 256; a++)
    for (unsigned b = 0; b < 256; b++) {
      char text[3] = {(char)(unsigned char)a, (char)(unsigned char)b, 0};
      twos += utf8_valid(text, 2);
      for (unsigned c = 0x80; c < 256; c++) {
        text[2] = (char)(unsigned char)c;
        threes += utf8_valid(text, 3);
      }
    }
  assert_int_equal(twos, 0x800 - 0x80);
  assert_int_equal(threes, 0x10000 - 0x800 - 0x800); /* less the surrogates */
}

static void replaces_what_is_none_byte_by_byte(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t size;
    const char *fixed;
    size_t fixed_size;
  } cases[] = {
      {"", 0, "", 0},
      {"abc", 3, "abc", 3},
      {"a\xFF\0b", 4, "a\xEF\xBF\xBD\0b", 6},
      {"\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 9},
      {"\xC3", 1, "\xEF\xBF\xBD", 3},
      {"\xC3\xA4\xA4", 3, "\xC3\xA4\xEF\xBF\xBD", 5},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t size = 99;
    char *fixed = utf8_repair(cases[i].text, cases[i].size, &size);
    assert_non_null(fixed);
    assert_int_equal(size, cases[i].fixed_size);
    assert_memory_equal(fixed, cases[i].fixed, size + 1);
    assert_true(utf8_valid(fixed, size));
    base_free(fixed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_every_character_and_no_surrogate),
      cmocka_unit_test(takes_exactly_the_shortest_forms_of_two_and_three_bytes),
      cmocka_unit_test(replaces_what_is_none_byte_by_byte),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
