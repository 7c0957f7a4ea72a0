/* What the driver must know of a statement before the server sees it: its kind. */
#include "driver/lex.h"
#include "driver/mysql/conn.h"

const lex_dialect mysql_dialect = {
    .strings = "'\"",
    .names = "`",
    .backslashes = true,
    .hash_comments = true,
    .dashes_and_blank = true,
    .executable = true,
};

/* Whether the word comes next, perhaps after OR REPLACE. A word that only an executable comment adds does not count. */
static bool is_next(lex ahead, const char *word) {
  static const char *const between[] = {"or", "replace", NULL};
  const lex l = ahead;
  lex_token t;
  do {
    t = lex_next(&ahead);
  } while (lex_is_any(t, between));
  return lex_is(t, word) && ahead.in_executable == l.in_executable && ahead.diverges == l.diverges;
}

/* CREATE and DROP of a temporary table commit nothing. */
static bool is_temporary(lex ahead) { return is_next(ahead, "temporary"); }

/* ROLLBACK TO a savepoint, which would take the one that mysqldb_mark sets with it. */
static bool is_undo(lex l, lex_token t) { return lex_is(t, "rollback") && is_next(l, "to"); }

/* l is behind t, the first word. A function or trigger that a statement runs can't end its transaction. */
static statement_kind kind_of(lex l, lex_token t) {
  static const char *const changes[] = {"insert", "replace", "update", "delete", NULL};
  static const char *const tables[] = {"create", "drop", NULL};
  static const char *const commits[] = {"alter",  "rename", "truncate", "grant",     "revoke", "optimize",
                                        "repair", "flush",  "install",  "uninstall", "cache",  NULL};
  static const char *const stays[] = {"use", "lock", "unlock", "xa", "handler", NULL};
  static const char *const others[] = {"select",  "values",   "table", "with",      "show",    "do",
                                       "explain", "describe", "desc",  "savepoint", "release", NULL};
  if (lex_is_any(t, changes)) return STATEMENT_CHANGES;
  if (lex_is_any(t, tables)) return is_temporary(l) ? STATEMENT_OTHER : STATEMENT_COMMITS;
  if (lex_is(t, "load")) return is_next(l, "data") ? STATEMENT_CHANGES : STATEMENT_COMMITS;
  if (lex_is_any(t, commits)) return STATEMENT_COMMITS;
  if (lex_is_any(t, stays)) return STATEMENT_STAYS;
  return t.kind != LEX_WORD || lex_is_any(t, others) || is_undo(l, t) ? STATEMENT_OTHER : STATEMENT_ANYTHING;
}

/* Of several possible first words the worst one counts. If there may be others, a savepoint shows what they did. */
statement_kind mysqldb_kind(const char *sql, size_t size) {
  lex l = lex_of(&mysql_dialect, sql, size);
  lex_token t = lex_first(&l, ";(");
  statement_kind worst = STATEMENT_OTHER;
  bool any = false;
  do {
    statement_kind kind = kind_of(l, t);
    if (kind > worst) worst = kind;
    any = any || t.kind;
  } while (lex_first_behind(&l, ";(", &t));
  if (l.diverges && worst < STATEMENT_ANYTHING) return STATEMENT_ANYTHING;
  return any ? worst : STATEMENT_EMPTY;
}
