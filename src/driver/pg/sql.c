/* What the driver must know of a statement before the server sees it: its parameters, its kind, and whether it changes
 * the connection. */
#include <string.h>

#include "driver/lex.h"
#include "driver/pg/conn.h"

const lex_dialect pg_dialect = {
    .strings = "'",
    .names = "\"",
    .escape_strings = true,
    .dollar_quotes = true,
    .nested_comments = true,
    .return_ends_line = true,
    .numbers_end = true,
    .question_operators = true,
};

/* ---- parameters ---- */

/* A string with backslashes that is no E'…'. */
static bool has_backslash(lex_token t) { return *t.at == '\'' && memchr(t.at, '\\', t.size); }

/* A blank keeps $1 apart from the words beside it: LIMIT$1 would be one name. */
pg_text pg_number_params(const char *sql, size_t size, buf *out) {
  lex l = lex_of(&pg_dialect, sql, size);
  const char *copied = sql, *end = sql + size;
  pg_text text = {0};
  lex_token before = {0};
  for (lex_token t = lex_next(&l); t.kind; before = t, t = lex_next(&l)) {
    text.backslashes = text.backslashes || has_backslash(t);
    text.numbered = text.numbered || (lex_is_char(before, '$') && t.kind == LEX_NUMBER && t.at == before.at + 1);
    if (*t.at != '?') continue;
    bool is_operator = t.kind == LEX_OTHER;
    buf_add(out, copied, (size_t)(t.at - copied) + is_operator);
    copied = t.at + t.size;
    if (is_operator) continue;
    buf_printf(out, "%s$%zu", t.at > sql && lex_in_word(t.at[-1]) ? " " : "", ++text.nparams);
    if (copied < end && lex_in_word(*copied)) buf_putc(out, ' ');
  }
  buf_add(out, copied, (size_t)(end - copied));
  return text;
}

/* ---- what stays with the connection ---- */

/* "[OR REPLACE] [LOCAL] TEMP": what follows CREATE or INTO. */
static bool is_temporary(lex ahead) {
  static const char *const between[] = {"or", "replace", "local", "global", NULL};
  static const char *const temporary[] = {"temp", "temporary", NULL};
  lex_token t;
  do {
    t = lex_next(&ahead);
  } while (lex_is_any(t, between));
  return lex_is_any(t, temporary);
}

/* "(…, true)" or "(…, is_local => true)", and not "(…, NOT true)" */
static bool ends_in_true(lex ahead) {
  lex_token last[3] = {{0}}; /* the latest first */
  int depth = 0;
  for (lex_token t = lex_next(&ahead); t.kind; t = lex_next(&ahead)) {
    if (lex_is_char(t, ')') && --depth == 0) {
      bool arrow = lex_is_char(last[1], '>') && lex_is_char(last[2], '=');
      return lex_is(last[0], "true") && (arrow || lex_is_char(last[1], ','));
    }
    depth += lex_is_char(t, '(');
    last[2] = last[1];
    last[1] = last[0];
    last[0] = t;
  }
  return false;
}

/* A name with quotes around it, as the word that it is. U&"…" is a word, an & and a name. */
static lex_token without_quotes(lex_token t) { return (lex_token){LEX_WORD, t.at + 1, t.size > 2 ? t.size - 2 : 0}; }

static bool is_escaped(const lex *l, lex_token before, lex_token t) {
  lex ahead = *l;
  if (!lex_is_char(t, '&') || !lex_is(before, "u")) return false;
  lex_kind next = lex_next(&ahead).kind;
  return next == LEX_NAME || next == LEX_STRING;
}

static bool is_call(lex ahead) { return lex_is_char(lex_next(&ahead), '('); }

/* A name of the server's own, with quotes or without; l is behind it. */
static bool name_stays(const lex *l, lex_token t) {
  static const char *const names[] = {"pg_temp",
                                      "pg_settings",
                                      "pg_advisory_lock",
                                      "pg_advisory_lock_shared",
                                      "pg_try_advisory_lock",
                                      "pg_try_advisory_lock_shared",
                                      NULL};
  if (lex_is(t, "set_config")) return is_call(*l) && !ends_in_true(*l);
  return lex_is_any(t, names);
}

/* l is behind the word t; `before` is the word before it. */
static bool stays(const lex *l, lex_token before, lex_token t) {
  static const char *const rows[] = {"insert", "merge", NULL};
  if (lex_is(t, "create")) return is_temporary(*l);
  if (lex_is(t, "into")) return !lex_is_any(before, rows) && is_temporary(*l);
  return name_stays(l, t);
}

pg_leaving pg_leaves(const char *sql, size_t size) {
  static const char *const commands[] = {"reset",      "discard", "listen",  "unlisten", "prepare",
                                         "deallocate", "load",    "declare", NULL};
  static const char *const routines[] = {"do", "call", NULL};
  static const char *const of_transaction[] = {"local", "transaction", "constraints", NULL};
  lex l = lex_of(&pg_dialect, sql, size);
  lex_token t = lex_first(&l, ";"), before = {0};
  if (lex_is(t, "set")) return lex_is_any(lex_next(&l), of_transaction) ? PG_LEAVES_NOTHING : PG_LEAVES;
  if (lex_is_any(t, commands)) return PG_LEAVES;
  if (lex_is_any(t, routines)) return PG_MAY_LEAVE;
  for (; t.kind; t = lex_next(&l)) {
    if (is_escaped(&l, before, t)) return PG_LEAVES; /* it may be any name */
    if (t.kind == LEX_NAME && name_stays(&l, without_quotes(t))) return PG_LEAVES;
    if (t.kind != LEX_WORD) continue;
    if (stays(&l, before, t)) return PG_LEAVES;
    before = t;
  }
  return PG_LEAVES_NOTHING;
}

/* ---- what it is about ---- */

pg_words pg_first_words(const char *sql, size_t size) {
  static const char *const savepoint[] = {"savepoint", "release", NULL};
  static const char *const transaction[] = {"begin", "start", "commit", "end", "abort", NULL};
  static const char *const noise[] = {"work", "transaction", NULL};
  lex l = lex_of(&pg_dialect, sql, size);
  lex_token t = lex_first(&l, ";");
  if (!t.kind) return PG_NOTHING;
  if (lex_is_any(t, savepoint)) return PG_SAVEPOINT;
  if (lex_is_any(t, transaction)) return PG_TRANSACTION;
  if (lex_is(t, "prepare")) return lex_is(lex_next(&l), "transaction") ? PG_TRANSACTION : PG_PLAIN;
  if (!lex_is(t, "rollback")) return PG_PLAIN;
  do {
    t = lex_next(&l);
  } while (lex_is_any(t, noise));
  return lex_is(t, "to") ? PG_SAVEPOINT : PG_TRANSACTION;
}
