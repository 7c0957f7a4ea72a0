/* Schoolbook addition of decimal texts.
 *
 * Idea: both numbers are written as digits of the same scale, least digit last; equal signs add the digits, different
 * signs subtract the smaller from the larger. Digits after the point are kept, as the engines' SUM keeps them. */
#include "query/decimal.h"

#include <stddef.h>
#include <string.h>

typedef struct digits {
  const char *text; /* without the sign */
  size_t whole, fraction;
  bool negative;
} digits;

static bool read_digits(const shunt_value *value, digits *out) {
  const char *text = value->as.bytes, *end = text + value->size;
  *out = (digits){.negative = value->size && *text == '-'};
  if (value->size && (*text == '-' || *text == '+')) text++;
  out->text = text;
  while (text < end && *text >= '0' && *text <= '9') text++, out->whole++;
  if (text < end && *text == '.' && out->whole) {
    text++;
    while (text < end && *text >= '0' && *text <= '9') text++, out->fraction++;
  }
  return text == end && out->whole;
}

bool decimal_is(const shunt_value *value) {
  digits d;
  return value->type == SHUNT_TEXT && read_digits(value, &d);
}

int decimal_scale(const shunt_value *value) {
  digits d;
  return read_digits(value, &d) ? (int)d.fraction : 0;
}

/* The digit with this number, counted from the point: 0 is the last one before it, -1 the first one after it. */
static int digit_at(const digits *d, ptrdiff_t place) {
  if (place >= 0) return (size_t)place < d->whole ? d->text[d->whole - 1 - (size_t)place] - '0' : 0;
  return (size_t)-place <= d->fraction ? d->text[d->whole + (size_t)-place] - '0' : 0;
}

static bool is_zero(const char *text, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (text[i] != '0') return false;
  return true;
}

static bool is_nothing(const digits *d) {
  return is_zero(d->text, d->whole) && (!d->fraction || is_zero(d->text + d->whole + 1, d->fraction));
}

int decimal_compare(const shunt_value *x, const shunt_value *y) {
  digits a, b;
  if (!read_digits(x, &a) || !read_digits(y, &b)) return 0;
  bool below_a = a.negative && !is_nothing(&a), below_b = b.negative && !is_nothing(&b);
  if (below_a != below_b) return below_a ? -1 : 1;
  size_t whole = a.whole > b.whole ? a.whole : b.whole, fraction = a.fraction > b.fraction ? a.fraction : b.fraction;
  for (ptrdiff_t place = (ptrdiff_t)whole - 1; place >= -(ptrdiff_t)fraction; place--) {
    int d = digit_at(&a, place) - digit_at(&b, place);
    if (d) return below_a ? -d : d;
  }
  return 0;
}

shunt_value decimal_with_scale(arena *a, const shunt_value *number, size_t scale) {
  const char *point = memchr(number->as.bytes, '.', number->size);
  size_t has = point ? (size_t)(number->as.bytes + number->size - point) - 1 : 0;
  if (has >= scale) return *number;
  size_t zeros = scale - has, size = number->size + !point + zeros;
  char *text = arena_alloc(a, size + 1);
  if (text) {
    memcpy(text, number->as.bytes, number->size);
    if (!point) text[number->size] = '.';
    memset(text + size - zeros, '0', zeros);
    text[size] = 0;
  }
  return shunt_text(text, size);
}

/* Writes the digits with this many before and after the point; `to` has no point. */
static void spread(const digits *d, size_t whole, size_t fraction, char *to) {
  memset(to, '0', whole + fraction);
  memcpy(to + (whole - d->whole), d->text, d->whole);
  if (d->fraction) memcpy(to + whole, d->text + d->whole + 1, d->fraction);
}

/* a = a + sign * b, where a is not smaller than b if sign is -1. */
static void accumulate(char *a, const char *b, size_t n, int sign) {
  int carry = 0;
  for (size_t i = n; i-- > 0;) {
    int digit = a[i] - '0' + sign * (b[i] - '0') + carry;
    carry = digit > 9 ? 1 : digit < 0 ? -1 : 0;
    a[i] = (char)('0' + digit - 10 * carry);
  }
}

shunt_status decimal_add(arena *a, const shunt_value *x, const shunt_value *y, shunt_value *out) {
  digits left, right;
  if (x->type != SHUNT_TEXT || y->type != SHUNT_TEXT || !read_digits(x, &left) || !read_digits(y, &right))
    return SHUNT_E_USAGE;
  size_t fraction = left.fraction > right.fraction ? left.fraction : right.fraction;
  size_t whole = 1 + (left.whole > right.whole ? left.whole : right.whole), n = whole + fraction;
  char *one = arena_alloc(a, n), *other = arena_alloc(a, n), *text = arena_alloc(a, n + 3), *to = text;
  if (!one || !other || !text) return SHUNT_E_MEMORY;
  spread(&left, whole, fraction, one);
  spread(&right, whole, fraction, other);
  bool swap = memcmp(one, other, n) < 0;
  char *larger = swap ? other : one;
  accumulate(larger, swap ? one : other, n, left.negative == right.negative ? 1 : -1);
  if ((swap ? right : left).negative && !is_zero(larger, n)) *to++ = '-';
  size_t skip = 0;
  while (skip + 1 < whole && larger[skip] == '0') skip++;
  memcpy(to, larger + skip, whole - skip);
  to += whole - skip;
  if (fraction) *to++ = '.';
  memcpy(to, larger + whole, fraction);
  to += fraction;
  *to = 0;
  *out = shunt_text(text, (size_t)(to - text));
  return SHUNT_OK;
}
