/* Plain SQL. The list is short on purpose: SQL that is not on it is never wrong, only slower, because its connection is
 * reset.
 *
 * A function call is a parenthesis behind a name. The words in front of other parentheses are known; so is the table
 * behind INTO, whose columns follow it. A user variable has an @, and SELECT … INTO writes somewhere. Names that are
 * spelled with escapes need an &. */
#include "driver/plain.h"

typedef struct scan {
  lex_token before; /* the token before this one */
  bool inserts;     /* the statement is an INSERT */
  bool table;       /* behind INTO: its table and the columns in parentheses */
} scan;

static bool may_open(const scan *s) {
  static const char *const words[] = {"values", "in",       "and",    "or",      "not",   "where",  "on",
                                      "when",   "then",     "else",   "set",     "by",    "like",   "from",
                                      "join",   "select",   "having", "as",      "using", "exists", "union",
                                      "all",    "distinct", "limit",  "between", NULL};
  static const char *const functions[] = {"count",  "sum",   "min",   "max",    "avg", "coalesce",
                                          "nullif", "lower", "upper", "length", "abs", NULL};
  if (s->table) return true;
  if (s->before.kind == LEX_NAME) return false;
  return s->before.kind != LEX_WORD || lex_is_any(s->before, words) || lex_is_any(s->before, functions);
}

static bool takes(scan *s, lex_token t) {
  if (lex_is(t, "into")) return s->table = s->inserts;
  if (lex_is_char(t, '@') || lex_is_char(t, '&')) return false;
  if (lex_is_char(t, '(') && !may_open(s)) return false;
  /* a dot continues the table's name; the next word that is not behind one ends it */
  bool named = s->before.kind == LEX_WORD && lex_is(s->before, "into");
  bool goes_on = named || lex_is_char(t, '.') || lex_is_char(s->before, '.');
  if (s->table && !goes_on) s->table = false;
  return true;
}

bool plain_is(const lex_dialect *dialect, const char *sql, size_t size) {
  static const char *const first[] = {"select", "insert", "update", "delete", NULL};
  lex l = lex_of(dialect, sql, size);
  lex_token t = lex_first(&l, ";");
  if (!lex_is_any(t, first)) return false;
  scan s = {.before = t, .inserts = lex_is(t, "insert")};
  for (t = lex_next(&l); t.kind; t = lex_next(&l)) {
    if (!takes(&s, t)) return false;
    s.before = t;
  }
  return !l.saw_executable;
}

/* ---- reads ---- */

/* A read by its first word, which no executable comment may hide; l is behind it. */
static bool begin_read(lex *l) {
  static const char *const first[] = {"select",  "values",   "table", "with",   "show",
                                      "explain", "describe", "desc",  "pragma", NULL};
  return lex_is_any(lex_first(l, ";("), first) && !l->saw_executable;
}

bool plain_begins_read(const lex_dialect *dialect, const char *sql, size_t size) {
  lex l = lex_of(dialect, sql, size);
  return begin_read(&l);
}

/* FOR SHARE, FOR KEY SHARE or LOCK IN SHARE MODE; l is behind the word t. A server may pass over an executable comment
 * between these words. FOR UPDATE shows by its second word. */
static bool locks(const lex *l, lex_token t) {
  lex ahead = *l;
  if (lex_is(t, "share")) return l->saw_executable;
  if (lex_is(t, "lock")) return lex_is(lex_next(&ahead), "in") && lex_is(lex_next(&ahead), "share");
  if (!lex_is(t, "for")) return false;
  t = lex_next(&ahead);
  return lex_is(lex_is(t, "key") ? lex_next(&ahead) : t, "share");
}

/* l is behind the word t. REPLACE is a function, too. */
static bool writes(const lex *l, lex_token t) {
  static const char *const words[] = {"insert", "update", "delete", "merge", "into", NULL};
  lex ahead = *l;
  if (lex_is(t, "replace")) return !lex_is_char(lex_next(&ahead), '(');
  return lex_is_any(t, words) || locks(l, t);
}

bool plain_reads(const lex_dialect *dialect, const char *sql, size_t size) {
  lex l = lex_of(dialect, sql, size);
  if (!begin_read(&l)) return false;
  for (lex_token t = lex_next(&l); t.kind; t = lex_next(&l))
    if (writes(&l, t)) return false;
  return !l.diverges;
}
