/* For: a second reading of SQL, one character at a time, which was written apart from the lexer.
 * Use: char out[SIZE]; reading_of(CAT_PG, text, size, out); … each of its bytes is '.' for a blank or
 * comment, 's' for a string, 'n' for a quoted name, '?' for a parameter, 'w' for a word or number, 'o' for anything
 * else.
 */
#ifndef TESTS_UNIT_DRIVER_READING_H
#define TESTS_UNIT_DRIVER_READING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "catalog/catalog.h"

typedef enum mode { CODE, LINE, BLOCK, QUOTED, DOLLARS } mode;

typedef struct reading {
  cat_engine engine;
  const char *text;
  size_t size;
  char *out;
  mode mode;
  size_t depth;
  char close, class;
  bool escapes, executable;
  uint64_t skipped; /* a bit for each executable comment: the server does not run its code */
  size_t most_deep; /* of comments in the comment that is open */
  const char *tag;  /* of the dollar quote that is open */
  size_t tag_size;
} reading;

static inline bool reads_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 128;
}
static inline bool reads_digit(char c) { return '0' <= c && c <= '9'; }
static inline bool reads_space(char c) { return c && strchr(" \t\n\v\f\r", c); }

static inline char peek(const reading *r, size_t at) { return at < r->size ? r->text[at] : 0; }

static inline size_t mark(reading *r, size_t at, size_t n, char class) {
  memset(r->out + at, class, n);
  return at + n;
}

static inline size_t open_quote(reading *r, size_t at, char class, bool escapes) {
  r->mode = QUOTED;
  r->close = r->text[at] == '[' ? ']' : r->text[at];
  r->class = class;
  r->escapes = escapes;
  return mark(r, at, 1, class);
}

/* Of E'…' on the next line: where its quote is, or 0. */
static inline size_t continuation(const reading *r, size_t at) {
  bool lines = false;
  for (; at < r->size; at++) {
    char c = r->text[at];
    if (c == '\n' || c == '\r') lines = true;
    if (c == '\'') return lines ? at : 0;
    if (c == '-' && peek(r, at + 1) == '-') {
      while (at + 1 < r->size && r->text[at + 1] != '\n' && r->text[at + 1] != '\r') at++;
    } else if (!reads_space(c)) {
      return 0;
    }
  }
  return 0;
}

static inline size_t read_quoted(reading *r, size_t at) {
  char c = r->text[at], next = peek(r, at + 1);
  bool last = at + 1 == r->size;
  if (r->escapes && c == '\\' && !last) return mark(r, at, 2, r->class);
  if (c != r->close) return mark(r, at, 1, r->class);
  if (c != ']' && next == c && !last) return mark(r, at, 2, r->class);
  r->mode = CODE;
  at = mark(r, at, 1, r->class);
  size_t more = r->engine == CAT_PG && r->escapes ? continuation(r, at) : 0;
  if (!more) return at;
  mark(r, at, more - at, 's');
  return open_quote(r, more, 's', true);
}

static inline size_t read_comment(reading *r, size_t at) {
  bool opens = r->text[at] == '/' && peek(r, at + 1) == '*', closes = r->text[at] == '*' && peek(r, at + 1) == '/';
  if (r->depth == r->most_deep) opens = false;
  if (opens) r->depth++;
  if (closes && --r->depth == 0) r->mode = CODE;
  return mark(r, at, opens || closes ? 2 : 1, '.');
}

static inline size_t read_dollars(reading *r, size_t at) {
  if (r->size - at < r->tag_size || memcmp(r->text + at, r->tag, r->tag_size) != 0) return mark(r, at, 1, 's');
  r->mode = CODE;
  return mark(r, at, r->tag_size, 's');
}

static inline size_t read_word(reading *r, size_t at) {
  size_t begin = at;
  bool number = r->engine == CAT_PG && reads_digit(r->text[at]);
  while (at < r->size && (reads_digit(r->text[at]) || (!number && (reads_letter(r->text[at]) || r->text[at] == '$'))))
    at++;
  bool escape = r->engine == CAT_PG && at - begin == 1 && (r->text[begin] | 32) == 'e' && peek(r, at) == '\'';
  mark(r, begin, at - begin, escape ? 's' : 'w');
  return escape ? open_quote(r, at, 's', true) : at;
}

static inline size_t dollar_tag(reading *r, size_t at) {
  size_t end = at + 1;
  while (reads_letter(peek(r, end)) || (end > at + 1 && reads_digit(peek(r, end)))) end++;
  if (peek(r, end) != '$') return 0;
  r->tag = r->text + at;
  return r->tag_size = end + 1 - at;
}

static inline size_t open_comment(reading *r, size_t at, size_t most_deep) {
  r->mode = BLOCK;
  r->depth = 1;
  r->most_deep = most_deep;
  return mark(r, at, 2, '.');
}

/* In a comment that is not run, one more comment may be. Not so in one for MariaDB that MySQL reads. */
static inline size_t open_executable(reading *r, size_t at) {
  size_t begin = at, digits = 0;
  const bool skips = r->skipped & 1, nests = r->skipped & 2;
  r->skipped >>= 2;
  if (skips) return open_comment(r, at, r->text[at + 2] == '!' || nests ? 2 : 1);
  at += r->text[at + 2] == '!' ? 3 : 4;
  while (reads_digit(peek(r, at + digits)) && digits < 6) digits++;
  if (digits >= 5) at += digits;
  r->executable = true;
  return mark(r, begin, at - begin, '.');
}

static inline size_t read_code(reading *r, size_t at) {
  char c = r->text[at], second = peek(r, at + 1), third = peek(r, at + 2);
  bool pg = r->engine == CAT_PG, mysql = r->engine == CAT_MYSQL, sqlite = r->engine == CAT_SQLITE3;
  if (reads_space(c)) return mark(r, at, 1, '.');
  if (sqlite && r->size - at > 2 && memcmp(r->text + at, "\xEF\xBB\xBF", 3) == 0) return mark(r, at, 3, '.');
  if ((mysql && c == '#') || (c == '-' && second == '-' && (!mysql || (unsigned char)third <= 32 || third == 127))) {
    r->mode = LINE;
    return mark(r, at, 1, '.');
  }
  if (mysql && r->executable && c == '*' && second == '/') {
    r->executable = false;
    return mark(r, at, 2, '.');
  }
  if (c == '/' && second == '*') {
    if (mysql && (third == '!' || (third == 'M' && peek(r, at + 3) == '!'))) return open_executable(r, at);
    return open_comment(r, at, pg ? r->size : 1);
  }
  if (c == '\'') return open_quote(r, at, 's', mysql);
  if (c == '"') return open_quote(r, at, mysql ? 's' : 'n', mysql);
  if ((c == '`' && !pg) || (c == '[' && sqlite)) return open_quote(r, at, 'n', false);
  if (pg && c == '?' && second == '?') return mark(r, at, 2, 'o');
  if (c == '?') {
    size_t end = at + 1;
    while (sqlite && reads_digit(peek(r, end))) end++;
    return mark(r, at, end - at, '?');
  }
  size_t tag = pg && c == '$' ? dollar_tag(r, at) : 0;
  if (tag) {
    r->mode = DOLLARS;
    return mark(r, at, tag, 's');
  }
  if (reads_letter(c) || reads_digit(c) || (c == '$' && !pg)) return read_word(r, at);
  return mark(r, at, 1, 'o');
}

static inline size_t read_one(reading *r, size_t at) {
  char c = r->text[at];
  switch (r->mode) {
  case LINE:
    if (c == '\n' || (c == '\r' && r->engine == CAT_PG)) r->mode = CODE;
    return mark(r, at, 1, '.');
  case BLOCK:
    return read_comment(r, at);
  case QUOTED:
    return read_quoted(r, at);
  case DOLLARS:
    return read_dollars(r, at);
  case CODE:
    break;
  }
  return read_code(r, at);
}

static inline void reading_of(cat_engine engine, const char *text, size_t size, char *out) {
  reading r = {.engine = engine, .text = text, .size = size, .out = out};
  for (size_t at = 0; at < size;) at = read_one(&r, at);
}

/* The SQL that a server runs: without comments, and executable ones replaced by their code unless they are skipped. The
 * bits of `skipped` decide, two for each. False: the server refuses it, because something is closed that is not open,
 * or not closed. */
static inline bool reading_as_run(const char *text, size_t size, uint64_t skipped, char *run) {
  reading r = {.engine = CAT_MYSQL, .text = text, .size = size, .out = run, .skipped = skipped};
  for (size_t at = 0; at < size;) at = read_one(&r, at);
  bool sound = (r.mode == CODE || r.mode == LINE) && !r.executable;
  for (size_t i = 1; i < size; i++)
    if (run[i - 1] == 'o' && run[i] == 'o' && text[i - 1] == '*' && text[i] == '/') sound = false;
  for (size_t i = 0; i < size; i++) run[i] = run[i] == '.' ? ' ' : text[i];
  return sound;
}

#endif
