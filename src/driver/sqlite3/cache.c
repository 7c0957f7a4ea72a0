#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/sqlite3/conn.h"

static void end_statement(statement *s) {
  sqlite3_finalize(s->stmt);
  base_free(s);
}

void sqlite_forget_all(sqlite_conn *conn) {
  cache_entry *oldest;
  while ((oldest = conn->cache.oldest)) {
    cache_remove(&conn->cache, oldest);
    end_statement(sqlite_statement_of(oldest));
  }
}

/* ---- preparing ---- */

const lex_dialect sqlite_dialect = {
    .strings = "'",
    .names = "\"`[",
    .numbered_params = true,
    .byte_order_mark = true,
};

static bool is_empty(const char *at, const char *end) {
  lex l = lex_of(&sqlite_dialect, at, (size_t)(end - at));
  return lex_first(&l, ";").kind == LEX_END;
}

static shunt_status prepare(sqlite_conn *conn, statement *s, shunt_error *err) {
  const char *end = s->sql + s->entry.size, *tail = end;
  if (memchr(s->sql, 0, s->entry.size)) return error_set(err, SHUNT_E_USAGE, "there is a NUL byte in the SQL");
  if (is_empty(s->sql, end)) return error_set(err, SHUNT_E_USAGE, "there is no statement in the SQL");
  int rc = sqlite3_prepare_v3(conn->db, s->sql, (int)s->entry.size + 1, SQLITE_PREPARE_PERSISTENT, &s->stmt, &tail);
  if (rc != SQLITE_OK) return sqlite_fail(conn, rc, s->sql, err);
  if (!s->stmt || !is_empty(tail, end)) {
    sqlite3_finalize(s->stmt);
    return error_set(err, SHUNT_E_USAGE, "one statement at a time: more follows the first one (in: %.300s)", s->sql);
  }
  s->nparams = (size_t)sqlite3_bind_parameter_count(s->stmt);
  s->reads = sqlite3_stmt_readonly(s->stmt);
  return SHUNT_OK;
}

shunt_status sqlite_prepare(sqlite_conn *conn, const char *sql, size_t size, statement **out, shunt_error *err) {
  cache_entry *known = cache_find(&conn->cache, sql, size);
  *out = sqlite_statement_of(known);
  if (known) return SHUNT_OK;
  if (size >= INT_MAX) return error_set(err, SHUNT_E_USAGE, "the SQL is longer than SQLite takes");
  statement *s = base_zalloc(sizeof *s + size + 1);
  if (!s) return error_memory(err);
  if (size) memcpy(s->sql, sql, size);
  s->entry.sql = s->sql;
  s->entry.size = size;
  shunt_status status = prepare(conn, s, err);
  if (status) {
    base_free(s);
    return status;
  }
  cache_entry *surplus;
  while ((surplus = cache_surplus(&conn->cache, size))) end_statement(sqlite_statement_of(surplus));
  cache_add(&conn->cache, &s->entry);
  *out = s;
  return SHUNT_OK;
}
