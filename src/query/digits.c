#include "query/digits.h"

#include <string.h>

#include "base/number.h"

enum { MOST_KEPT = 17 /* digits that a double can need */, LONGEST_EXPONENT = 9 };

/* 0.digits * 10^power */
typedef struct decimal {
  bool negative, integer;
  char digits[MOST_KEPT];
  size_t count; /* without zeros at either end; may be more than MOST_KEPT */
  long power;
} decimal;

typedef struct scan {
  const char *at, *end;
} scan;

static bool is_digit(const scan *s) { return s->at < s->end && *s->at >= '0' && *s->at <= '9'; }
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool take(scan *s, const char *any) {
  if (s->at == s->end || !*s->at || !strchr(any, *s->at)) return false;
  s->at++;
  return true;
}

/* *zeros: those that count only if another digit follows. Returns whether there were digits. */
static bool take_digits(scan *s, decimal *d, size_t *zeros, bool fraction) {
  bool any = false;
  for (; is_digit(s); s->at++, any = true) {
    bool zero = *s->at == '0';
    if (!fraction && (d->count || !zero)) d->power++;
    if (fraction && !d->count && zero) d->power--;
    if (zero) {
      *zeros += d->count > 0;
      continue;
    }
    for (; *zeros; --*zeros, d->count++)
      if (d->count < MOST_KEPT) d->digits[d->count] = '0';
    if (d->count < MOST_KEPT) d->digits[d->count] = *s->at;
    d->count++;
  }
  return any;
}

static bool take_exponent(scan *s, decimal *d) {
  bool negative = take(s, "-");
  if (!negative) take(s, "+");
  long exponent = 0;
  const char *from = s->at;
  for (; is_digit(s); s->at++)
    if (s->at - from < LONGEST_EXPONENT) exponent = exponent * 10 + (*s->at - '0');
  d->power += negative ? -exponent : exponent;
  return s->at > from;
}

static bool read_decimal(const char *text, size_t size, decimal *d) {
  scan s = {text, text + size};
  size_t zeros = 0;
  *d = (decimal){.integer = true};
  while (s.at < s.end && is_blank(*s.at)) s.at++;
  while (s.end > s.at && is_blank(s.end[-1])) s.end--;
  d->negative = take(&s, "-");
  if (!d->negative) take(&s, "+");
  bool any = take_digits(&s, d, &zeros, false);
  if (take(&s, ".")) {
    d->integer = false;
    any = take_digits(&s, d, &zeros, true) || any;
  }
  if (!any) return false;
  if (take(&s, "eE")) {
    d->integer = false;
    if (!take_exponent(&s, d)) return false;
  }
  return s.at == s.end;
}

static bool same(const decimal *a, const decimal *b) {
  if (a->count != b->count || a->count > MOST_KEPT) return false;
  return a->count == 0 ||
         (a->negative == b->negative && a->power == b->power && memcmp(a->digits, b->digits, a->count) == 0);
}

bool digits_are_number(const shunt_value *text) {
  decimal d;
  return read_decimal(text->as.bytes, text->size, &d);
}

bool digits_underflow(const shunt_value *value) {
  decimal d;
  if (value->type != SHUNT_TEXT || value->size > NUMBER_LONGEST) return false;
  if (!read_decimal(value->as.bytes, value->size, &d) || !d.count) return false;
  double number = number_read(value->as.bytes, value->size);
  return !(number < 0 || number > 0);
}

bool digits_are_word(const shunt_value *text) {
  static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (text->size == strlen(words[i]) && memcmp(text->as.bytes, words[i], text->size) == 0) return true;
  return false;
}

bool digits_are_integer(const shunt_value *text) {
  decimal d;
  return read_decimal(text->as.bytes, text->size, &d) && d.integer;
}

bool digits_fit_double(const shunt_value *text) {
  char room[NUMBER_BYTES];
  decimal given, kept;
  if (!read_decimal(text->as.bytes, text->size, &given) || text->size > NUMBER_LONGEST) return false;
  size_t size = number_write(number_read(text->as.bytes, text->size), room);
  return read_decimal(room, size, &kept) && same(&given, &kept);
}
