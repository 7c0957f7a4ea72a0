#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

/* The size of the character at text; 0 if it is not valid. Source: table 3-7 of the Unicode standard. */
static size_t character(const unsigned char *s, size_t left) {
  if (s[0] < 0x80) return 1;
  size_t n = s[0] >= 0xC2 && s[0] <= 0xDF ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4 : 0;
  if (n == 0 || n > left) return 0;
  unsigned low = 0x80, high = 0xBF;
  if (s[0] == 0xE0) low = 0xA0;
  if (s[0] == 0xED) high = 0x9F;
  if (s[0] == 0xF0) low = 0x90;
  if (s[0] == 0xF4) high = 0x8F;
  if (s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < n; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  return n;
}

bool utf8_valid(const char *text, size_t size) {
  const unsigned char *s = (const unsigned char *)text;
  for (size_t i = 0, n; i < size; i += n)
    if ((n = character(s + i, size - i)) == 0) return false;
  return true;
}

char *utf8_repair(const char *text, size_t size, size_t *fixed_size) {
  const unsigned char *s = (const unsigned char *)text;
  if (size > SIZE_MAX / 4) return NULL;
  char *fixed = base_alloc(size * 3 + 1);
  if (!fixed) return NULL;
  char *to = fixed;
  for (size_t i = 0; i < size;) {
    size_t n = character(s + i, size - i);
    memcpy(to, n ? text + i : "\xEF\xBF\xBD", n ? n : 3);
    to += n ? n : 3;
    i += n ? n : 1;
  }
  *to = 0;
  *fixed_size = (size_t)(to - fixed);
  return fixed;
}

char *utf8_put(char *to, unsigned code) {
  if (code < 0x80) {
    *to++ = (char)code;
  } else if (code < 0x800) {
    *to++ = (char)(0xC0 | code >> 6);
    *to++ = (char)(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *to++ = (char)(0xE0 | code >> 12);
    *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    *to++ = (char)(0x80 | (code & 0x3F));
  } else {
    *to++ = (char)(0xF0 | code >> 18);
    *to++ = (char)(0x80 | (code >> 12 & 0x3F));
    *to++ = (char)(0x80 | (code >> 6 & 0x3F));
    *to++ = (char)(0x80 | (code & 0x3F));
  }
  return to;
}
