/* PostgreSQL's lexical rules, as far as they say what is a parameter and what is not. */
#include <ctype.h>
#include <string.h>

#include "driver/pg/conn.h"

static bool begins_name(char c) { return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; }
static bool in_name(char c) { return begins_name(c) || (c >= '0' && c <= '9') || c == '$'; }

/* ---- past what is opaque; each is at its first byte, and gives what follows it ---- */

static const char *skip_quoted(const char *at, const char *end, bool backslashes) {
  char quote = *at++;
  while (at < end) {
    if (backslashes && *at == '\\' && end - at > 1)
      at += 2;
    else if (*at != quote)
      at++;
    else if (end - at > 1 && at[1] == quote)
      at += 2;
    else
      return at + 1;
  }
  return end;
}

static const char *skip_line(const char *at, const char *end) {
  const char *line = memchr(at, '\n', (size_t)(end - at));
  return line ? line + 1 : end;
}

static const char *skip_comment(const char *at, const char *end) {
  int depth = 0;
  while (end - at > 1) {
    if (at[0] == '/' && at[1] == '*')
      depth++, at += 2;
    else if (at[0] != '*' || at[1] != '/')
      at++;
    else if (at += 2, --depth == 0)
      return at;
  }
  return end;
}

/* "$$…$$", "$tag$…$tag$". The same place where it is none. */
static const char *skip_dollars(const char *at, const char *end) {
  const char *tag = at + 1;
  if (tag < end && begins_name(*tag))
    while (tag < end && in_name(*tag) && *tag != '$') tag++;
  if (tag >= end || *tag != '$') return at;
  size_t size = (size_t)(tag + 1 - at);
  for (const char *close = tag + 1; (size_t)(end - close) >= size; close++)
    if (memcmp(close, at, size) == 0) return close + size;
  return end;
}

/* Of E'…' alone: what goes before the E is no name. */
static bool has_backslashes(const char *sql, const char *quote) {
  if (quote == sql || (quote[-1] != 'e' && quote[-1] != 'E')) return false;
  return quote - 1 == sql || !in_name(quote[-2]);
}

static const char *skip_opaque(const char *sql, const char *at, const char *end) {
  bool more = end - at > 1;
  if (*at == '\'') return skip_quoted(at, end, has_backslashes(sql, at));
  if (*at == '"') return skip_quoted(at, end, false);
  if (*at == '-' && more && at[1] == '-') return skip_line(at, end);
  if (*at == '/' && more && at[1] == '*') return skip_comment(at, end);
  if (*at == '$' && (at == sql || !in_name(at[-1]))) return skip_dollars(at, end);
  return at;
}

/* ---- parameters ---- */

void pg_number_params(const char *sql, size_t size, buf *out) {
  const char *at = sql, *end = sql + size, *copied = sql;
  int number = 0;
  while (at < end) {
    const char *next = skip_opaque(sql, at, end);
    if (next != at || *at != '?') {
      at = next != at ? next : at + 1;
      continue;
    }
    bool question = end - at > 1 && at[1] == '?';
    buf_add(out, copied, (size_t)(at - copied) + (question ? 1 : 0));
    at += question ? 2 : 1;
    copied = at;
    if (question) continue;
    buf_printf(out, "$%d", ++number);
    if (at < end && in_name(*at)) buf_putc(out, ' ');
  }
  buf_add(out, copied, (size_t)(end - copied));
}

/* ---- first words ---- */

static const char *skip_blank(const char *sql, const char *at, const char *end) {
  while (at < end) {
    if (strchr(" \t\r\n\f\v;", *at)) {
      at++;
      continue;
    }
    bool comment = end - at > 1 && ((at[0] == '-' && at[1] == '-') || (at[0] == '/' && at[1] == '*'));
    if (!comment) return at;
    at = skip_opaque(sql, at, end);
  }
  return at;
}

/* Past the word, or NULL where another one stands there. */
static const char *take_word(const char *at, const char *end, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(end - at) < size) return NULL;
  for (size_t i = 0; i < size; i++)
    if (tolower((unsigned char)at[i]) != word[i]) return NULL;
  at += size;
  return at < end && in_name(*at) ? NULL : at;
}

/* ---- what stays with the connection ---- */

static bool is_any(const char *at, const char *end, const char *const *words) {
  for (; *words; words++)
    if (take_word(at, end, *words)) return true;
  return false;
}

/* "[OR REPLACE] [LOCAL] TEMP": at what follows CREATE or INTO. */
static bool is_temporary(const char *sql, const char *at, const char *end) {
  static const char *const between[] = {"or", "replace", "local", "global", NULL};
  static const char *const temporary[] = {"temp", "temporary", NULL};
  for (at = skip_blank(sql, at, end); is_any(at, end, between); at = skip_blank(sql, at, end))
    while (at < end && in_name(*at)) at++;
  return is_any(at, end, temporary);
}

/* "(…, true)" */
static bool ends_in_true(const char *sql, const char *at, const char *end) {
  const char *last = NULL; /* the word before what is looked at */
  int depth = 0;
  while (at < end) {
    const char *next = skip_opaque(sql, at, end);
    if (next == at && *at == ')' && --depth == 0) return last && take_word(last, end, "true");
    depth += next == at && *at == '(';
    if (next != at || !isspace((unsigned char)*at)) last = begins_name(*at) ? at : NULL;
    at = next != at ? next : at + 1;
    while (last && at < end && in_name(*at)) at++;
  }
  return false;
}

static bool stays(const char *sql, const char *before, const char *word, const char *after, const char *end) {
  static const char *const names[] = {
      "pg_temp", "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared",
      NULL};
  static const char *const rows[] = {"insert", "merge", NULL};
  if (take_word(word, end, "create")) return is_temporary(sql, after, end);
  if (take_word(word, end, "into")) return !(before && is_any(before, end, rows)) && is_temporary(sql, after, end);
  if (take_word(word, end, "set_config")) return !ends_in_true(sql, after, end);
  return is_any(word, end, names);
}

static bool is_of_transaction(const char *sql, const char *set, const char *end) {
  static const char *const what[] = {"local", "transaction", "constraints", NULL};
  return is_any(skip_blank(sql, set, end), end, what);
}

/* DO and CALL run what can't be seen from here. */
bool pg_leaves(const char *sql, size_t size) {
  static const char *const commands[] = {"set",        "reset", "discard", "listen", "unlisten", "prepare",
                                         "deallocate", "load",  "declare", "do",     "call",     NULL};
  const char *end = sql + size, *at = skip_blank(sql, sql, end), *set = take_word(at, end, "set"), *before = NULL;
  if (is_any(at, end, commands)) return !set || !is_of_transaction(sql, set, end);
  while (at < end) {
    const char *next = skip_opaque(sql, at, end);
    if (next != at || !begins_name(*at)) {
      at = next != at ? next : at + 1;
      continue;
    }
    while (next < end && in_name(*next)) next++;
    if (stays(sql, before, at, next, end)) return true;
    before = at;
    at = next;
  }
  return false;
}

/* ---- what it is about ---- */

pg_words pg_first_words(const char *sql, size_t size) {
  static const char *const savepoint[] = {"savepoint", "release"},
                           *const transaction[] = {"begin", "start", "commit", "end", "abort"},
                           *const noise[] = {"work", "transaction"};
  const char *end = sql + size, *at = skip_blank(sql, sql, end), *next;
  if (at == end) return PG_NOTHING;
  for (size_t i = 0; i < sizeof savepoint / sizeof *savepoint; i++)
    if (take_word(at, end, savepoint[i])) return PG_SAVEPOINT;
  for (size_t i = 0; i < sizeof transaction / sizeof *transaction; i++)
    if (take_word(at, end, transaction[i])) return PG_TRANSACTION;
  if ((next = take_word(at, end, "prepare")))
    return take_word(skip_blank(sql, next, end), end, "transaction") ? PG_TRANSACTION : PG_PLAIN;
  if (!(next = take_word(at, end, "rollback"))) return PG_PLAIN;
  at = skip_blank(sql, next, end);
  for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
    if ((next = take_word(at, end, noise[i]))) at = skip_blank(sql, next, end);
  return take_word(at, end, "to") ? PG_SAVEPOINT : PG_TRANSACTION;
}
