#include <math.h>
#include <stdio.h>
#include <string.h>

#include "driver/sqlite3/conn.h"

/* ---- values in ---- */

static int bind(sqlite3_stmt *stmt, int at, const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_BOOL:
    return sqlite3_bind_int(stmt, at, v->as.boolean);
  case SHUNT_INTEGER:
    return sqlite3_bind_int64(stmt, at, v->as.integer);
  case SHUNT_FLOAT:
    return sqlite3_bind_double(stmt, at, v->as.number);
  case SHUNT_TEXT: /* a NULL pointer would bind a null */
    return sqlite3_bind_text64(stmt, at, v->size ? v->as.bytes : "", v->size, SQLITE_STATIC, SQLITE_UTF8);
  case SHUNT_BLOB:
    return sqlite3_bind_blob64(stmt, at, v->size ? v->as.bytes : "", v->size, SQLITE_STATIC);
  case SHUNT_NULL:
    break;
  }
  return sqlite3_bind_null(stmt, at);
}

static shunt_status bind_all(sqlite_conn *conn, statement *s, const shunt_value *params, shunt_error *err) {
  for (size_t i = 0; i < s->nparams; i++) {
    if (params[i].type == SHUNT_FLOAT && isnan(params[i].as.number))
      return error_set(err, SHUNT_E_USAGE, "parameter %zu is not a number (NaN), which SQLite would store as null",
                       i + 1);
    s->borrows |= params[i].type == SHUNT_TEXT || params[i].type == SHUNT_BLOB;
    int rc = bind(s->stmt, (int)i + 1, &params[i]);
    if (rc != SQLITE_OK) return sqlite_fail(conn, rc, s->sql, err);
  }
  return SHUNT_OK;
}

/* Releases the caller's bytes and all locks. */
static void put_back(statement *s) {
  sqlite3_reset(s->stmt);
  if (s->borrows) sqlite3_clear_bindings(s->stmt);
  s->borrows = false;
}

void sqlite_drop_sent(sqlite_conn *conn) {
  if (conn->sent && !conn->left) put_back(conn->sent);
  conn->sent = NULL;
}

static bool lost(const sqlite_conn *conn) { return conn->base.in_transaction && sqlite3_get_autocommit(conn->db); }

/* With the SQLSTATE that servers have for it. */
static shunt_status refuse_write(const statement *s, shunt_error *err) {
  error_set(err, SHUNT_E_TRANSACTION, "the transaction is read-only (in: %.300s)", s->sql);
  if (err) memcpy(err->sqlstate, "25006", sizeof "25006");
  return SHUNT_E_TRANSACTION;
}

/* Whatever runs on it would write to the file without a lock. */
static shunt_status refuse_left(const sqlite_conn *conn, shunt_error *err) {
  return driver_refuse(&conn->base, SHUNT_E_DATASOURCE, "the process was forked, and this connection is its parent's",
                       err);
}

shunt_status sqlite_send(driver_conn *base, const char *sql, size_t sql_size, const shunt_value *params, size_t nparams,
                         shunt_error *err) {
  sqlite_conn *conn = sqlite_of(base);
  sqlite_drop_sent(conn);
  shunt_status status = SHUNT_OK;
  statement *s = NULL;
  if (conn->left)
    status = refuse_left(conn, err);
  else if (lost(conn))
    status = error_set(err, SHUNT_E_TRANSACTION, "the database has rolled this transaction back: %s", conn->lost);
  else if (sqlite_is_late(conn))
    status = error_set(err, SHUNT_E_TIMEOUT,
                       "client '%s': timed out before the statement began (the timeout of the call or the "
                       "session)",
                       base->client->name);
  else
    status = sqlite_prepare(conn, sql, sql_size, &s, err);
  if (!status && s->nparams != nparams)
    status = error_set(err, SHUNT_E_USAGE, "the statement needs one value for each ? (%zu), and got %zu (in: %.300s)",
                       s->nparams, nparams, s->sql);
  if (!status && base->read_only && !s->reads) status = refuse_write(s, err);
  if (!status) status = sqlite_in_place(conn, !s->reads && !base->in_transaction, err);
  if (!status) {
    status = bind_all(conn, s, params, err);
    if (status) put_back(s);
  }
  if (status) {
    error_client(err, base->client->name);
    return status;
  }
  conn->sent = s;
  return SHUNT_OK;
}

/* ---- rows out ---- */

static const char *column_name(const void *stmt, int i) {
  return sqlite3_column_name((sqlite3_stmt *)(uintptr_t)stmt, i);
}

/* Text of a UTF-8 database is read as a blob: as text, SQLite would copy it to append a NUL. */
static bool set_bytes(const sqlite_conn *conn, sqlite3_value *v, bool text, shunt_rows *into, shunt_value *cell) {
  bool convert = text && conn->utf16;
  const void *bytes = convert ? (const void *)sqlite3_value_text(v) : sqlite3_value_blob(v);
  int size = sqlite3_value_bytes(v);
  if (!bytes && (size || convert)) return false;
  const char *copy = rows_bytes(into, bytes, (size_t)size);
  if (!copy) return false;
  cell->as.bytes = copy;
  cell->size = (uint32_t)size;
  cell->type = text ? SHUNT_TEXT : SHUNT_BLOB;
  return true;
}

static bool set_cell(const sqlite_conn *conn, sqlite3_value *v, shunt_rows *into, shunt_value *cell) {
  int type = sqlite3_value_type(v);
  switch (type) {
  case SQLITE_INTEGER:
    cell->as.integer = sqlite3_value_int64(v);
    cell->type = SHUNT_INTEGER;
    return true;
  case SQLITE_FLOAT:
    cell->as.number = sqlite3_value_double(v);
    cell->type = SHUNT_FLOAT;
    return true;
  case SQLITE_TEXT:
  case SQLITE_BLOB:
    return set_bytes(conn, v, type == SQLITE_TEXT, into, cell);
  default:
    return true; /* a new row's cells are null */
  }
}

/* SQLite stores a whole number in a REAL column as an integer. SELECT converts it back, RETURNING does not. */
static void make_real(sqlite3_stmt *stmt, int column, shunt_value *cell) {
  const char *type = cell->type == SHUNT_INTEGER ? sqlite3_column_decltype(stmt, column) : NULL;
  if (type && sqlite_is_real(type)) *cell = shunt_float((double)cell->as.integer);
}

/* held: driver_held(into) when the answer began. */
static shunt_status add_row(const sqlite_conn *conn, const statement *s, shunt_rows *into, size_t held,
                            shunt_error *err) {
  shunt_value *cells = rows_add(into);
  if (!cells) return error_memory(err);
  /* Unprotected values are safe here: one thread at a time uses the handle. */
  for (int i = 0; i < (int)into->ncolumns; i++) {
    if (!set_cell(conn, sqlite3_column_value(s->stmt, i), into, &cells[i])) return error_memory(err);
    if (!s->reads) make_real(s->stmt, i, &cells[i]);
  }
  return driver_fits(&conn->base, into, held) ? SHUNT_OK : driver_too_large(&conn->base, err);
}

/* A write with RETURNING writes everything in its first step. A reset would commit it: interrupt it instead. */
static void abandon(sqlite_conn *conn, statement *s) {
  if (s->reads) return;
  sqlite3_interrupt(conn->db);
  sqlite3_step(s->stmt);
}

static shunt_status step_all(sqlite_conn *conn, statement *s, shunt_rows *into, shunt_error *err) {
  const size_t held = into ? driver_held(into) : 0;
  shunt_status status = SHUNT_OK;
  int rc = sqlite3_step(s->stmt);
  int n = rc == SQLITE_ROW || rc == SQLITE_DONE ? sqlite3_column_count(s->stmt)
                                                : 0; /* a step may prepare it again, with other columns */
  if (n && into) status = driver_set_columns(&conn->base, into, n, column_name, s->stmt, err);
  while (rc == SQLITE_ROW && !status) {
    if (into) status = add_row(conn, s, into, held, err);
    if (!status) rc = s->reads && into && into->sole ? SQLITE_DONE : sqlite3_step(s->stmt); /* a reset ends the read */
  }
  if (rc == SQLITE_ROW) abandon(conn, s);
  if (!status && rc != SQLITE_DONE) {
    if (!s->reads && !conn->base.in_transaction) sqlite_note_outcome(conn, rc);
    status = sqlite_fail(conn, rc, s->sql, err);
  }
  return status;
}

/* SQLite rolls back by itself after some errors. Its message is lost when the statement is reset. */
static void note_loss(sqlite_conn *conn) {
  if (!lost(conn)) return;
  atomic_store_explicit(&conn->base.writes, false, memory_order_relaxed);
  if (!conn->lost[0]) snprintf(conn->lost, sizeof conn->lost, "%s", sqlite3_errmsg(conn->db));
}

/* A savepoint outside of a transaction begins a transaction that nothing would end. */
static shunt_status end_stray(sqlite_conn *conn, shunt_status status, shunt_error *err) {
  if (conn->base.in_transaction || sqlite3_get_autocommit(conn->db)) return status;
  if (sqlite_control(conn, CONTROL_ROLLBACK) != SQLITE_OK) conn->base.broken = true;
  return status ? status : error_set(err, SHUNT_E_USAGE, "a savepoint needs a transaction of the session around it");
}

shunt_status sqlite_receive(driver_conn *base, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                            shunt_error *err) {
  sqlite_conn *conn = sqlite_of(base);
  statement *s = conn->sent;
  if (affected) *affected = 0;
  if (generated_id) *generated_id = 0;
  if (!s) return error_set(err, SHUNT_E_INTERNAL, "client '%s': nothing was sent", base->client->name);
  if (conn->left) return refuse_left(conn, err);
  conn->sent = NULL;
  base->outcome = SHUNT_NOT_DONE;
  sqlite3_int64 before = s->reads ? 0 : sqlite3_total_changes64(conn->db);
  sqlite_watch(conn, s->stmt);
  shunt_status status = step_all(conn, s, into, err);
  sqlite_unwatch(conn);
  /* only INSERT, UPDATE and DELETE set changes() */
  if (!status && !s->reads && sqlite3_total_changes64(conn->db) != before) {
    if (affected) *affected = sqlite3_changes64(conn->db);
    if (generated_id) *generated_id = sqlite3_last_insert_rowid(conn->db);
  }
  note_loss(conn);
  put_back(s);
  status = end_stray(conn, status, err);
  if (status) error_client(err, base->client->name);
  return status;
}

/* Steps until there are enough rows. *rc: of the last step. */
static shunt_status step_some(sqlite_conn *conn, statement *s, shunt_rows *into, int *rc, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  *rc = SQLITE_ROW;
  while (*rc == SQLITE_ROW && !status && !driver_is_enough(into)) {
    const size_t held = driver_held(into);
    *rc = sqlite3_step(s->stmt);
    if (!into->columns && (*rc == SQLITE_ROW || *rc == SQLITE_DONE))
      status = driver_set_columns(&conn->base, into, sqlite3_column_count(s->stmt), column_name, s->stmt, err);
    if (!status && *rc == SQLITE_ROW) status = add_row(conn, s, into, held, err);
  }
  if (!status && *rc != SQLITE_DONE && *rc != SQLITE_ROW) status = sqlite_fail(conn, *rc, s->sql, err);
  return status;
}

shunt_status sqlite_fetch(driver_conn *base, shunt_rows *into, bool *more, shunt_error *err) {
  sqlite_conn *conn = sqlite_of(base);
  statement *s = conn->sent;
  int rc;
  *more = false;
  if (!s) return error_set(err, SHUNT_E_INTERNAL, "client '%s': nothing was sent", base->client->name);
  if (conn->left) return refuse_left(conn, err);
  sqlite_watch(conn, s->stmt);
  shunt_status status = step_some(conn, s, into, &rc, err);
  sqlite_unwatch(conn);
  *more = !status && rc == SQLITE_ROW;
  if (*more) return SHUNT_OK;
  note_loss(conn);
  sqlite_drop_sent(conn);
  if (status) error_client(err, base->client->name);
  return status;
}

void sqlite_fetch_end(driver_conn *base) { sqlite_drop_sent(sqlite_of(base)); }

int sqlite_control(sqlite_conn *conn, control which) {
  if (conn->left) return SQLITE_MISUSE;
  conn->control = true;
  int rc = sqlite3_step(conn->controls[which]);
  sqlite3_reset(conn->controls[which]);
  conn->control = false;
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
