/* What the driver must know of a statement before the server sees it: its kind, and whether it changes the connection.
 */
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

/* CREATE and DROP of a temporary table commit nothing. A word that perhaps is only a comment does not count. */
static bool is_temporary(lex ahead) {
  static const char *const between[] = {"or", "replace", NULL};
  const bool inside = ahead.in_executable;
  lex_token t;
  do {
    t = lex_next(&ahead);
  } while (lex_is_any(t, between));
  return lex_is(t, "temporary") && ahead.in_executable == inside;
}

/* l is behind t, the first word. */
static statement_kind kind_of(lex l, lex_token t) {
  static const char *const changes[] = {"insert", "replace", "update", "delete", NULL};
  static const char *const tables[] = {"create", "drop", NULL};
  static const char *const commits[] = {"alter",  "rename", "truncate", "grant",     "revoke", "optimize",
                                        "repair", "flush",  "install",  "uninstall", "cache",  NULL};
  static const char *const stays[] = {"use", "lock", "unlock", "xa", "handler", NULL};
  if (lex_is_any(t, changes)) return STATEMENT_CHANGES;
  if (lex_is(t, "call")) return STATEMENT_CALLS;
  if (lex_is_any(t, tables)) return is_temporary(l) ? STATEMENT_OTHER : STATEMENT_COMMITS;
  if (lex_is(t, "load")) return lex_is(lex_next(&l), "data") ? STATEMENT_CHANGES : STATEMENT_COMMITS;
  if (lex_is_any(t, commits)) return STATEMENT_COMMITS;
  return lex_is_any(t, stays) ? STATEMENT_STAYS : STATEMENT_OTHER;
}

/* Of several possible first words the worst one counts. */
statement_kind mysqldb_kind(const char *sql, size_t size) {
  lex l = lex_of(&mysql_dialect, sql, size);
  lex_token t = lex_first(&l, ";(");
  statement_kind worst = t.kind ? STATEMENT_OTHER : STATEMENT_EMPTY;
  for (; t.kind; t = lex_first_behind(&l, t, ";(")) {
    statement_kind kind = kind_of(l, t);
    if (kind > worst) worst = kind;
  }
  return worst;
}

/* A user variable (@name, not @@name) or a named lock. After an executable comment the answer is yes: whether it runs,
 * and so where the next string begins, depends on the server's version. */
static bool names_what_stays(lex *l, lex_token t) {
  for (; t.kind; t = lex_next(l)) {
    if (lex_is(t, "get_lock")) return true;
    if (!lex_is_char(t, '@')) continue;
    if (l->at == l->end || *l->at != '@') return true;
    lex_next(l);
  }
  return l->saw_executable;
}

/* The server reports most changes by functions and triggers (after_success), but none by procedures that fail. */
bool mysqldb_leaves(const char *sql, size_t size) {
  static const char *const commands[] = {"set", "prepare", "deallocate", "call", NULL};
  lex l = lex_of(&mysql_dialect, sql, size);
  lex_token t = lex_first(&l, ";(");
  return lex_is_any(t, commands) || (lex_is(t, "create") && is_temporary(l)) || names_what_stays(&l, t);
}
