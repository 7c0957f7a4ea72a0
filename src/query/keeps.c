#include "query/keeps.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "query/compare.h"
#include "query/digits.h"
#include "query/document.h"
#include "query/form.h"
#include "query/value.h"

enum { SHOWN_TEXT = 64 };

static const double TWO_TO_63 = 9223372036854775808.0, CERTAIN = 1e15, NOISE = 8 * DBL_EPSILON;

/* ---- messages ---- */

/* what: to follow "the column", with the value behind it. */
static shunt_status refuse(call *c, const site *at, const driver_column *column, const char *what,
                           const shunt_value *v) {
  char room[VALUE_SHOWN_BYTES];
  error_set(c->err, SHUNT_E_CONSTRAINT, "model '%s': column '%s' (%s) %s %s", at->model->name, column->name,
            column->type, what, value_show(v, room));
  error_client(c->err, at->client->name);
  return SHUNT_E_CONSTRAINT;
}

static shunt_status refuse_digits(call *c, const site *at, const driver_column *column) {
  error_set(c->err, SHUNT_E_CONSTRAINT,
            "model '%s': column '%s' (%s) keeps %d digits after the point, and the value has more", at->model->name,
            column->name, column->type, column->digits);
  error_client(c->err, at->client->name);
  return SHUNT_E_CONSTRAINT;
}

static shunt_status refuse_nan(call *c, const site *at, const driver_column *column) {
  error_set(c->err, SHUNT_E_USAGE, "model '%s': column '%s' is NaN, which its type (%s) can't hold; use null",
            at->model->name, column->name, column->type);
  error_client(c->err, at->client->name);
  return SHUNT_E_USAGE;
}

/* ---- by kind ---- */

static bool is_from_zero(const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_INTEGER:
    return v->as.integer >= 0;
  case SHUNT_FLOAT:
    return v->as.number >= 0 && v->as.number < TWO_TO_63;
  case SHUNT_TEXT: /* ends in a NUL */
    return v->size && strspn(v->as.bytes, "0123456789") == v->size;
  default:
    return v->type != SHUNT_BLOB;
  }
}

/* A 32-bit number must be read back as what was given. */
static bool single_holds(const shunt_value *number) {
  if (number->type == SHUNT_INTEGER) return driver_float_holds(number->as.integer, true);
  if (number->type != SHUNT_FLOAT) return true;
  double d = number->as.number;
  if (!isfinite(d) || fabs(d) > FLT_MAX) return true; /* the engine refuses what is too large */
  double back = number_of_single((float)d);
  return !(back < d || back > d);
}

/* As MySQL rounds for FLOAT(m,d) and DOUBLE(m,d), which for some negative numbers gives another double. */
static bool rounding_keeps(const driver_column *column, double d) {
  double scale = pow(10, column->digits), whole = floor(d), rounded = whole + rint((d - whole) * scale) / scale;
  return !isfinite(d) || !(rounded < d || rounded > d);
}

static bool float_holds(const driver_column *column, const shunt_value *v) {
  shunt_value number = value_canonical(v, true);
  if (v->type == SHUNT_TEXT && !digits_fit_double(v)) return digits_are_word(v);
  if (column->rounds && number.type == SHUNT_FLOAT && value_digits(v) <= column->digits &&
      !rounding_keeps(column, number.as.number))
    return false;
  if (column->single) return single_holds(&number);
  return number.type != SHUNT_INTEGER || driver_float_holds(number.as.integer, false);
}

static bool integer_holds(const driver_column *column, const shunt_value *v) {
  if (v->type != SHUNT_TEXT && v->type != SHUNT_FLOAT) return true; /* the engine refuses what is too large */
  shunt_value number = value_canonical(v, true);
  if (number.type == SHUNT_FLOAT) return number.as.number >= -TWO_TO_63 && number.as.number < TWO_TO_63;
  return number.type == SHUNT_INTEGER && number.as.integer >= column->least && number.as.integer <= column->most;
}

static const char *why_not_in_texts(const shunt_value *v) {
  if (v->type == SHUNT_BLOB) return "holds texts, not";
  bool odd = v->type == SHUNT_FLOAT && !value_is_plain(v->as.number);
  return odd ? "holds texts; give the number as text, not" : NULL;
}

/* Why the column does not keep a value of this kind, to follow "the column"; NULL: it does, or the engine refuses it.
 */
static const char *why_not(const driver_column *column, const shunt_value *v) {
  bool blob = v->type == SHUNT_BLOB, bytes = blob || v->type == SHUNT_TEXT;
  switch (column->kind) {
  case DRIVER_INTEGERS:
    return blob || !integer_holds(column, v) ? "holds integers, and can't hold" : NULL;
  case DRIVER_NUMBERS:
    if (blob) return "holds numbers, not";
    if (!column->exact) return float_holds(column, v) ? NULL : "holds floating-point numbers and can't hold exactly";
    return v->type == SHUNT_TEXT && !digits_are_number(v) && !digits_are_word(v) ? "holds numbers, not" : NULL;
  case DRIVER_BLOBS:
    return bytes ? NULL : "holds bytes; give a blob, not";
  case DRIVER_TEXTS:
  case DRIVER_STRINGS:
    /* in another character set, MySQL stores such a text as '' */
    if (column->kind == DRIVER_STRINGS && v->type == SHUNT_TEXT && !utf8_valid(v->as.bytes, v->size))
      return "holds texts in UTF-8, not";
    return why_not_in_texts(v);
  case DRIVER_BOOLEANS:
  case DRIVER_UUIDS:
    return blob ? "does not take" : NULL;
  case DRIVER_OTHERS:
    if (column->form == DRIVER_FORM_DOUBLES && v->type == SHUNT_TEXT && !utf8_valid(v->as.bytes, v->size))
      return "holds JSON in UTF-8, not"; /* MySQL keeps such bytes in its documents */
    if (column->form == DRIVER_FORM_ANY && !bytes) return "takes its values as text, not";
    return NULL;
  case DRIVER_ANYTHING:
    break;
  }
  return column->text ? why_not_in_texts(v) : NULL;
}

/* Whether 15 digits of the float are meant, and the others come from arithmetic: 0.1 + 0.2 is 0.30000000000000004. */
static bool is_noisy(const driver_column *column, double d) {
  char room[NUMBER_BYTES];
  double rounded = number_read(room, (size_t)snprintf(room, sizeof room, "%.15g", d));
  return column->exact && column->digits > 0 && fabs(d) * pow(10, column->digits) < CERTAIN &&
         fabs(rounded - d) <= NOISE * fabs(d);
}

static int digits_of(const driver_column *column, const shunt_value *v) {
  char room[NUMBER_BYTES];
  if (v->type != SHUNT_FLOAT || is_noisy(column, v->as.number)) return value_digits(v);
  shunt_value text = shunt_text(room, number_write(v->as.number, room));
  return value_digits(&text);
}

/* ---- JSON ---- */

static shunt_status refuse_document(call *c, const site *at, const driver_column *column, shunt_status code,
                                    const document *d) {
  bool repeats = d->fault == DOCUMENT_REPEATS;
  int size = (int)(d->part.size < SHOWN_TEXT ? d->part.size : SHOWN_TEXT);
  error_set(c->err, code,
            repeats ? "model '%s': column '%s' (%s) keeps one member for each name, and an object of the document has "
                      "two that are called %.*s"
                    : "model '%s': column '%s' (%s) would round the number %.*s of the document; write it as a string",
            at->model->name, column->name, column->type, size, d->part.text);
  error_client(c->err, at->client->name);
  return code;
}

shunt_status keeps_document(call *c, const site *at, const driver_column *column, const shunt_value *v,
                            shunt_status code) {
  if (!document_is_parsed(column) || v->type != SHUNT_TEXT) return SHUNT_OK;
  document d = document_for(column, v);
  if (d.fault == DOCUMENT_NO_MEMORY) return error_memory(c->err);
  return d.fault == DOCUMENT_FINE ? SHUNT_OK : refuse_document(c, at, column, code, &d);
}

/* ---- all of them ---- */

shunt_status keeps_check(call *c, const site *at, const driver_column *column, const shunt_value *v) {
  if (v->type == SHUNT_NULL) return SHUNT_OK;
  if (v->type == SHUNT_FLOAT && isnan(v->as.number) && !column->infinite) return refuse_nan(c, at, column);
  const char *why = why_not(column, v);
  if (why) return refuse(c, at, column, why, v);
  if (column->form && !form_holds(column, v)) return refuse(c, at, column, form_expected(column->form), v);
  if (column->rounds && digits_of(column, v) > column->digits) return refuse_digits(c, at, column);
  if (column->digits_type && !is_from_zero(v))
    return refuse(c, at, column, "takes whole numbers from 0, also as text, not", v);
  return keeps_document(c, at, column, v, SHUNT_E_CONSTRAINT);
}

/* ---- writing ---- */

static void write_in(sql_text *q, const char *form, const shunt_value *v) {
  const char *mark = strchr(form, '?');
  sql_add(q, form, (size_t)(mark - form));
  sql_param(q, v);
  sql_puts(q, mark + 1);
}

static void write_digits(sql_text *q, const char *type, const shunt_value *v) {
  sql_puts(q, "CAST(CONCAT("); /* MySQL takes a parameter that is cast itself for a signed number */
  sql_param(q, v);
  sql_puts(q, ") AS ");
  sql_puts(q, type);
  sql_puts(q, ")");
}

/* MySQL would write a number with as few digits as the column has room for. CONCAT writes all, but -0 as such. */
static void write_number_as_text(sql_text *q, const shunt_value *v) {
  shunt_value number = shunt_float(v->as.number + 0.0);
  sql_puts(q, "CONCAT(");
  sql_param(q, &number);
  sql_puts(q, ")");
}

/* Engines write true and 7.0 as different texts, and take a float for the shortest decimal that means it, which for a
 * large whole number is another number. */
shunt_value keeps_value(const driver_column *column, const shunt_value *v) {
  bool texts = compare_is_text(column);
  if (v->type == SHUNT_BOOL && (texts || column->form == DRIVER_FORM_DOUBLES))
    return v->as.boolean ? shunt_text("true", 4) : shunt_text("false", 5);
  return v->type == SHUNT_FLOAT && (texts || column->exact) ? value_canonical(v, false) : *v;
}

void keeps_write(sql_text *sql, const driver_column *column, const shunt_value *v) {
  shunt_value kept = keeps_value(column, v);
  if (column->written)
    write_in(sql, column->written, v);
  else if (column->digits_type && v->type == SHUNT_TEXT)
    write_digits(sql, column->digits_type, v);
  else if (column->kind == DRIVER_STRINGS && kept.type == SHUNT_FLOAT)
    write_number_as_text(sql, v);
  else
    sql_param(sql, &kept);
}
