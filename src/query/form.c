#include "query/form.h"

#include <string.h>

#include "query/digits.h"
#include "query/value.h"

/* A text that is read from its beginning. */
typedef struct reader {
  const char *at, *end;
} reader;

static bool take(reader *r, const char *any) {
  if (r->at == r->end || !*r->at || !strchr(any, *r->at)) return false;
  r->at++;
  return true;
}

/* Reads from `least` to `most` digits. */
static bool take_digits(reader *r, size_t least, size_t most, unsigned *number) {
  size_t n = 0;
  *number = 0;
  while (n < most && r->at < r->end && *r->at >= '0' && *r->at <= '9') {
    *number = *number * 10 + (unsigned)(*r->at++ - '0');
    n++;
  }
  return n >= least;
}

static bool take_word(reader *r, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) return false;
  r->at += size;
  return true;
}

static reader reader_of(const shunt_value *v) { return (reader){v->as.bytes, v->as.bytes + v->size}; }
static bool is_done(const reader *r) { return r->at == r->end; }

/* ---- dates and times ---- */

enum { LONGEST_YEAR = 7, LONGEST_HOURS = 3, LAST_HOUR = 23, LAST_MINUTE = 59 };

static bool take_date(reader *r) {
  unsigned part;
  return take_digits(r, 4, LONGEST_YEAR, &part) && take(r, "-") && take_digits(r, 1, 2, &part) && take(r, "-") &&
         take_digits(r, 1, 2, &part);
}

/* *sum: of all its parts, so that 0 is midnight. */
static bool take_time(reader *r, size_t hour_digits, unsigned last_hour, unsigned *sum) {
  unsigned hours, minutes, seconds = 0, digit = 0;
  if (!take_digits(r, 1, hour_digits, &hours) || !take(r, ":") || !take_digits(r, 1, 2, &minutes)) return false;
  bool exact = take(r, ":");
  if (exact && !take_digits(r, 1, 2, &seconds)) return false;
  *sum = hours + minutes + seconds;
  if (exact && take(r, "."))
    while (take_digits(r, 1, 1, &digit)) *sum += digit;
  return hours <= last_hour && minutes <= LAST_MINUTE && seconds <= LAST_MINUTE;
}

/* The end of a text that is infinite, or has a date alone or before Christ. */
static bool is_special(const shunt_value *v) {
  reader r = reader_of(v);
  take(&r, "-");
  return take_word(&r, "infinity") && is_done(&r);
}

static bool ends_date(reader *r) {
  take_word(r, " BC");
  return is_done(r);
}

/* Between a date and a time. */
static bool take_gap(reader *r) {
  if (take(r, "T")) return true;
  bool any = false;
  while (take(r, " ")) any = true;
  return any;
}

static bool is_date(const shunt_value *v) {
  reader r = reader_of(v);
  unsigned sum = 0;
  if (is_special(v)) return true;
  if (!take_date(&r)) return false;
  reader after = r;
  if (take_gap(&after) && take_time(&after, 2, LAST_HOUR, &sum)) r = after;
  return sum == 0 && ends_date(&r);
}

static bool is_time(const shunt_value *v) {
  reader r = reader_of(v);
  unsigned sum;
  take(&r, "-");
  return take_time(&r, LONGEST_HOURS, UINT32_MAX, &sum) && is_done(&r);
}

static bool is_moment(const shunt_value *v) {
  reader r = reader_of(v);
  unsigned sum;
  if (is_special(v)) return true;
  if (!take_date(&r)) return false;
  reader after = r;
  if (take_gap(&after) && take_time(&after, 2, LAST_HOUR, &sum)) r = after;
  return ends_date(&r);
}

/* The engine reads what follows. */
static bool is_zoned_moment(const shunt_value *v) {
  reader r = reader_of(v);
  return is_special(v) || take_date(&r);
}

static bool is_zoned_time(const shunt_value *v) {
  reader r = reader_of(v);
  unsigned sum;
  return take_time(&r, 2, LAST_HOUR, &sum);
}

static bool is_year(const shunt_value *v) {
  enum { FIRST = 1901, LAST = 2155 };
  unsigned year = 0;
  reader r = reader_of(v);
  if (v->type == SHUNT_TEXT)
    return take_digits(&r, 4, 4, &year) && is_done(&r) && (!year || (year >= FIRST && year <= LAST));
  shunt_value number = value_canonical(v, false);
  if (v->type == SHUNT_BOOL || number.type != SHUNT_INTEGER) return false;
  return number.as.integer == 0 || (number.as.integer >= FIRST && number.as.integer <= LAST);
}

/* ---- labels ---- */

/* One character of a label in a column's type: quotes are doubled, and some characters escaped. */
static char next_of_label(const char **at) {
  char c = *(*at)++;
  if (c == '\'') return *(*at)++;
  if (c != '\\') return c;
  static const char escapes[] = "\\0nr", meant[] = "\\\0\n\r";
  const char *found = **at ? strchr(escapes, **at) : NULL;
  if (!found) return c;
  (*at)++;
  return meant[found - escapes];
}

/* Whether the label that begins at *at, behind its quote, is the text. Moves *at behind the label's last quote. */
static bool is_this_label(const char **at, const char *text, size_t size) {
  size_t n = 0;
  bool same = true;
  while (**at && !(**at == '\'' && (*at)[1] != '\'')) {
    char c = next_of_label(at);
    same = same && n < size && text[n] == c;
    n++;
  }
  if (**at) (*at)++;
  return same && n == size;
}

/* declared: enum('a','b') */
static bool is_label(const char *declared, const char *text, size_t size) {
  const char *at = strchr(declared, '(');
  while (at && *at && *at != ')') {
    at++;
    if (*at != '\'') return false;
    at++;
    if (is_this_label(&at, text, size)) return true;
  }
  return false;
}

/* In the order of the type, as the engine gives them back. */
static bool are_labels(const char *declared, const shunt_value *v) {
  const char *at = strchr(declared, '('), *part = v->as.bytes, *end = part + v->size;
  while (at && *at && *at != ')' && part < end) {
    const char *comma = memchr(part, ',', (size_t)(end - part)), *to = comma ? comma : end;
    if (*++at == '\'') at++;
    if (!is_this_label(&at, part, (size_t)(to - part))) continue;
    part = comma ? comma + 1 : end;
    if (comma && part == end) return false;
  }
  return part == end;
}

/* ---- texts ---- */

static bool ends_in_blank(const shunt_value *v) { return v->size && v->as.bytes[v->size - 1] == ' '; }

static size_t characters(const shunt_value *v) {
  size_t n = 0;
  for (size_t i = 0; i < v->size; i++) n += ((unsigned char)v->as.bytes[i] & 0xC0) != 0x80;
  return n;
}

/* ---- SQLite's numbers ---- */

/* Between the floating-point numbers from here on, there are integers. */
static bool is_exact(int64_t n) {
  const int64_t most = INT64_C(1) << 53;
  return n >= -most && n <= most;
}

/* A text that SQLite would make a number, which then is the same number. */
static bool stays_number(const shunt_value *v, bool real) {
  shunt_value number = value_canonical(v, true);
  if (v->type == SHUNT_TEXT && !digits_are_number(v)) return true;
  if (v->type == SHUNT_TEXT && !digits_fit_double(v))
    return !real && digits_are_integer(v) && number.type == SHUNT_INTEGER;
  if (!real && v->type == SHUNT_TEXT && number.type == SHUNT_INTEGER && !digits_are_integer(v))
    return is_exact(number.as.integer);
  return !real || number.type != SHUNT_INTEGER || driver_float_holds(number.as.integer, false);
}

/* A text that SQLite would make a number, whose text is the same. */
static bool stays_spelled(const shunt_value *v) {
  char room[VALUE_TEXT_BYTES];
  shunt_value number = value_canonical(v, true);
  if (v->type != SHUNT_TEXT || !digits_are_number(v)) return true;
  if (number.type == SHUNT_TEXT) return false;
  size_t size = value_as_text(&number, room);
  return size == v->size && memcmp(room, v->as.bytes, size) == 0;
}

/* ---- all of them ---- */

static bool text_holds(const driver_column *column, const shunt_value *v) {
  switch (column->form) {
  case DRIVER_FORM_LENGTH:
    return !ends_in_blank(v) || characters(v) <= column->length;
  case DRIVER_FORM_BYTES:
    return !ends_in_blank(v) || v->size <= column->length;
  case DRIVER_FORM_TRIMMED:
    return !ends_in_blank(v);
  case DRIVER_FORM_BYTE:
    return v->size <= 1;
  case DRIVER_FORM_SIZE:
    return v->size == column->length;
  case DRIVER_FORM_LABEL:
    return is_label(column->type, v->as.bytes, v->size);
  case DRIVER_FORM_LABELS:
    return are_labels(column->type, v);
  case DRIVER_FORM_DATE:
    return is_date(v);
  case DRIVER_FORM_TIME:
    return is_time(v);
  case DRIVER_FORM_MOMENT:
    return is_moment(v);
  case DRIVER_FORM_ZONED_TIME:
    return is_zoned_time(v);
  case DRIVER_FORM_ZONED_MOMENT:
    return is_zoned_moment(v);
  default:
    return true;
  }
}

static bool is_byte(const shunt_value *v) {
  return v->type == SHUNT_BOOL || (v->type == SHUNT_INTEGER && v->as.integer >= 0 && v->as.integer <= 9);
}

bool form_holds(const driver_column *column, const shunt_value *v) {
  switch (column->form) {
  case DRIVER_FORM_YEAR:
    return is_year(v);
  case DRIVER_FORM_NUMBER:
    return stays_number(v, false);
  case DRIVER_FORM_REAL:
    return stays_number(v, true);
  case DRIVER_FORM_SPELLED:
    return stays_spelled(v);
  case DRIVER_FORM_SIZE:
    return (v->type == SHUNT_TEXT || v->type == SHUNT_BLOB) && text_holds(column, v);
  case DRIVER_FORM_JSON:
  case DRIVER_FORM_MEMBERS:
  case DRIVER_FORM_DOUBLES:
  case DRIVER_FORM_ANY:
  case DRIVER_FORM_LENGTH:
  case DRIVER_FORM_BYTES:
  case DRIVER_FORM_TRIMMED:
    return v->type != SHUNT_TEXT || text_holds(column, v);
  case DRIVER_FORM_AMOUNT:
    return v->type != SHUNT_BOOL;
  case DRIVER_FORM_BYTE:
    return v->type == SHUNT_TEXT ? text_holds(column, v) : is_byte(v);
  default:
    return v->type == SHUNT_TEXT && text_holds(column, v);
  }
}

const char *form_expected(driver_form form) {
  static const char *const expected[] = {
      [DRIVER_FORM_LENGTH] = "would cut the blanks at the end off",
      [DRIVER_FORM_BYTES] = "would cut the blanks at the end off",
      [DRIVER_FORM_TRIMMED] = "would cut the blanks at the end off",
      [DRIVER_FORM_BYTE] = "takes a text of one byte",
      [DRIVER_FORM_SIZE] =
          "takes exactly as many bytes as it has, and would fill up others with zero bytes; that is not",
      [DRIVER_FORM_LABEL] = "takes one of its labels as text, not",
      [DRIVER_FORM_LABELS] = "takes its labels as text, in the order of the type and with commas between them, not",
      [DRIVER_FORM_YEAR] = "takes 0 or a year from 1901 to 2155, with four digits, not",
      [DRIVER_FORM_DATE] = "takes a date as text, such as '2026-11-24', without a time, not",
      [DRIVER_FORM_TIME] = "takes a time as text, such as '12:30:00', without a date or a time zone, not",
      [DRIVER_FORM_MOMENT] = "takes a date and time as text, such as '2026-11-24 12:30:00', without a time zone, not",
      [DRIVER_FORM_ZONED_TIME] = "takes a time as text, such as '12:30:00+00', not",
      [DRIVER_FORM_ZONED_MOMENT] = "takes a date and time as text, such as '2026-11-24 12:30:00+00', not",
      [DRIVER_FORM_AMOUNT] = "takes an amount, not",
      [DRIVER_FORM_NUMBER] = "can't hold all digits of",
      [DRIVER_FORM_REAL] = "can't hold all digits of",
      [DRIVER_FORM_SPELLED] = "is not of a type for texts: SQLite would store a number in place of",
  };
  return expected[form];
}
