/* One lexer for all engines. A dialect lists the differences.
 *
 * The idea: the callers look for words and for ?, and only quotes and comments can hide those. So operators need no
 * rules: each of their characters is a token, and a comment may begin right behind one, as in all three engines.
 *
 * Invariant: tokens come in the order of the text. Every byte belongs to one token, or is a blank or comment between
 * two tokens.
 *
 * Not there: the server's version. It decides whether MySQL runs an executable comment. Here all of them are code;
 * saw_executable warns the caller, and lex_first_behind gives the other first word. Usually both readings meet behind
 * the comment. But a quote or comment in it may hide its end from one of them, and servers differ in whether comments
 * in it nest: then it diverges, and no word can be relied on. Also not there: SQLite's named parameters, where $a is a
 * word here.
 *
 * Sources: PostgreSQL's scan.l, MariaDB's sql_lex.cc, SQLite's tokenize.c. tests/unit/driver/lex_test.c compares with
 * an independent implementation of these rules, and the lex tests of all engines compare with the engines. */
#include "driver/lex.h"

#include <string.h>

#include "base/ascii.h"

lex lex_of(const lex_dialect *dialect, const char *sql, size_t size) {
  return (lex){.dialect = dialect, .at = sql, .end = sql + size};
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_letter(char c) { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }
static bool begins_word(char c) { return is_letter(c) || c == '_' || (unsigned char)c >= 0x80; }

bool lex_in_word(char c) { return begins_word(c) || is_digit(c) || c == '$'; }

static bool is_one_of(char c, const char *set) { return c && strchr(set, c); }

static bool sees(const lex *l, const char *text) {
  if (l->at == l->end || *l->at != *text) return false;
  size_t size = strlen(text);
  return (size_t)(l->end - l->at) >= size && memcmp(l->at, text, size) == 0;
}

static void skip_to(lex *l, const char *set) {
  while (l->at < l->end && !is_one_of(*l->at, set)) l->at++;
}

/* ---- comments ---- */

static bool at_line_comment(const lex *l) {
  if (*l->at == '#') return l->dialect->hash_comments;
  if (!sees(l, "--")) return false;
  if (!l->dialect->dashes_and_blank || l->end - l->at == 2) return true;
  unsigned char next = (unsigned char)l->at[2];
  return next <= ' ' || next == 0x7f; /* here MySQL accepts every control character as a blank */
}

static const char *find(const char *at, const char *end, const char *two) {
  while (end - at >= 2 && (at[0] != two[0] || at[1] != two[1])) at++;
  return end - at >= 2 ? at : end;
}

/* Notes where the comment ends that has just been opened, if its code does not run. One inside of another makes that
 * one diverge, whatever it holds. */
static void look_behind(lex *l) {
  if (l->in_executable) return;
  const char *close = find(l->at, l->end, "*/"), *nested = find(l->at, l->end, "/*");
  l->diverges = l->diverges || nested < close; /* also if they share the star */
  l->behind = close < l->end ? close + 2 : close;
}

/* Also skips the version, five or six digits. */
static bool open_executable(lex *l) {
  size_t size = sees(l, "/*!") ? 3 : sees(l, "/*M!") ? 4 : 0, digits = 0;
  if (!size || !l->dialect->executable) return false;
  l->at += size;
  while (digits < 6 && l->at + digits < l->end && is_digit(l->at[digits])) digits++;
  if (digits >= 5) l->at += digits;
  look_behind(l);
  l->in_executable = l->saw_executable = true;
  return true;
}

static void skip_comment(lex *l) {
  int depth = 1;
  for (l->at += 2; l->at < l->end;) {
    bool opens = l->dialect->nested_comments && sees(l, "/*"), closes = sees(l, "*/");
    depth += opens - closes;
    l->at += opens || closes ? 2 : 1;
    if (!depth) return;
  }
}

/* Past one blank or comment. False: there is neither. */
static bool skip_one(lex *l) {
  if (l->at == l->end || is_letter(*l->at)) return false;
  if (is_blank(*l->at)) {
    l->at++;
  } else if (l->dialect->byte_order_mark && sees(l, "\xEF\xBB\xBF")) {
    l->at += 3;
  } else if (at_line_comment(l)) {
    skip_to(l, l->dialect->return_ends_line ? "\r\n" : "\n");
  } else if (l->in_executable && sees(l, "*/")) {
    l->at += 2;
    l->diverges = l->diverges || l->at != l->behind;
    l->in_executable = false;
  } else if (!sees(l, "/*")) {
    return false;
  } else if (!open_executable(l)) {
    skip_comment(l);
  }
  return true;
}

/* ---- what is quoted ---- */

static void skip_quoted(lex *l, bool backslashes) {
  char close = *l->at++ == '[' ? ']' : l->at[-1];
  while (l->at < l->end) {
    bool more = l->end - l->at > 1, ends = *l->at == close;
    bool pair = more && ((backslashes && *l->at == '\\') || (ends && close != ']' && l->at[1] == close));
    l->at += pair ? 2 : 1;
    if (ends && !pair) return;
  }
}

/* Moves to the quote that continues the string which has just ended, if only blanks, -- comments and at least one end
 * of a line are in between. */
static bool find_continuation(lex *l) {
  lex ahead = *l;
  bool newline = false;
  while (ahead.at < ahead.end && (is_blank(*ahead.at) || at_line_comment(&ahead))) {
    newline = newline || *ahead.at == '\n' || *ahead.at == '\r';
    skip_one(&ahead);
  }
  if (!newline || ahead.at == ahead.end || *ahead.at != '\'') return false;
  l->at = ahead.at;
  return true;
}

static void skip_escape_string(lex *l) {
  do {
    skip_quoted(l, true);
  } while (find_continuation(l));
}

/* False: not a dollar quote. */
static bool skip_dollars(lex *l) {
  const char *tag = l->at + 1;
  if (tag < l->end && begins_word(*tag))
    while (tag < l->end && lex_in_word(*tag) && *tag != '$') tag++;
  if (tag >= l->end || *tag != '$') return false;
  size_t size = (size_t)(tag + 1 - l->at);
  const char *open = l->at, *close = tag + 1;
  while ((size_t)(l->end - close) >= size && memcmp(close, open, size) != 0) close++;
  l->at = (size_t)(l->end - close) >= size ? close + size : l->end;
  return true;
}

/* ---- tokens ---- */

static lex_kind take_word(lex *l) {
  const char *begin = l->at;
  if (l->dialect->numbers_end && is_digit(*begin)) {
    while (l->at < l->end && is_digit(*l->at)) l->at++;
    return LEX_NUMBER;
  }
  while (l->at < l->end && lex_in_word(*l->at)) l->at++;
  bool escapes = l->dialect->escape_strings && l->at - begin == 1 && ascii_lower(*begin) == 'e';
  if (!escapes || l->at == l->end || *l->at != '\'') return LEX_WORD;
  skip_escape_string(l);
  return LEX_STRING;
}

static lex_kind take_question(lex *l) {
  l->at++;
  if (l->dialect->question_operators && l->at < l->end && *l->at == '?') {
    l->at++;
    return LEX_OTHER;
  }
  while (l->dialect->numbered_params && l->at < l->end && is_digit(*l->at)) l->at++;
  return LEX_PARAM;
}

static lex_kind take(lex *l) {
  const lex_dialect *d = l->dialect;
  char c = *l->at;
  if (is_letter(c)) return take_word(l);
  bool string = is_one_of(c, d->strings);
  if (string || is_one_of(c, d->names)) {
    skip_quoted(l, string && d->backslashes);
    return string ? LEX_STRING : LEX_NAME;
  }
  if (c == '?') return take_question(l);
  if (c == '$' && d->dollar_quotes && skip_dollars(l)) return LEX_STRING;
  if (lex_in_word(c) && (c != '$' || !d->numbers_end)) return take_word(l);
  l->at++;
  return LEX_OTHER;
}

lex_token lex_next(lex *l) {
  while (skip_one(l)) {
  }
  lex_token t = {LEX_END, l->at, 0};
  if (l->at < l->end) t.kind = take(l);
  t.size = (size_t)(l->at - t.at);
  l->diverges = l->diverges || (l->in_executable && l->at > l->behind);
  return t;
}

lex_token lex_first(lex *l, const char *passed_over) {
  lex_token t;
  do {
    t = lex_next(l);
  } while (t.kind == LEX_OTHER && t.size == 1 && is_one_of(*t.at, passed_over));
  return t;
}

bool lex_first_behind(lex *l, const char *passed_over, lex_token *t) {
  if (!l->in_executable) return false;
  l->in_executable = false;
  l->at = l->behind;
  *t = lex_first(l, passed_over);
  return true;
}

bool lex_is(lex_token t, const char *word) {
  if (t.kind != LEX_WORD || strlen(word) != t.size) return false;
  for (size_t i = 0; i < t.size; i++)
    if (ascii_lower(t.at[i]) != word[i]) return false;
  return true;
}

bool lex_is_any(lex_token t, const char *const *words) {
  if (t.kind != LEX_WORD || !t.size) return false;
  char first = ascii_lower(*t.at);
  while (*words && (**words != first || !lex_is(t, *words))) words++;
  return *words != NULL;
}

bool lex_is_char(lex_token t, char c) { return t.kind == LEX_OTHER && t.size == 1 && *t.at == c; }
