#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/mysql/conn.h"

enum {
  NOT_PREPARED = 1295,      /* the server prepares nothing of its kind */
  TOO_MANY_PREPARED = 1461, /* max_prepared_stmt_count */
  MOST_PARAMS_KEPT = 8192   /* the library takes more than 100 bytes for each */
};

/* ---- what it is, by its words ---- */

/* Past white space, comments and parentheses. */
static const char *skip_blank(const char *at) {
  for (;;) {
    while (*at && strchr(" \t\r\n\f;(", *at)) at++;
    if (at[0] == '#' || (at[0] == '-' && at[1] == '-')) {
      at += strcspn(at, "\n");
    } else if (at[0] == '/' && at[1] == '*') {
      const char *end = strstr(at + 2, "*/");
      at = end ? end + 2 : at + strlen(at);
    } else {
      return at;
    }
  }
}

/* Moves past the word where it stands there. */
static bool is_word(const char **at, const char *word) {
  size_t size = strlen(word);
  for (size_t i = 0; i < size; i++)
    if (tolower((unsigned char)(*at)[i]) != word[i]) return false;
  if (isalnum((unsigned char)(*at)[size]) || (*at)[size] == '_') return false;
  *at = skip_blank(*at + size);
  return true;
}

static bool is_one_of(const char **at, const char *const *words) {
  for (; *words; words++)
    if (is_word(at, *words)) return true;
  return false;
}

/* A temporary table's coming and going commits nothing. */
static bool is_temporary(const char *at) {
  if (is_word(&at, "or")) is_word(&at, "replace");
  return is_word(&at, "temporary");
}

static statement_kind kind_of(const char *sql) {
  static const char *const changes[] = {"insert", "replace", "update", "delete", NULL};
  static const char *const tables[] = {"create", "drop", NULL};
  static const char *const commits[] = {"alter",  "rename", "truncate", "grant",     "revoke", "optimize",
                                        "repair", "flush",  "install",  "uninstall", "cache",  NULL};
  static const char *const stays[] = {"use", "lock", "unlock", "xa", "handler", NULL};
  const char *at = skip_blank(sql);
  if (is_one_of(&at, changes)) return STATEMENT_CHANGES;
  if (is_word(&at, "call")) return STATEMENT_CALLS;
  if (is_one_of(&at, tables)) return is_temporary(at) ? STATEMENT_OTHER : STATEMENT_COMMITS;
  if (is_word(&at, "load")) return is_word(&at, "data") ? STATEMENT_CHANGES : STATEMENT_COMMITS;
  if (is_one_of(&at, commits)) return STATEMENT_COMMITS;
  return is_one_of(&at, stays) ? STATEMENT_STAYS : STATEMENT_OTHER;
}

/* ---- what it leaves on its connection ---- */

static const char *skip_quoted(const char *at) {
  char quote = *at++;
  while (*at && *at != quote) at += *at == '\\' && quote != '`' && at[1] ? 2 : 1;
  return *at ? at + 1 : at;
}

/* Outside of quotes and comments: a user's variable (@name, not @@name), or a lock by name. */
static bool names_what_stays(const char *sql) {
  for (const char *at = skip_blank(sql); *at; at = skip_blank(at)) {
    if (strchr("'\"`", *at)) {
      at = skip_quoted(at);
    } else if (at[0] == '@' && at[1] == '@') {
      at += 2;
    } else if (*at == '@' || is_word(&at, "get_lock")) {
      return true;
    } else {
      const char *word = at;
      while (isalnum((unsigned char)*at) || *at == '_' || *at == '$' || (unsigned char)*at >= 0x80) at++;
      if (at == word) at++;
    }
  }
  return false;
}

/* Of most that functions and triggers leave the server tells (after_success), of procedures that fail it does not. */
static bool leaves_something(const char *sql) {
  static const char *const commands[] = {"set", "prepare", "deallocate", "call", NULL};
  const char *at = skip_blank(sql);
  if (is_one_of(&at, commands) || (is_word(&at, "create") && is_temporary(at))) return true;
  return names_what_stays(sql);
}

/* ---- preparing ---- */

static void end(mysql_statement *s) {
  if (s->stmt) mysql_stmt_close(s->stmt);
  mysqldb_free_cells(s);
  base_free(s);
}

void mysqldb_done(mysql_statement *s) {
  if (s && !s->cached) end(s);
}

void mysqldb_forget(mysql_conn *conn, mysql_statement *s) {
  if (s->cached) cache_remove(&conn->cache, &s->entry);
  s->cached = false;
}

void mysqldb_forget_all(mysql_conn *conn) {
  cache_entry *e;
  while ((e = conn->cache.oldest)) {
    cache_remove(&conn->cache, e);
    end((mysql_statement *)(void *)e);
  }
}

static bool try_prepare(mysql_conn *conn, mysql_statement *s) {
  if (mysqldb_stmt_prepare(conn, s->stmt, s->sql, s->entry.size) == 0) return true;
  if (mysql_stmt_errno(s->stmt) != TOO_MANY_PREPARED || !conn->cache.oldest) return false;
  mysqldb_forget_all(conn); /* the server counts those of all connections; ours can go */
  return mysqldb_stmt_prepare(conn, s->stmt, s->sql, s->entry.size) == 0;
}

/* MariaDB's library copies all of a column's names at each run, unless they are NULL, as one of them always is. Only
 * the first is of use here, and the others make a quarter of what a run takes on this side. */
static void drop_names(MYSQL_STMT *stmt) {
#ifdef MARIADB_BASE_VERSION
  for (unsigned i = 0; i < mysql_stmt_field_count(stmt); i++) {
    MYSQL_FIELD *field = &stmt->fields[i];
    field->org_name = field->table = field->org_table = field->db = field->catalog = NULL;
  }
#else
  (void)stmt;
#endif
}

static shunt_status prepare(mysql_conn *conn, mysql_statement *s, shunt_error *err) {
  s->stmt = mysql_stmt_init(conn->db);
  if (!s->stmt) return error_memory(err);
  if (try_prepare(conn, s)) {
    s->nparams = mysql_stmt_param_count(s->stmt);
    drop_names(s->stmt);
    return SHUNT_OK;
  }
  shunt_status status = SHUNT_OK;
  if (mysql_stmt_errno(s->stmt) != NOT_PREPARED) status = mysqldb_fail(conn, s->stmt, s->sql, err);
  mysql_stmt_close(s->stmt);
  s->stmt = NULL;
  return status;
}

shunt_status mysqldb_prepare_again(mysql_conn *conn, mysql_statement *s, shunt_error *err) {
  mysqldb_forget(conn, s);
  if (s->stmt) mysql_stmt_close(s->stmt);
  s->ncells = 0;
  s->bound_types = 0;
  return prepare(conn, s, err);
}

/* The result of INSERT … RETURNING * has other columns after its table has got more, which the library finds only when
 * the row is written. */
static bool is_kept(const mysql_statement *s) {
  if (s->nparams > MOST_PARAMS_KEPT) return false;
  return s->kind != STATEMENT_CHANGES || !s->stmt || !mysql_stmt_field_count(s->stmt) || !strchr(s->sql, '*');
}

static void keep(mysql_conn *conn, mysql_statement *s) {
  if (!is_kept(s)) return;
  cache_entry *old;
  while ((old = cache_surplus(&conn->cache, s->entry.size))) end((mysql_statement *)(void *)old);
  cache_add(&conn->cache, &s->entry);
  s->cached = true;
}

shunt_status mysqldb_statement(mysql_conn *conn, const char *sql, size_t size, mysql_statement **out,
                               shunt_error *err) {
  cache_entry *found = cache_find(&conn->cache, sql, size);
  if (found) {
    *out = (mysql_statement *)(void *)found;
    return SHUNT_OK;
  }
  if (size && memchr(sql, 0, size))
    return mysqldb_refuse(conn, SHUNT_E_USAGE, "there is a NUL byte in the SQL", NULL, err);
  mysql_statement *s = base_zalloc(sizeof *s + size + 1);
  if (!s) return error_memory(err);
  if (size) memcpy(s->sql, sql, size);
  s->entry.sql = s->sql;
  s->entry.size = size;
  s->kind = kind_of(s->sql);
  s->leaves = leaves_something(s->sql);
  shunt_status status = SHUNT_OK;
  if (!*skip_blank(s->sql))
    status = mysqldb_refuse(conn, SHUNT_E_USAGE, "there is no statement in the SQL", NULL, err);
  else if (s->kind != STATEMENT_STAYS)
    status = prepare(conn, s, err);
  if (status) {
    end(s);
    return status;
  }
  keep(conn, s);
  *out = s;
  return SHUNT_OK;
}
