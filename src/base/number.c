#include "base/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
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

double number_read(const char *text, size_t size) {
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
