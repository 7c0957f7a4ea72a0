/* Values of keys, converted to the types of the columns that they are compared with.
 *
 * Idea: engines convert values when they compare types, each in its own way, and some bend them to fit: 1 becomes the
 * year 2001, 'abc' the number 0, a time loses its fraction. So values are converted here, and only without loss: 1.0 is
 * 1 in a column of integers, and 1.5 is nowhere. The comparison itself (case, blanks, precision) is the engine's.
 *
 * Not here: texts of types that only their engine reads, such as networks and intervals: KEY_ASKS. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/number.h"
#include "base/utf8.h"
#include "query/digits.h"
#include "query/document.h"
#include "query/key.h"
#include "query/key_time.h"
#include "query/value.h"

enum { MOST_PLACES = 131072 /* of any engine's decimals: PostgreSQL's have as many before the point */ };

/* ---- numbers ---- */

static bool is_number(const shunt_value *v) { return v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT; }

static key_fitting fit_text_of(arena *a, const shunt_value *number, shunt_value *out) {
  char *room = arena_alloc(a, NUMBER_BYTES);
  if (!room) return KEY_NO_MEMORY;
  *out = shunt_text(room,
                    number->type == SHUNT_FLOAT ? number_write(number->as.number, room) : value_as_text(number, room));
  return KEY_FITS;
}

static key_fitting fit_integer(const driver_column *column, const shunt_value *value, shunt_value *out) {
  *out = value_exact(value);
  return driver_column_holds(column, out) ? KEY_FITS : KEY_NOWHERE;
}

static bool is_endless(const shunt_value *v) { return v->type == SHUNT_TEXT && digits_are_word(v); }

/* The column's own type takes the text, and would bend a longer one. */
static key_fitting fit_places(arena *a, const driver_column *column, shunt_value *decimal) {
  long whole, fraction;
  if (!digits_places(decimal, &whole, &fraction) || whole > MOST_PLACES || fraction > MOST_PLACES) return KEY_NOWHERE;
  if (column->whole && (whole > column->whole || fraction > column->digits)) return KEY_NOWHERE;
  *decimal = digits_plain(a, decimal, fraction, false);
  return decimal->as.bytes ? KEY_FITS : KEY_NO_MEMORY;
}

/* 64 bits without a sign: beyond 2^63 the number is text. */
static key_fitting fit_unsigned(arena *a, const driver_column *column, const shunt_value *value, shunt_value *out) {
  static const char most[] = "18446744073709551615";
  enum { DIGITS = sizeof most - 1 };
  *out = value_exact(value);
  if (out->type == SHUNT_INTEGER) return out->as.integer >= 0 ? KEY_FITS : KEY_NOWHERE;
  if (out->type == SHUNT_FLOAT && value->type == SHUNT_TEXT) {
    *out = *value;
    key_fitting fitting = fit_places(a, column, out);
    if (fitting != KEY_FITS) return fitting;
  } else if (out->type == SHUNT_FLOAT) {
    double d = out->as.number;
    char *room = arena_alloc(a, NUMBER_BYTES);
    if (!room) return KEY_NO_MEMORY;
    if (!(d >= 9223372036854775808.0 && d < 18446744073709551616.0)) return KEY_NOWHERE;
    *out = shunt_text(room, (size_t)snprintf(room, NUMBER_BYTES, "%.0f", d));
  }
  if (out->type != SHUNT_TEXT || out->size > DIGITS) return KEY_NOWHERE;
  for (size_t i = 0; i < out->size; i++)
    if (out->as.bytes[i] < '0' || out->as.bytes[i] > '9') return KEY_NOWHERE;
  return out->size < DIGITS || memcmp(out->as.bytes, most, DIGITS) <= 0 ? KEY_FITS : KEY_NOWHERE;
}

/* A number of 32 bits comes as the one with the shortest text. */
static bool is_single(const driver_column *from) { return from && from->kind == DRIVER_NUMBERS && from->single; }

static key_fitting fit_decimal(arena *a, const driver_column *column, const driver_column *from,
                               const shunt_value *value, shunt_value *out) {
  *out = value_exact(value);
  if (out->type == SHUNT_FLOAT && is_single(from)) out->as.number = (double)(float)out->as.number;
  if (out->type == SHUNT_INTEGER) {
    shunt_value text;
    return fit_text_of(a, out, &text) ? KEY_NO_MEMORY : fit_places(a, column, &text);
  }
  if (column->rounds && value_digits(out) > column->digits) return KEY_NOWHERE;
  if (out->type == SHUNT_FLOAT) {
    shunt_value number = *out;
    if (fit_text_of(a, &number, out)) return KEY_NO_MEMORY;
  }
  if (is_endless(out)) return column->infinite ? KEY_FITS : KEY_NOWHERE;
  return out->type == SHUNT_TEXT ? fit_places(a, column, out) : KEY_NOWHERE;
}

static key_fitting fit_float(const driver_column *column, const driver_column *from, const shunt_value *value,
                             shunt_value *out) {
  shunt_value v = value_canonical(value, true);
  if (v.type == SHUNT_INTEGER) {
    *out = shunt_float((double)v.as.integer);
    return driver_column_holds(column, &v) ? KEY_FITS : KEY_NOWHERE;
  }
  if (is_endless(&v)) v = shunt_float(number_read(v.as.bytes, v.size));
  if (v.type != SHUNT_FLOAT) return KEY_NOWHERE;
  double d = v.as.number;
  bool was_text = value->type == SHUNT_TEXT;
  if (!isfinite(d) && (!column->infinite || (was_text && !is_endless(value)))) return KEY_NOWHERE;
  if (column->single || is_single(from)) {
    double nearest = (double)(float)d;
    bool rounds = !from || is_single(from) || (was_text && !(from && from->numeric));
    if (isfinite(d) && (!isfinite(nearest) || (nearest == 0 && d != 0))) return KEY_NOWHERE;
    if (!rounds && isfinite(d) && nearest != d) return KEY_NOWHERE;
    d = nearest;
  }
  *out = shunt_float(d);
  return KEY_FITS;
}

static key_fitting fit_boolean(const shunt_value *value, shunt_value *out) {
  shunt_value v = value_canonical(value, true);
  *out = shunt_boolean(v.as.integer != 0);
  return v.type == SHUNT_INTEGER && (v.as.integer == 0 || v.as.integer == 1) ? KEY_FITS : KEY_NOWHERE;
}

/* ---- texts ---- */

/* With or without braces, and hyphens between groups of four, in any case. */
static key_fitting fit_uuid(arena *a, const shunt_value *v, shunt_value *out) {
  enum { UUID = 36, DIGITS = 32 };
  size_t n = 0, digits = 0, at = 0, end = v->size;
  if (v->type != SHUNT_TEXT) return KEY_NOWHERE;
  char *room = arena_alloc(a, UUID);
  if (!room) return KEY_NO_MEMORY;
  if (end > 1 && v->as.bytes[0] == '{' && v->as.bytes[end - 1] == '}') at++, end--;
  for (; at < end; at++) {
    char c = v->as.bytes[at];
    if (digits == DIGITS || (c == '-' && (digits == 0 || digits % 4))) return KEY_NOWHERE;
    if (c == '-') continue;
    if (ascii_hex(c) < 0) return KEY_NOWHERE;
    if (n == 8 || n == 13 || n == 18 || n == 23) room[n++] = '-';
    room[n++] = "0123456789abcdef"[ascii_hex(c)];
    digits++;
  }
  *out = shunt_text(room, UUID);
  return digits == DIGITS ? KEY_FITS : KEY_NOWHERE;
}

static bool is_ascii(const shunt_value *v) {
  for (size_t i = 0; i < v->size; i++)
    if (v->as.bytes[i] < ' ' || v->as.bytes[i] > '~') return false;
  return true;
}

/* A decimal is a text too, and its zeros at the end mean nothing; nor do PostgreSQL's blanks that fill a character(n).
 */
static shunt_value plain(const driver_column *from, const shunt_value *value) {
  bool decimal = from && from->numeric && from->kind == DRIVER_NUMBERS;
  shunt_value v = *value;
  if (v.type == SHUNT_TEXT && from && from->kind == DRIVER_TEXTS && from->collation == DRIVER_RTRIM) {
    while (v.size && v.as.bytes[v.size - 1] == ' ') v.size--;
    return v;
  }
  return decimal ? value_exact(value) : value->type == SHUNT_TEXT ? *value : value_canonical(value, false);
}

static bool is_of_same_type(const driver_column *column, const driver_column *from) {
  return from && column->convert && from->convert && strcmp(column->convert, from->convert) == 0;
}

static key_fitting fit_text(arena *a, const driver_column *column, const driver_column *from, const shunt_value *value,
                            shunt_value *out) {
  shunt_value v = plain(from, value);
  bool bytes = v.type == SHUNT_BLOB && column->kind == DRIVER_STRINGS && from && from->kind == DRIVER_BLOBS;
  *out = bytes ? shunt_text(v.as.bytes, v.size) : v;
  if (is_number(&v) && fit_text_of(a, &v, out)) return KEY_NO_MEMORY;
  if (!driver_column_holds(column, out) || (column->longest && out->size > column->longest)) return KEY_NOWHERE;
  document d = document_for(column, out);
  if (d.fault != DOCUMENT_FINE) return d.fault == DOCUMENT_NO_MEMORY ? KEY_NO_MEMORY : KEY_NOWHERE;
  bool known = !column->takes || is_of_same_type(column, from) || (column->takes_ascii && is_ascii(out));
  return known ? KEY_FITS : KEY_ASKS;
}

static key_fitting fit_blob(const driver_column *from, const shunt_value *value, shunt_value *out) {
  bool text = value->type == SHUNT_TEXT && from && from->kind == DRIVER_STRINGS;
  *out = text ? shunt_blob(value->as.bytes, value->size) : *value;
  return out->type == SHUNT_BLOB ? KEY_FITS : KEY_NOWHERE;
}

/* As PostgreSQL writes times that others don't have. */
static bool is_unusual(const shunt_value *v) {
  bool ancient = v->size > 3 && memcmp(v->as.bytes + v->size - 3, " BC", 3) == 0;
  size_t sign = v->size && v->as.bytes[0] == '-', word = sizeof "infinity" - 1;
  return ancient || (v->size == sign + word && memcmp(v->as.bytes + sign, "infinity", word) == 0);
}

/* A date that is not written as usual ("infinity", "44-03-15 BC") fits only a column like its own. Of one that a caller
 * gives, the engine is asked. A time of day has no such values. */
static key_fitting fit_time(arena *a, const driver_column *column, const driver_column *from, const shunt_value *value,
                            shunt_value *out) {
  bool alike = from && from->time && column->time != DRIVER_CLOCK && column->takes && from->takes;
  switch (key_time_fit(a, column, value, out)) {
  case KEY_TIME_FITS:
    return KEY_FITS;
  case KEY_TIME_UNKNOWN:
    *out = *value;
    if (value->type != SHUNT_TEXT) return KEY_NOWHERE;
    return alike ? KEY_FITS : !from && column->takes && is_unusual(value) ? KEY_ASKS : KEY_NOWHERE;
  case KEY_TIME_LOSES:
    return KEY_NOWHERE;
  case KEY_TIME_NO_MEMORY:
    break;
  }
  return KEY_NO_MEMORY;
}

/* ---- SQLite's columns ---- */

/* The column converts numbers to texts and back itself. Whole numbers are numbers here already: rules read them. */
static key_fitting fit_anything(const driver_column *column, const driver_column *from, const shunt_value *value,
                                shunt_value *out) {
  bool inside = from && from->kind == DRIVER_ANYTHING, decimal = from && !inside && from->numeric;
  bool typeless = !column->numeric && !column->text, of_typeless = inside && !from->numeric && !from->text;
  shunt_value number = inside ? value_canonical(value, true) : value_exact(value);
  if (!from && value->type == SHUNT_TEXT && number.type == SHUNT_INTEGER && !digits_are_integer(value))
    number = value_canonical(value, true); /* the column reads it as a double */
  *out = *value;
  if (value->type == SHUNT_BOOL || (!inside && value->type == SHUNT_FLOAT)) *out = number;
  if (decimal || ((column->numeric || (typeless && !inside)) && number.type == SHUNT_INTEGER)) *out = number;
  if (column->text && of_typeless && is_number(out)) return KEY_NOWHERE; /* neither end converts */
  if (out->type == SHUNT_FLOAT && isnan(out->as.number)) return KEY_NOWHERE;
  /* IN would round it, and = would not */
  if (column->real && out->type == SHUNT_INTEGER && !driver_float_holds(out->as.integer, false)) return KEY_NOWHERE;
  if (inside || !column->numeric || out->type != SHUNT_TEXT) return KEY_FITS;
  bool longer = number.type == SHUNT_TEXT && value_canonical(value, true).type != SHUNT_TEXT;
  return longer ? KEY_NOWHERE : KEY_FITS; /* no double has all of its digits */
}

void key_columns_compare(key_columns *columns, const key_columns *from) {
  for (size_t i = 0; i < columns->n; i++) {
    const driver_column *to = columns->list[i], *of = from->n ? from->list[i] : NULL;
    bool inside = of && of->kind == DRIVER_ANYTHING, typeless = !to->numeric && !to->text;
    bool of_typeless = inside && !of->numeric && !of->text;
    columns->by_value[i] =
        to->kind == DRIVER_ANYTHING && ((typeless && !of_typeless) || (to->text && inside && of->numeric));
  }
}

/* ---- all of them ---- */

const char *key_names_text(arena *a, const key_names *names) {
  const char *text = names->n ? names->list[0] : "";
  for (size_t i = 1; i < names->n && text; i++) text = arena_printf(a, "%s, %s", text, names->list[i]);
  return text ? text : names->list[0];
}

key_fitting key_fit(arena *a, const key_columns *columns, size_t i, const driver_column *from, const shunt_value *value,
                    shunt_value *out) {
  const driver_column *column = columns->list[i];
  if (column->numeric && column->kind != DRIVER_ANYTHING && digits_underflow(value)) return KEY_NOWHERE;
  switch (column->kind) {
  case DRIVER_ANYTHING:
    return fit_anything(column, from, value, out);
  case DRIVER_INTEGERS:
    return fit_integer(column, value, out);
  case DRIVER_NUMBERS:
    if (!column->exact) return fit_float(column, from, value, out);
    return column->same_integers ? fit_unsigned(a, column, value, out) : fit_decimal(a, column, from, value, out);
  case DRIVER_BOOLEANS:
    return fit_boolean(value, out);
  case DRIVER_TEXTS:
  case DRIVER_STRINGS:
    return fit_text(a, column, from, value, out);
  case DRIVER_BLOBS:
    return fit_blob(from, value, out);
  case DRIVER_UUIDS:
    return fit_uuid(a, value, out);
  case DRIVER_OTHERS:
    return column->time ? fit_time(a, column, from, value, out) : fit_text(a, column, from, value, out);
  }
  return KEY_NOWHERE;
}

key_fitting key_fit_all(arena *a, const key_columns *columns, const key_columns *from, const shunt_value *values,
                        shunt_value *out) {
  key_fitting worst = KEY_FITS;
  for (size_t i = 0; i < columns->n && worst != KEY_NOWHERE && worst != KEY_NO_MEMORY; i++) {
    key_fitting fitting = key_fit(a, columns, i, from->n ? from->list[i] : NULL, &values[i], &out[i]);
    if (fitting != KEY_FITS) worst = fitting;
  }
  return worst;
}

bool key_is_exact(const key_columns *columns, size_t i, const shunt_value *v) {
  const driver_column *column = columns->list[i];
  switch ((shunt_type)v->type) {
  case SHUNT_INTEGER: /* SQLite keeps -2^63 as a floating-point number, too */
    return column->same_integers && v->as.integer != INT64_MIN;
  case SHUNT_BOOL:
    return column->kind == DRIVER_BOOLEANS;
  case SHUNT_TEXT:
    return column->same_texts && !columns->by_value[i];
  case SHUNT_BLOB:
    return column->same_blobs;
  default:
    return false;
  }
}
