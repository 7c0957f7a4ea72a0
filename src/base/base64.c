#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(buf *to, const char *bytes, size_t size) {
  const unsigned char *s = (const unsigned char *)bytes;
  for (size_t i = 0; i < size; i += 3) {
    const unsigned bits =
        (unsigned)s[i] << 16 | (i + 1 < size ? (unsigned)s[i + 1] << 8 : 0) | (i + 2 < size ? s[i + 2] : 0);
    const char four[] = {digits[bits >> 18], digits[bits >> 12 & 63], i + 1 < size ? digits[bits >> 6 & 63] : '=',
                         i + 2 < size ? digits[bits & 63] : '='};
    buf_add(to, four, sizeof four);
  }
}

static int digit_of(char c) {
  const char *found = c ? strchr(digits, c) : NULL;
  return found ? (int)(found - digits) : -1;
}

bool base64_read(const char *text, size_t size, char *to, size_t *written) {
  size_t padding = 0;
  unsigned bits = 0;
  *written = 0;
  if (size % 4) return false;
  while (padding < 2 && padding < size && text[size - 1 - padding] == '=') padding++;
  for (size_t i = 0; i < size; i++) {
    const int digit = i < size - padding ? digit_of(text[i]) : 0;
    if (digit < 0) return false;
    bits = bits << 6 | (unsigned)digit;
    if (i % 4 < 3) continue;
    for (int shift = 16; shift >= 0; shift -= 8) to[(*written)++] = (char)(bits >> shift & 0xff);
    bits = 0;
  }
  /* the bits that the padding leaves out are zeros */
  for (size_t i = 0; i < padding; i++)
    if (to[--*written]) return false;
  return true;
}
