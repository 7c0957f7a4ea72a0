#include "base/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C library reads and writes numbers as the locale says. */
static char decimal_point(void) { return localeconv()->decimal_point[0]; }

size_t number_write(double number, char room[NUMBER_BYTES]) {
  if (isnan(number)) return (size_t)snprintf(room, NUMBER_BYTES, "NaN");
  if (isinf(number)) return (size_t)snprintf(room, NUMBER_BYTES, "%sInfinity", number < 0 ? "-" : "");
  int size = 0;
  bool subnormal = fabs(number) < DBL_MIN; /* has fewer digits */
  for (int digits = subnormal ? 1 : 15; digits <= 17; digits++) {
    size = snprintf(room, NUMBER_BYTES, "%.*g", digits, number);
    if (digits == 17 || !(strtod(room, NULL) < number || strtod(room, NULL) > number)) break;
  }
  char *point = strchr(room, decimal_point());
  if (point) *point = '.';
  return (size_t)size;
}

/* Up to 15 digits are a whole number that a double holds, and so is the power of ten below them: their quotient is
 * rounded once, as the number itself is (W. D. Clinger, "How to Read Floating Point Numbers Accurately", 1990). Most
 * numbers are so short, and strtod takes several times as long. */
static bool read_short(const char *text, size_t size, double *out) {
  static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  enum { DIGITS = DBL_DIG };
  bool negative = size && text[0] == '-';
  size_t at = negative, digits = 0, point = size;
  int64_t whole = 0;
  for (; at < size && digits <= DIGITS; at++) {
    if (text[at] == '.' && point == size) {
      point = at;
      continue;
    }
    if (text[at] < '0' || text[at] > '9') return false;
    whole = whole * 10 + (text[at] - '0');
    digits++;
  }
  if (at < size || digits == 0 || digits > DIGITS || FLT_EVAL_METHOD != 0) return false;
  double number = (double)whole / powers[point < size ? size - point - 1 : 0];
  *out = negative ? -number : number;
  return true;
}

double number_read(const char *text, size_t size) {
  double number;
  if (read_short(text, size, &number)) return number;
  char room[NUMBER_LONGEST + 1];
  if (size > NUMBER_LONGEST) size = NUMBER_LONGEST;
  memcpy(room, text, size);
  room[size] = 0;
  char *point = strchr(room, '.');
  if (point) *point = decimal_point();
  return strtod(room, NULL);
}

static bool is_whole(float number) { return !(truncf(number) < number || truncf(number) > number); }

double number_of_single(float number) {
  char room[NUMBER_BYTES];
  if (!isfinite(number) || is_whole(number)) return (double)number;
  for (int digits = FLT_DIG; digits <= FLT_DECIMAL_DIG; digits++) {
    snprintf(room, NUMBER_BYTES, "%.*g", digits, (double)number);
    float back = strtof(room, NULL);
    if (!(back < number || back > number)) break;
  }
  return strtod(room, NULL);
}
