#include "query/typed_fits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "query/document.h"
#include "query/typed.h"
#include "query/value.h"

static const typed_fit fits = {SHUNT_OK, NULL};

static typed_fit outside(const char *why) { return (typed_fit){SHUNT_E_USAGE, why}; }
static typed_fit too_large(const char *why) { return (typed_fit){SHUNT_E_CONSTRAINT, why}; }

/* The number in parentheses behind a type of SQLite, of texts or of others; 0 without it. */
static size_t declared_size(const driver_column *column, bool of_texts) {
  bool declares = column->kind == DRIVER_ANYTHING && column->text == of_texts;
  const char *open = declares ? strchr(column->type, '(') : NULL;
  return open ? strtoul(open + 1, NULL, 10) : 0;
}

/* ---- numbers ---- */

/* Of a decimal in plain digits. */
static size_t whole_digits(const shunt_value *v) {
  const char *at = v->as.bytes + strspn(v->as.bytes, " \t\n\v\f\r+-");
  at += strspn(at, "0");
  return strspn(at, "0123456789");
}

static typed_fit fit_decimal(const driver_column *column, const shunt_value *v) {
  size_t precision = declared_size(column, false), scale = typed_scale(column);
  if (!precision) return fits;
  if ((size_t)value_digits(v) > scale) return too_large("has more digits after the point than its type keeps");
  if (whole_digits(v) + scale > precision) return too_large("has more digits before the point than its type keeps");
  return fits;
}

/* ---- texts ---- */

static typed_fit fit_text(const driver_column *column, const shunt_value *v) {
  size_t most = declared_size(column, true), characters = 0;
  if (memchr(v->as.bytes, 0, v->size)) return outside("has a NUL, which not every engine keeps in a text");
  if (!utf8_valid(v->as.bytes, v->size)) return outside("is not UTF-8");
  for (size_t i = 0; i < v->size; i++) characters += ((unsigned char)v->as.bytes[i] & 0xC0) != 0x80;
  return most && characters > most ? too_large("has more characters than its type keeps") : fits;
}

static typed_fit fit_json(const shunt_value *v) {
  static const driver_column strictest = {.form = DRIVER_FORM_DOUBLES};
  arena scratch = {0};
  document d = document_read(&scratch, v);
  arena_free(&scratch);
  if (d.fault == DOCUMENT_FINE) {
    if (d.nul) return outside("has the escape \\u0000, which not every engine keeps");
    if (d.alone) return outside("has half of a pair of surrogates, which not every engine keeps");
    d = document_for(&strictest, v);
  }
  switch (d.fault) {
  case DOCUMENT_INVALID:
    return outside("is not valid JSON");
  case DOCUMENT_REPEATS:
    return outside("has an object with two members of one name, which not every engine keeps");
  case DOCUMENT_ROUNDED:
    return outside("has a number that not every engine keeps with all digits; write it as a string");
  case DOCUMENT_NO_MEMORY:
    return (typed_fit){SHUNT_E_MEMORY, "needs more memory than there is"};
  case DOCUMENT_FINE:
    break;
  }
  return fits;
}

/* ---- times ---- */

enum { MOST_DIGITS = 6 /* of a second, on servers */, HOURS_OF_A_DAY = 24 };

/* SQLite: TIME(3) keeps 3 digits. */
static typed_fit fit_digits(const driver_column *column, const shunt_value *v) {
  size_t declared = declared_size(column, false), most = declared ? declared : MOST_DIGITS;
  if (column->kind != DRIVER_ANYTHING || (size_t)value_digits(v) <= most) return fits;
  return too_large("has more digits of a second than its type keeps");
}

/* MySQL's TIME reaches beyond a day. */
static typed_fit fit_time(const driver_column *column, const shunt_value *v) {
  bool of_a_day = v->as.bytes[0] != '-' && strtol(v->as.bytes, NULL, 10) < HOURS_OF_A_DAY;
  return of_a_day ? fit_digits(column, v) : outside("is not between 00:00:00 and 24:00:00");
}

/* ---- all of them ---- */

typed_fit typed_fits(cat_type type, const driver_column *column, const shunt_value *v) {
  switch (type) {
  case CAT_TYPE_NUMBER:
    return isfinite(v->as.number) ? fits : outside("is not finite");
  case CAT_TYPE_DECIMAL:
    return fit_decimal(column, v);
  case CAT_TYPE_TEXT:
    return fit_text(column, v);
  case CAT_TYPE_TIME:
    return fit_time(column, v);
  case CAT_TYPE_DATETIME:
    return fit_digits(column, v);
  case CAT_TYPE_JSON:
    return fit_json(v);
  default:
    return fits;
  }
}
