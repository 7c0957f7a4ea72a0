/* Idea: one pass over the text, with the open arrays and objects on a stack, so that a deep document needs no deep
 * calls. Names are noted together with the number of their object. Sorted, those that are repeated lie side by side. */
#include "query/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "query/digits.h"

/* A member's name without escapes, and the object that it belongs to. */
typedef struct name {
  document_part written, meant;
  size_t object;
} name;

typedef struct container {
  bool object;
  size_t number;
} container;

typedef struct reader {
  const char *at, *end;
  arena *a;
  document *d;
  container *open;
  size_t depth, open_capacity, nobjects;
  name *names;
  size_t nnames, names_capacity, numbers_capacity;
} reader;

/* ---- characters ---- */

static bool is_digit(const reader *r) { return r->at < r->end && *r->at >= '0' && *r->at <= '9'; }

static bool take(reader *r, char c) {
  if (r->at == r->end || *r->at != c) return false;
  r->at++;
  return true;
}

static bool take_any(reader *r, const char *any) {
  if (r->at == r->end || !*r->at || !strchr(any, *r->at)) return false;
  r->at++;
  return true;
}

static bool take_word(reader *r, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) return false;
  r->at += size;
  return true;
}

static void skip_blanks(reader *r) {
  while (take_any(r, " \t\r\n")) {
  }
}

static bool no_memory(reader *r) {
  r->d->fault = DOCUMENT_NO_MEMORY;
  return false;
}

/* ---- numbers ---- */

static bool take_digits(reader *r) {
  const char *from = r->at;
  while (is_digit(r)) r->at++;
  return r->at > from;
}

static bool take_number(reader *r) {
  const char *from = r->at;
  take(r, '-');
  if (!take(r, '0') && !take_digits(r)) return false;
  if (take(r, '.') && !take_digits(r)) return false;
  if (take_any(r, "eE")) {
    take_any(r, "+-");
    if (!take_digits(r)) return false;
  }
  document *d = r->d;
  if (!arena_grow(r->a, &d->numbers, &r->numbers_capacity, d->nnumbers + 1, sizeof *d->numbers)) return no_memory(r);
  d->numbers[d->nnumbers++] = (document_part){from, (size_t)(r->at - from)};
  return true;
}

/* ---- texts ---- */

enum { HEX_DIGITS = 4, FIRST_HIGH = 0xD800, FIRST_LOW = 0xDC00, BEHIND_LOW = 0xE000, FIRST_PAIR = 0x10000 };

static bool take_hex(reader *r, unsigned *code) {
  *code = 0;
  for (int i = 0; i < HEX_DIGITS; i++, r->at++) {
    int digit = r->at < r->end ? ascii_hex(*r->at) : -1;
    if (digit < 0) return false;
    *code = *code << 4 | (unsigned)digit;
  }
  return true;
}

/* Behind \u. Half a pair is noted, and gives itself. */
static bool take_code(reader *r, unsigned *code) {
  if (!take_hex(r, code)) return false;
  r->d->nul = r->d->nul || *code == 0;
  if (*code < FIRST_HIGH || *code >= BEHIND_LOW) return true;
  reader low = *r;
  unsigned second;
  if (*code < FIRST_LOW && take_word(&low, "\\u") && take_hex(&low, &second) && second >= FIRST_LOW &&
      second < BEHIND_LOW) {
    *code = FIRST_PAIR + ((*code - FIRST_HIGH) << 10) + (second - FIRST_LOW);
    r->at = low.at;
    return true;
  }
  r->d->alone = true;
  return true;
}

/* Behind a backslash. An escape is never shorter than what it means in UTF-8. */
static bool take_escape(reader *r, char **to) {
  static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  unsigned code;
  if (take(r, 'u')) {
    if (!take_code(r, &code)) return false;
    *to = utf8_put(*to, code);
    return true;
  }
  if (!take_any(r, escapes)) return false;
  *(*to)++ = meant[strchr(escapes, r->at[-1]) - escapes];
  return true;
}

/* room: for what the text means, as many bytes as are left. */
static bool take_characters(reader *r, char *room, size_t *size) {
  char *to = room;
  while (r->at < r->end && *r->at != '"') {
    if ((unsigned char)*r->at < ' ') return false;
    if (!take(r, '\\'))
      *to++ = *r->at++;
    else if (!take_escape(r, &to))
      return false;
  }
  *size = (size_t)(to - room);
  return take(r, '"');
}

/* The bytes to the closing quote. */
static size_t text_size(const reader *r) {
  const char *at = r->at;
  while (at < r->end && *at != '"') at += *at == '\\' && at + 1 < r->end ? 2 : 1;
  return (size_t)(at - r->at);
}

static bool take_text(reader *r, document_part *meant) {
  if (!take(r, '"')) return false;
  char *room = arena_alloc(r->a, text_size(r) + 1);
  if (!room) return no_memory(r);
  meant->text = room;
  return take_characters(r, room, &meant->size);
}

static bool take_name(reader *r) {
  const char *from = r->at;
  name n = {.object = r->open[r->depth - 1].number};
  if (!take_text(r, &n.meant)) return false;
  n.written = (document_part){from, (size_t)(r->at - from)};
  if (!arena_grow(r->a, &r->names, &r->names_capacity, r->nnames + 1, sizeof *r->names)) return no_memory(r);
  r->names[r->nnames++] = n;
  skip_blanks(r);
  return take(r, ':');
}

/* ---- values ---- */

static bool opens(reader *r, bool object) {
  if (!arena_grow(r->a, &r->open, &r->open_capacity, r->depth + 1, sizeof *r->open)) return no_memory(r);
  r->open[r->depth++] = (container){object, r->nobjects++};
  if (r->depth > r->d->depth) r->d->depth = r->depth;
  return true;
}

static bool take_scalar(reader *r) {
  document_part ignored;
  if (r->at == r->end) return false;
  if (*r->at == '"') return take_text(r, &ignored);
  if (take_word(r, "true") || take_word(r, "false") || take_word(r, "null")) return true;
  return take_number(r);
}

/* Takes ends of arrays and objects. Then a value follows (*more), behind its name in an object, or nothing. */
static bool take_ends(reader *r, bool *more) {
  for (*more = false; r->depth;) {
    bool object = r->open[r->depth - 1].object;
    skip_blanks(r);
    if (take(r, object ? '}' : ']')) {
      r->depth--;
      continue;
    }
    if (!take(r, ',')) return false;
    *more = true;
    skip_blanks(r);
    return !object || take_name(r);
  }
  return true;
}

/* An array or an object, to its first value. *empty: it has ended already. */
static bool take_opening(reader *r, bool *empty) {
  bool object = take(r, '{');
  if (!object && !take(r, '[')) return false;
  if (!opens(r, object)) return false;
  skip_blanks(r);
  *empty = take(r, object ? '}' : ']');
  if (*empty) r->depth--;
  return *empty || !object || take_name(r);
}

static bool take_document(reader *r) {
  bool more = true;
  while (more) {
    skip_blanks(r);
    bool inside = r->at < r->end && (*r->at == '{' || *r->at == '['), ended = true;
    if (inside ? !take_opening(r, &ended) : !take_scalar(r)) return false;
    if (ended && !take_ends(r, &more)) return false;
  }
  skip_blanks(r);
  return r->at == r->end;
}

/* ---- all of it ---- */

static int compare_names(const void *a, const void *b) {
  const name *x = a, *y = b;
  if (x->object != y->object) return x->object < y->object ? -1 : 1;
  if (x->meant.size != y->meant.size) return x->meant.size < y->meant.size ? -1 : 1;
  return memcmp(x->meant.text, y->meant.text, x->meant.size);
}

static void find_repeated(reader *r) {
  if (r->nnames) qsort(r->names, r->nnames, sizeof *r->names, compare_names);
  for (size_t i = 1; i < r->nnames; i++) {
    if (compare_names(&r->names[i - 1], &r->names[i]) != 0) continue;
    r->d->fault = DOCUMENT_REPEATS;
    r->d->part = r->names[i].written;
    return;
  }
}

document document_read(arena *a, const shunt_value *text) {
  document d = {.fault = DOCUMENT_FINE};
  reader r = {.at = text->as.bytes, .end = text->as.bytes + text->size, .a = a, .d = &d};
  bool read = utf8_valid(text->as.bytes, text->size) && take_document(&r);
  if (read)
    find_repeated(&r);
  else if (d.fault == DOCUMENT_FINE)
    d.fault = DOCUMENT_INVALID;
  return d;
}

/* MySQL refuses 0e999, too. */
static bool is_odd_zero(const document_part *number) {
  enum { LARGEST_EXPONENT = 308 };
  size_t at = 0;
  while (at < number->size && (number->text[at] | 0x20) != 'e' && (number->text[at] < '1' || number->text[at] > '9'))
    at++;
  bool zero = at < number->size && (number->text[at] | 0x20) == 'e';
  return zero && strtol(number->text + at + 1, NULL, 10) > LARGEST_EXPONENT; /* the document ends in a NUL */
}

/* As an integer from -2^63 to 2^64 - 1, or as the shortest decimal that means a double. */
static bool is_kept(const document_part *number) {
  static const char largest[] = "18446744073709551615", least[] = "9223372036854775808";
  const char *digits = number->text;
  size_t size = number->size;
  bool negative = *digits == '-';
  shunt_value text = shunt_text(number->text, number->size);
  if (negative) digits++, size--;
  const char *limit = negative ? least : largest;
  bool integer = !memchr(digits, '.', size) && !memchr(digits, 'e', size) && !memchr(digits, 'E', size);
  if (integer && (size < strlen(limit) || (size == strlen(limit) && memcmp(digits, limit, size) <= 0))) return true;
  return digits_fit_double(&text) && !is_odd_zero(number);
}

static void find_rounded(document *d) {
  for (size_t i = 0; i < d->nnumbers; i++) {
    if (is_kept(&d->numbers[i])) continue;
    d->fault = DOCUMENT_ROUNDED;
    d->part = d->numbers[i];
    return;
  }
}

/* With memory of its own: a call may write many documents. */
document document_for(const driver_column *column, const shunt_value *v) {
  arena scratch = {0};
  document d = {.fault = DOCUMENT_FINE};
  if (!document_is_parsed(column) || v->type != SHUNT_TEXT) return d;
  d = document_read(&scratch, v);
  if (d.fault == DOCUMENT_FINE && column->form == DRIVER_FORM_DOUBLES) find_rounded(&d);
  if (d.fault == DOCUMENT_INVALID) d.fault = DOCUMENT_FINE;
  d.numbers = NULL;
  d.nnumbers = 0;
  arena_free(&scratch);
  return d;
}
