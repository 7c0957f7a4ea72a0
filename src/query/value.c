#include "query/value.h"
#include "base/ascii.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "query/digits.h"

static const double TWO_TO_63 = 9223372036854775808.0;

/* ---- numbers in text ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* False if the number is too large. */
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

/* "0", "-7", "42": the form in which engines write integers. */
static bool is_plain_integer(const char *text, size_t size) {
  size_t at = size && text[0] == '-';
  if (at == size || size > 20 || !is_digit(text[at])) return false;
  if (text[at] == '0') return size == 1;
  for (; at < size; at++)
    if (!is_digit(text[at])) return false;
  return true;
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
  if (digits == 0 || size > NUMBER_LONGEST) return false;
  if (at < size && (text[at] == 'e' || text[at] == 'E')) {
    size_t from = at + 1;
    if (from < size && (text[from] == '-' || text[from] == '+')) from++;
    at = skip_digits(text, from, size);
    if (at == from) return false;
    whole = false;
  }
  if (at != size) return false;
  int64_t integer;
  *out = whole && read_integer(text, size, &integer) ? shunt_integer(integer) : shunt_float(number_read(text, size));
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

/* A double keeps decimals of this many digits apart. */
enum { DIGITS_OF_A_DOUBLE = 15 };

/* A decimal that a double would round, without meaningless digits: "12345678901234567.50" is "12345678901234567.5". */
static bool long_decimal(const shunt_value *value, shunt_value *out) {
  const char *text = value->as.bytes;
  size_t size = value->size, at = size && text[0] == '-', digits = 0, start = at;
  bool fraction = false;
  for (; at < size; at++) {
    if (text[at] == '.' && !fraction && at > start)
      fraction = true;
    else if (!is_digit(text[at]))
      return false;
    else
      digits += digits || text[at] != '0';
  }
  if (start + 1 < size && text[start] == '0' && text[start + 1] != '.') return false;
  while (fraction && text[size - 1] == '0') size--, digits -= digits > 0;
  if (fraction && text[size - 1] == '.') size--;
  *out = shunt_text(text, size);
  return digits > DIGITS_OF_A_DOUBLE;
}

shunt_value value_exact(const shunt_value *value) {
  shunt_value decimal = *value;
  int64_t integer;
  if (value->type != SHUNT_TEXT) return value_canonical(value, true);
  if (digits_as_integer(value, &integer)) return shunt_integer(integer);
  if (long_decimal(value, &decimal)) return decimal;
  return digits_fit_double(value) ? value_canonical(value, true) : *value;
}

size_t value_as_text(const shunt_value *number, char *room) {
  if (number->type == SHUNT_INTEGER) return (size_t)snprintf(room, VALUE_TEXT_BYTES, "%" PRId64, number->as.integer);
  size_t size = number_write(number->as.number, room);
  char *e = strchr(room, 'e');
  if (e && !strchr(room, '.')) { /* SQLite writes 1.0e+20 */
    memmove(e + 2, e, strlen(e) + 1);
    memcpy(e, ".0", 2);
    size += 2;
  }
  return size;
}

bool value_is_plain(double number) {
  enum { PLAIN_DIGITS = 15 /* as many as every engine writes */ };
  char room[NUMBER_BYTES];
  size_t digits = 0, size = number_write(number, room);
  for (size_t i = 0; i < size; i++) {
    if (is_digit(room[i]))
      digits++;
    else if (room[i] != '.' && room[i] != '-')
      return false;
  }
  return digits <= PLAIN_DIGITS;
}

shunt_value value_in_texts(arena *a, const shunt_value *value) {
  if (value->type == SHUNT_BOOL) return value->as.boolean ? shunt_text("true", 4) : shunt_text("false", 5);
  if (value->type != SHUNT_INTEGER && value->type != SHUNT_FLOAT) return *value;
  shunt_value number = value_canonical(value, false);
  char *room = arena_alloc(a, VALUE_TEXT_BYTES);
  return shunt_text(room, room ? value_as_text(&number, room) : 1);
}

bool value_own(arena *a, shunt_value *value) {
  if (value->type != SHUNT_TEXT && value->type != SHUNT_BLOB) return true;
  value->as.bytes = arena_strndup(a, value->as.bytes, value->size);
  return value->as.bytes != NULL;
}

const char *value_show(const shunt_value *value, char room[VALUE_SHOWN_BYTES]) {
  enum { MOST = 64 };
  char number[NUMBER_BYTES];
  switch ((shunt_type)value->type) {
  case SHUNT_NULL:
    return "null";
  case SHUNT_BOOL:
    return value->as.boolean ? "true" : "false";
  case SHUNT_INTEGER:
    snprintf(room, VALUE_SHOWN_BYTES, "%" PRId64, value->as.integer);
    return room;
  case SHUNT_FLOAT:
    number_write(value->as.number, number);
    snprintf(room, VALUE_SHOWN_BYTES, "%s", number);
    return room;
  case SHUNT_TEXT:
    snprintf(room, VALUE_SHOWN_BYTES, "'%.*s'%s", (int)(value->size < MOST ? value->size : MOST), value->as.bytes,
             value->size > MOST ? "…" : "");
    return room;
  case SHUNT_BLOB:
    snprintf(room, VALUE_SHOWN_BYTES, "a blob of %" PRIu32 " bytes", value->size);
    return room;
  }
  return "";
}

/* The e of a number, not of a day or a month. */
static bool is_exponent(const shunt_value *text, size_t at) {
  const char *e = text->as.bytes + at;
  return at && (*e | 0x20) == 'e' && (is_digit(e[-1]) || e[-1] == '.');
}

/* 0.1 + 0.2 is meant to be 0.3. */
static double to_15_digits(double number) {
  char room[NUMBER_BYTES];
  snprintf(room, sizeof room, "%.*g", DIGITS_OF_A_DOUBLE, number);
  return strtod(room, NULL);
}

int value_digits(const shunt_value *value) {
  char room[VALUE_TEXT_BYTES];
  shunt_value text = *value, rounded = *value;
  if (value->type == SHUNT_FLOAT) {
    rounded.as.number = to_15_digits(value->as.number);
    text = shunt_text(room, value_as_text(&rounded, room));
  }
  if (text.type != SHUNT_TEXT) return 0;
  size_t at = 0, digits = 0;
  long exponent = 0;
  while (at < text.size && text.as.bytes[at] != '.' && !is_exponent(&text, at)) at++;
  if (at < text.size && text.as.bytes[at] == '.') {
    size_t start = at + 1;
    at = skip_digits(text.as.bytes, start, text.size);
    for (digits = at - start; digits && text.as.bytes[start + digits - 1] == '0';) digits--;
  }
  if (at < text.size && is_exponent(&text, at))
    exponent = strtol(text.as.bytes + at + 1, NULL, 10); /* a text ends in a NUL */
  long after = (long)digits - exponent;
  return after < 0 ? 0 : after > INT_MAX ? INT_MAX : (int)after;
}

/* ---- comparing ---- */

static size_t collated_size(const shunt_value *v, driver_collation collation) {
  size_t size = v->size;
  if (collation == DRIVER_RTRIM || collation == DRIVER_PADDED)
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

int value_compare_padded(const shunt_value *a, const shunt_value *b, const shunt_value *pad) {
  size_t least = a->size < b->size ? a->size : b->size;
  int d = least ? memcmp(a->as.bytes, b->as.bytes, least) : 0;
  const shunt_value *longer = a->size > b->size ? a : b;
  for (size_t i = least; i < longer->size && d == 0 && pad->size; i++) {
    d = (unsigned char)longer->as.bytes[i] - (unsigned char)pad->as.bytes[(i - least) % pad->size];
    if (longer == b) d = -d;
  }
  return d || pad->size ? d : (a->size > b->size) - (a->size < b->size);
}

static int compare_bytes(const shunt_value *a, const shunt_value *b, driver_collation collation) {
  size_t na = collated_size(a, collation), nb = collated_size(b, collation), least = na < nb ? na : nb;
  int d = 0;
  if (collation == DRIVER_PADDED) {
    shunt_value blank = shunt_text(" ", 1);
    return value_compare_padded(a, b, &blank);
  }
  if (least)
    d = collation == DRIVER_NOCASE ? compare_folded(a->as.bytes, b->as.bytes, least)
                                   : memcmp(a->as.bytes, b->as.bytes, least);
  return d ? d : (na > nb) - (na < nb);
}

/* Without rounding the integer to a double. NaN comes after all numbers, as in PostgreSQL. */
static int compare_mixed(int64_t i, double d) {
  if (isnan(d)) return -1;
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
  if (isnan(a->as.number) || isnan(b->as.number)) return isnan(a->as.number) - isnan(b->as.number);
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

/* -0.0 is not 0.0, and a NaN is itself. */
static bool same_bits(double a, double b) {
  uint64_t of_a, of_b;
  memcpy(&of_a, &a, sizeof of_a);
  memcpy(&of_b, &b, sizeof of_b);
  return of_a == of_b;
}

bool value_same(const shunt_value *a, const shunt_value *b) {
  if (a->type != b->type) return false;
  switch ((shunt_type)a->type) {
  case SHUNT_INTEGER:
    return a->as.integer == b->as.integer;
  case SHUNT_FLOAT:
    return same_bits(a->as.number, b->as.number);
  case SHUNT_BOOL:
    return a->as.boolean == b->as.boolean;
  case SHUNT_TEXT:
  case SHUNT_BLOB:
    return a->size == b->size && (a->size == 0 || memcmp(a->as.bytes, b->as.bytes, a->size) == 0);
  case SHUNT_NULL:
    break;
  }
  return true;
}
