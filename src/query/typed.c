#include "query/typed.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/number.h"
#include "base/utf8.h"
#include "query/decimal.h"
#include "query/digits.h"
#include "query/value.h"

enum { UUID_BYTES = 16, UUID_DIGITS = 32, UUID_TEXT = 36, LONGEST_FLOAT = 400, PLAIN_DIGITS = 15 };

/* Without memory, the text has no bytes. */
static bool give_text(arena *a, const char *text, size_t size, shunt_value *out) {
  *out = shunt_text(arena_strndup(a, text, size), size);
  return true;
}

static bool is_text(const shunt_value *v) { return v->type == SHUNT_TEXT; }

/* ---- numbers ---- */

static bool to_integer(const shunt_value *v, shunt_value *out) {
  if (is_text(v) && !digits_fit_double(v) && !digits_are_integer(v)) return false;
  *out = value_canonical(v, true);
  return out->type == SHUNT_INTEGER;
}

static bool to_number(const shunt_value *v, shunt_value *out) {
  if (is_text(v) && !digits_are_number(v) && !digits_are_word(v)) return false;
  shunt_value number = value_canonical(v, true);
  if (is_text(v) && digits_are_word(v)) number = shunt_float(number_read(v->as.bytes, v->size));
  if (number.type == SHUNT_INTEGER) {
    if (!driver_float_holds(number.as.integer, false)) return false;
    number = shunt_float((double)number.as.integer);
  }
  *out = number;
  return number.type == SHUNT_FLOAT;
}

/* Without an exponent: 1e20 is 100000000000000000000. */
static bool plain_float(double d, arena *a, shunt_value *out) {
  char shortest[NUMBER_BYTES], room[LONGEST_FLOAT];
  if (!isfinite(d)) return false;
  number_write(d, shortest);
  const char *e = strchr(shortest, 'e'), *point = strchr(shortest, '.');
  if (!e) return give_text(a, shortest, strlen(shortest), out);
  int after = (point ? (int)(e - point) - 1 : 0) - (int)strtol(e + 1, NULL, 10);
  int size = snprintf(room, sizeof room, "%.*f", after > 0 ? after : 0, d);
  char *decimal_point = strchr(room, localeconv()->decimal_point[0]);
  if (decimal_point) *decimal_point = '.';
  return size > 0 && size < LONGEST_FLOAT && give_text(a, room, (size_t)size, out);
}

size_t typed_scale(const driver_column *column) {
  const char *open = strchr(column->type, '('), *comma = open ? strchr(open, ',') : NULL;
  return comma ? strtoul(comma + 1, NULL, 10) : 0;
}

/* Without the blanks around it. */
static bool plain_text(const shunt_value *v, arena *a, shunt_value *out) {
  static const char blanks[] = " \t\n\v\f\r";
  const char *from = v->as.bytes, *to = from + v->size;
  while (from < to && strchr(blanks, *from)) from++;
  while (to > from && strchr(blanks, to[-1])) to--;
  *out = *v;
  return (size_t)(to - from) == v->size || give_text(a, from, (size_t)(to - from), out);
}

static bool to_decimal(const driver_column *column, const shunt_value *v, arena *a, shunt_value *out) {
  char room[VALUE_TEXT_BYTES];
  shunt_value number = value_canonical(v, false);
  if (v->type == SHUNT_BLOB || v->type == SHUNT_BOOL || (is_text(v) && !digits_are_number(v))) return false;
  if (is_text(v) && (memchr(v->as.bytes, 'e', v->size) || memchr(v->as.bytes, 'E', v->size))) return false;
  bool made = is_text(v)                     ? plain_text(v, a, out)
              : number.type == SHUNT_INTEGER ? give_text(a, room, value_as_text(&number, room), out)
                                             : plain_float(v->as.number, a, out);
  if (made && out->as.bytes && column->kind == DRIVER_ANYTHING) *out = decimal_with_scale(a, out, typed_scale(column));
  return made;
}

static bool to_boolean(const shunt_value *v, shunt_value *out) {
  static const char *const words[] = {"false", "true", "f", "t"};
  shunt_value number = value_canonical(v, true);
  for (size_t i = 0; is_text(v) && i < sizeof words / sizeof *words; i++)
    if (strcmp(v->as.bytes, words[i]) == 0) number = shunt_integer((int64_t)i % 2);
  if (number.type != SHUNT_INTEGER || number.as.integer < 0 || number.as.integer > 1) return false;
  *out = shunt_boolean(number.as.integer != 0);
  return true;
}

/* ---- texts ---- */

static bool to_text(const shunt_value *v, arena *a, shunt_value *out) {
  char room[NUMBER_BYTES];
  switch ((shunt_type)v->type) {
  case SHUNT_TEXT:
    *out = *v;
    return true;
  case SHUNT_BLOB:
    *out = shunt_text(v->as.bytes, v->size);
    return utf8_valid(v->as.bytes, v->size);
  case SHUNT_INTEGER:
    return give_text(a, room, value_as_text(v, room), out);
  case SHUNT_FLOAT:
    return give_text(a, room, number_write(v->as.number, room), out);
  default:
    return false;
  }
}

static bool to_json(const shunt_value *v, arena *a, shunt_value *out) {
  if (v->type != SHUNT_BOOL) return to_text(v, a, out);
  const char *word = v->as.boolean ? "true" : "false";
  return give_text(a, word, strlen(word), out);
}

static bool to_blob(const shunt_value *v, shunt_value *out) {
  *out = shunt_blob(v->as.bytes, v->size);
  return is_text(v) || v->type == SHUNT_BLOB;
}

/* ---- UUIDs ---- */

/* The bytes of a text of 32 digits, with hyphens or without. */
static bool read_uuid(const shunt_value *v, unsigned char bytes[UUID_BYTES]) {
  size_t n = 0;
  if (v->size != UUID_TEXT && v->size != UUID_DIGITS) return false;
  memset(bytes, 0, UUID_BYTES);
  for (size_t i = 0; i < v->size; i++) {
    int digit = ascii_hex(v->as.bytes[i]);
    bool hyphen = v->size == UUID_TEXT && (i == 8 || i == 13 || i == 18 || i == 23);
    if (hyphen && v->as.bytes[i] == '-') continue;
    if (hyphen || digit < 0 || n == UUID_DIGITS) return false;
    bytes[n / 2] = (unsigned char)(bytes[n / 2] << 4 | digit);
    n++;
  }
  return n == UUID_DIGITS;
}

static bool to_uuid(const shunt_value *v, arena *a, shunt_value *out) {
  unsigned char b[UUID_BYTES];
  if (!is_text(v) || !read_uuid(v, b)) return false;
  char *text = arena_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
                            b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
  *out = shunt_text(text, UUID_TEXT);
  return true;
}

/* ---- dates and times ---- */

typedef struct moment {
  int year, month, day, hour, minute, second;
  char sign[2], fraction[16]; /* of a second, with its point */
  const char *rest;           /* what follows */
} moment;

static bool take_number(const char **at, int most, int *out) {
  const char *from = *at;
  for (*out = 0; *at - from < most && **at >= '0' && **at <= '9'; ++*at) *out = *out * 10 + (**at - '0');
  return *at > from;
}

static bool take(const char **at, char c) {
  if (**at != c) return false;
  ++*at;
  return true;
}

static int days_of(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (leap && month == 2);
}

static bool read_date(const char *at, moment *m) {
  bool read = take_number(&at, 4, &m->year) && take(&at, '-') && take_number(&at, 2, &m->month) && take(&at, '-') &&
              take_number(&at, 2, &m->day);
  m->rest = at;
  return read && m->year >= 1 && m->month >= 1 && m->month <= 12 && m->day >= 1 && m->day <= days_of(m->year, m->month);
}

/* Drops zeros at the end, which say how many digits the column has. False: more digits than any engine keeps. */
static bool take_fraction(moment *m) {
  size_t size = *m->rest == '.' ? 1 + strspn(m->rest + 1, "0123456789") : 0, kept = size;
  while (kept && (m->rest[kept - 1] == '0' || m->rest[kept - 1] == '.')) {
    kept--;
    if (m->rest[kept] == '.') break;
  }
  if (kept >= sizeof m->fraction) return false;
  memcpy(m->fraction, m->rest, kept);
  m->rest += size;
  return true;
}

static bool read_time(const char *at, moment *m) {
  m->sign[0] = *at == '-' ? *at++ : 0;
  if (!take_number(&at, 3, &m->hour) || !take(&at, ':') || !take_number(&at, 2, &m->minute)) return false;
  bool exact = take(&at, ':');
  if (exact && !take_number(&at, 2, &m->second)) return false;
  m->rest = at;
  return (!exact || take_fraction(m)) && m->minute < 60 && m->second < 60;
}

static bool is_utc(const char *zone) {
  return !*zone || strcmp(zone, "Z") == 0 || strcmp(zone, "+00") == 0 || strcmp(zone, "+00:00") == 0;
}

static const char *behind_gap(const char *text) { return *text == 'T' || *text == ' ' ? text + 1 : text; }

/* A date with a time, which is midnight if it is missing. */
static bool read_moment(const shunt_value *v, moment *m) {
  *m = (moment){0};
  if (!is_text(v) || !read_date(v->as.bytes, m)) return false;
  return !*m->rest || (read_time(behind_gap(m->rest), m) && m->hour < 24 && !*m->sign && is_utc(m->rest));
}

static bool to_date(const shunt_value *v, arena *a, shunt_value *out) {
  moment m;
  char room[48];
  if (!read_moment(v, &m) || m.hour || m.minute || m.second || *m.fraction) return false;
  return give_text(a, room, (size_t)snprintf(room, sizeof room, "%04d-%02d-%02d", m.year, m.month, m.day), out);
}

static bool to_time(const shunt_value *v, arena *a, shunt_value *out) {
  moment m = {0};
  char room[64];
  if (!is_text(v) || !read_time(v->as.bytes, &m) || !is_utc(m.rest)) return false;
  int size = snprintf(room, sizeof room, "%s%02d:%02d:%02d%s", m.sign, m.hour, m.minute, m.second, m.fraction);
  return give_text(a, room, (size_t)size, out);
}

static bool to_datetime(const shunt_value *v, arena *a, shunt_value *out) {
  moment m;
  char room[96];
  if (!read_moment(v, &m)) return false;
  int size = snprintf(room, sizeof room, "%04d-%02d-%02d %02d:%02d:%02d%s", m.year, m.month, m.day, m.hour, m.minute,
                      m.second, m.fraction);
  return give_text(a, room, (size_t)size, out);
}

bool typed_convert(cat_type type, const driver_column *column, const shunt_value *v, arena *a, shunt_value *out) {
  switch (type) {
  case CAT_TYPE_INTEGER:
    return to_integer(v, out);
  case CAT_TYPE_NUMBER:
    return to_number(v, out);
  case CAT_TYPE_DECIMAL:
    return to_decimal(column, v, a, out);
  case CAT_TYPE_BOOLEAN:
    return to_boolean(v, out);
  case CAT_TYPE_TEXT:
    return to_text(v, a, out);
  case CAT_TYPE_BLOB:
    return to_blob(v, out);
  case CAT_TYPE_DATE:
    return to_date(v, a, out);
  case CAT_TYPE_TIME:
    return to_time(v, a, out);
  case CAT_TYPE_DATETIME:
    return to_datetime(v, a, out);
  case CAT_TYPE_JSON:
    return to_json(v, a, out);
  case CAT_TYPE_UUID:
    return to_uuid(v, a, out);
  case CAT_NTYPES:
    break;
  }
  return false;
}
