#include "query/value.h"
#include "base/ascii.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NUMBER = 400 }; /* as text; a longer one stays text */

static const double TWO_TO_63 = 9223372036854775808.0;

/* ---- numbers in text ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* False where the digits don't fit. */
static bool read_integer(const char *text, size_t size, int64_t *out) {
  bool negative = size && text[0] == '-';
  uint64_t n = 0, limit = (uint64_t)INT64_MAX + negative;
  for (size_t i = size && (text[0] == '-' || text[0] == '+'); i < size; i++) {
    uint64_t digit = (uint64_t)(text[i] - '0');
    if (n > (limit - digit) / 10) return false;
    n = n * 10 + digit;
  }
  *out = negative ? (int64_t)(0 - n) : (int64_t)n;
  return true;
}

/* "0", "-7", "42": as an engine writes an integer. */
static bool is_plain_integer(const char *text, size_t size) {
  size_t at = size && text[0] == '-';
  if (at == size || size > 20 || !is_digit(text[at])) return false;
  if (text[at] == '0') return size == 1;
  for (; at < size; at++)
    if (!is_digit(text[at])) return false;
  return true;
}

/* The C library reads what the locale calls a number. */
static double read_float(const char *text, size_t size) {
  char room[LONGEST_NUMBER + 1];
  memcpy(room, text, size);
  room[size] = 0;
  char *point = strchr(room, '.');
  if (point) *point = localeconv()->decimal_point[0];
  return strtod(room, NULL);
}

static size_t skip_digits(const char *text, size_t at, size_t size) {
  while (at < size && is_digit(text[at])) at++;
  return at;
}

/* A number literal of SQL, with a sign and blanks around it. */
static bool read_number(const char *text, size_t size, shunt_value *out) {
  while (size && is_blank(text[0])) text++, size--;
  while (size && is_blank(text[size - 1])) size--;
  size_t at = size && (text[0] == '-' || text[0] == '+'), start = at;
  at = skip_digits(text, at, size);
  size_t digits = at - start;
  bool whole = true;
  if (at < size && text[at] == '.') {
    size_t from = at + 1;
    at = skip_digits(text, from, size);
    digits += at - from;
    whole = false;
  }
  if (digits == 0 || size > LONGEST_NUMBER) return false;
  if (at < size && (text[at] == 'e' || text[at] == 'E')) {
    size_t from = at + 1;
    if (from < size && (text[from] == '-' || text[from] == '+')) from++;
    at = skip_digits(text, from, size);
    if (at == from) return false;
    whole = false;
  }
  if (at != size) return false;
  int64_t integer;
  *out = whole && read_integer(text, size, &integer) ? shunt_integer(integer) : shunt_float(read_float(text, size));
  return true;
}

/* ---- one form ---- */

static shunt_value whole_number(double d) {
  if (d >= -TWO_TO_63 && d < TWO_TO_63 && (double)(int64_t)d == d) return shunt_integer((int64_t)d);
  return shunt_float(d);
}

shunt_value value_canonical(const shunt_value *value, bool numeric) {
  shunt_value number;
  int64_t integer;
  switch ((shunt_type)value->type) {
  case SHUNT_BOOL:
    return shunt_integer(value->as.boolean);
  case SHUNT_FLOAT:
    return whole_number(value->as.number);
  case SHUNT_TEXT:
    if (is_plain_integer(value->as.bytes, value->size) && read_integer(value->as.bytes, value->size, &integer))
      return shunt_integer(integer);
    if (numeric && read_number(value->as.bytes, value->size, &number))
      return number.type == SHUNT_FLOAT ? whole_number(number.as.number) : number;
    return *value;
  default:
    return *value;
  }
}

size_t value_as_text(const shunt_value *number, char *room) {
  if (number->type == SHUNT_INTEGER) return (size_t)snprintf(room, VALUE_TEXT_BYTES, "%" PRId64, number->as.integer);
  int size = snprintf(room, VALUE_TEXT_BYTES - 2, "%.15g", number->as.number);
  char *point = strchr(room, localeconv()->decimal_point[0]), *e = strchr(room, 'e');
  if (point) {
    *point = '.';
  } else if (e) { /* SQLite writes 1.0e+20 */
    memmove(e + 2, e, strlen(e) + 1);
    memcpy(e, ".0", 2);
    size += 2;
  }
  return (size_t)size;
}

/* ---- comparing ---- */

static size_t collated_size(const shunt_value *v, driver_collation collation) {
  size_t size = v->size;
  if (collation == DRIVER_RTRIM)
    while (size && v->as.bytes[size - 1] == ' ') size--;
  return size;
}

/* ASCII alone, as SQLite's NOCASE. */
static unsigned char fold(char c) { return (unsigned char)ascii_lower(c); }

static int compare_folded(const char *a, const char *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int d = fold(a[i]) - fold(b[i]);
    if (d) return d;
  }
  return 0;
}

static int compare_bytes(const shunt_value *a, const shunt_value *b, driver_collation collation) {
  size_t na = collated_size(a, collation), nb = collated_size(b, collation), least = na < nb ? na : nb;
  int d = 0;
  if (least)
    d = collation == DRIVER_NOCASE ? compare_folded(a->as.bytes, b->as.bytes, least)
                                   : memcmp(a->as.bytes, b->as.bytes, least);
  return d ? d : (na > nb) - (na < nb);
}

/* Without rounding the integer to a double. */
static int compare_mixed(int64_t i, double d) {
  if (d < -TWO_TO_63) return 1;
  if (d >= TWO_TO_63) return -1;
  int64_t whole = (int64_t)d;
  if (i != whole) return i < whole ? -1 : 1;
  double rest = d - (double)whole;
  return (rest < 0) - (rest > 0);
}

static int compare_numbers(const shunt_value *a, const shunt_value *b) {
  if (a->type == SHUNT_INTEGER && b->type == SHUNT_INTEGER)
    return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
  if (a->type == SHUNT_INTEGER) return compare_mixed(a->as.integer, b->as.number);
  if (b->type == SHUNT_INTEGER) return -compare_mixed(b->as.integer, a->as.number);
  return (a->as.number > b->as.number) - (a->as.number < b->as.number);
}

static int rank_of(const shunt_value *v) {
  static const int ranks[] = {
      [SHUNT_NULL] = 0, [SHUNT_BOOL] = 1, [SHUNT_INTEGER] = 1, [SHUNT_FLOAT] = 1, [SHUNT_TEXT] = 2, [SHUNT_BLOB] = 3};
  return ranks[v->type];
}

int value_compare(const shunt_value *a, const shunt_value *b, driver_collation collation) {
  int rank = rank_of(a), other = rank_of(b);
  if (rank != other) return rank - other;
  shunt_value as_integer[2];
  if (a->type == SHUNT_BOOL) as_integer[0] = shunt_integer(a->as.boolean), a = &as_integer[0];
  if (b->type == SHUNT_BOOL) as_integer[1] = shunt_integer(b->as.boolean), b = &as_integer[1];
  if (rank == 1) return compare_numbers(a, b);
  return rank == 0 ? 0 : compare_bytes(a, b, rank == 2 ? collation : DRIVER_BINARY);
}

bool value_equal(const shunt_value *a, const shunt_value *b, driver_collation collation) {
  if (a->type != b->type) return false;
  switch ((shunt_type)a->type) {
  case SHUNT_INTEGER:
    return a->as.integer == b->as.integer;
  case SHUNT_NULL:
    return false;
  default:
    return value_compare(a, b, collation) == 0;
  }
}

static uint64_t mix(uint64_t h) {
  h *= 0x9E3779B97F4A7C15u;
  return h ^ (h >> 29);
}

uint64_t value_hash(const shunt_value *v, driver_collation collation) {
  uint64_t h = 14695981039346656037u;
  if (v->type == SHUNT_INTEGER) return mix((uint64_t)v->as.integer);
  if (v->type == SHUNT_FLOAT) {
    memcpy(&h, &v->as.number, sizeof h);
    return mix(h);
  }
  if (v->type != SHUNT_TEXT) collation = DRIVER_BINARY;
  size_t size = v->type == SHUNT_TEXT || v->type == SHUNT_BLOB ? collated_size(v, collation) : 0;
  for (size_t i = 0; i < size; i++)
    h = (h ^ (collation == DRIVER_NOCASE ? fold(v->as.bytes[i]) : (unsigned char)v->as.bytes[i])) * 1099511628211u;
  return mix(h ^ (h >> 32));
}
