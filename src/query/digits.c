#include "query/digits.h"

#include <string.h>

#include "base/number.h"

enum { MOST_KEPT = 19 /* digits that an integer of 64 bits can need, and a double 17 */, LONGEST_EXPONENT = 9 };

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

bool digits_are_negative(const shunt_value *text) {
  decimal d;
  return read_decimal(text->as.bytes, text->size, &d) && d.negative;
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

bool digits_as_integer(const shunt_value *text, int64_t *out) {
  decimal d;
  uint64_t n = 0;
  if (!read_decimal(text->as.bytes, text->size, &d)) return false;
  uint64_t limit = (uint64_t)INT64_MAX + d.negative;
  if (d.count > MOST_KEPT || (d.count && (d.power < (long)d.count || d.power > MOST_KEPT))) return false;
  for (long i = 0; d.count && i < d.power; i++) {
    uint64_t digit = (size_t)i < d.count ? (uint64_t)(d.digits[i] - '0') : 0;
    if (n > (limit - digit) / 10) return false;
    n = n * 10 + digit;
  }
  *out = d.negative ? (int64_t)(0 - n) : (int64_t)n;
  return true;
}

bool digits_places(const shunt_value *text, long *whole, long *fraction) {
  decimal d;
  if (!read_decimal(text->as.bytes, text->size, &d)) return false;
  long after = (long)d.count - d.power;
  *whole = d.count && d.power > 0 ? d.power : 0;
  *fraction = d.count && after > 0 ? after : 0;
  return true;
}

/* The next digit of the number, its first one that is not 0 first; 0 behind its end. */
static char next_digit(scan *s) {
  while (s->at < s->end && (*s->at == '.' || is_blank(*s->at))) s->at++;
  return is_digit(s) ? *s->at++ : '0';
}

shunt_value digits_plain(arena *a, const shunt_value *text, long scale, bool cut) {
  decimal d;
  scan s = {text->as.bytes, text->as.bytes + text->size};
  read_decimal(text->as.bytes, text->size, &d);
  if (!d.count) d.power = 0;
  while (s.at < s.end && (*s.at < '1' || *s.at > '9')) s.at++;
  long first = d.power > 0 ? d.power - 1 : 0; /* the place of the first digit; 0: the one before the point */
  char *room = arena_alloc(a, (size_t)(first + scale) + sizeof "-0.5"), *to = room;
  if (!room) return shunt_text(NULL, 1);
  if (d.negative) *to++ = '-';
  for (long place = first; place >= -scale; place--) {
    if (place == -1) *to++ = '.';
    *to++ = place < d.power ? next_digit(&s) : '0';
  }
  if (cut && !scale) *to++ = '.';
  if (cut) *to++ = '5';
  *to = 0;
  return shunt_text(room, (size_t)(to - room));
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
