#include <string.h>

#include "base/alloc.h"
#include "driver/mysql/conn.h"

enum {
  NOT_PREPARED = 1295,      /* the server can't prepare such a statement */
  TOO_MANY_PREPARED = 1461, /* max_prepared_stmt_count */
  MOST_PARAMS_KEPT = 8192   /* the library uses more than 100 bytes for each */
};

/* ---- preparing ---- */

/* That is a message to the server. */
static void close_stmt(mysql_statement *s) {
  sigpipe quiet = {0};
  sigpipe_hold(&quiet);
  if (s->stmt) mysql_stmt_close(s->stmt);
  sigpipe_release(&quiet);
  s->stmt = NULL;
}

static void end(mysql_statement *s) {
  close_stmt(s);
  mysqldb_free_cells(s);
  base_free(s->types);
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
  mysqldb_forget_all(conn); /* the limit is the server's, over all connections: drop ours */
  return mysqldb_stmt_prepare(conn, s->stmt, s->sql, s->entry.size) == 0;
}

/* MariaDB's library copies every name of a column at each execution, unless it is NULL. Only the first name is needed;
 * the others cost a quarter of the client's time. */
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
  close_stmt(s);
  return status;
}

shunt_status mysqldb_prepare_again(mysql_conn *conn, mysql_statement *s, shunt_error *err) {
  mysqldb_forget(conn, s);
  if (s->stmt) mysqldb_stmt_free_result(conn, s->stmt); /* closing it would read all rows, whatever time that takes */
  close_stmt(s);
  s->ncells = 0;
  s->bound_types = 0;
  base_free(s->types);
  s->types = NULL;
  return prepare(conn, s, err);
}

/* Keeps no INSERT … RETURNING *: if the table gets a new column, the library notices only after the row was written. */
static bool is_kept(const mysql_statement *s) {
  if (s->nparams > MOST_PARAMS_KEPT) return false;
  return s->kind != STATEMENT_CHANGES || !s->stmt || !mysql_stmt_field_count(s->stmt) || !strchr(s->sql, '*');
}

static void keep(mysql_conn *conn, mysql_statement *s) {
  if (conn->base.once || !is_kept(s)) return;
  cache_entry *old;
  while ((old = cache_surplus(&conn->cache, s->entry.size))) end((mysql_statement *)(void *)old);
  cache_add(&conn->cache, &s->entry);
  s->cached = true;
}

/* Texts that MySQL may read as floating-point numbers: those with an exponent, or with more digits than a DECIMAL. */
static bool may_float(const shunt_value *v) {
  enum { MOST_DIGITS = 65 };
  const char *at = v->as.bytes, *end = v->size ? at + v->size : at;
  while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r'))) at++;
  if (at < end && (*at == '+' || *at == '-')) at++;
  const char *digits = at;
  while (at < end && ((*at >= '0' && *at <= '9') || *at == '.')) at++;
  return at > digits && (at - digits > MOST_DIGITS || (at < end && (*at == 'e' || *at == 'E')));
}

/* The type of a parameter's value, as far as MySQL may change the parameter's. */
static unsigned char type_of(const shunt_value *v) {
  enum { FLOATING = SHUNT_BLOB + 1 };
  return (v->type == SHUNT_TEXT || v->type == SHUNT_BLOB) && may_float(v) ? FLOATING : v->type;
}

/* Remembers the types of parameters that had none yet. False if another has a new type. */
static bool are_of_these_types(mysql_statement *s, const shunt_value *params) {
  for (size_t i = 0; i < s->nparams; i++) {
    if (params[i].type == SHUNT_NULL) continue;
    const unsigned char type = type_of(&params[i]);
    if (s->types[i] && s->types[i] != type) return false;
    s->types[i] = type;
  }
  return true;
}

/* When a value does not fit a parameter's type, MySQL changes the type, and converts the values of later runs to it. A
 * text of digits that follows a floating-point number would keep seventeen of them. The value may be a text itself:
 * "1e-400" is too small for a DECIMAL. */
shunt_status mysqldb_fit(mysql_conn *conn, mysql_statement *s, const shunt_value *params, shunt_error *err) {
  if (conn->mariadb) return SHUNT_OK;
  bool cached = s->cached;
  for (int i = 0; i < 2; i++) {
    if (!s->types && !(s->types = base_zalloc(s->nparams))) return error_memory(err);
    if (are_of_these_types(s, params)) break;
    shunt_status status = mysqldb_prepare_again(conn, s, err);
    if (status) return status;
    if (cached) keep(conn, s);
  }
  return SHUNT_OK;
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
  shunt_status status = mysqldb_check_size(conn, size + 1, sql, err);
  if (status) return status;
  mysql_statement *s = base_zalloc(sizeof *s + size + 1);
  if (!s) return error_memory(err);
  if (size) memcpy(s->sql, sql, size);
  s->entry.sql = s->sql;
  s->entry.size = size;
  s->kind = mysqldb_kind(s->sql, size);
  if (s->kind == STATEMENT_EMPTY)
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
