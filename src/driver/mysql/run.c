#include <errmsg.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/mysql/conn.h"

enum {
  NEEDS_PREPARING = 1615,
  NOT_KNOWN = 1243,    /* unknown prepared statement */
  NOT_CONVERTED = 3988 /* a parameter, perhaps because its column had another type when the statement was prepared */
};

/* ---- values in ---- */

/* The library reads the length through a pointer, by default to buffer_length. */
static void bind_bytes(MYSQL_BIND *b, enum enum_field_types type, const shunt_value *v) {
  b->buffer_type = type;
  b->buffer = v->size ? (void *)(uintptr_t)v->as.bytes : (void *)(uintptr_t) "";
  b->buffer_length = v->size;
}

static void bind(MYSQL_BIND *b, const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_BOOL:
    b->buffer_type = MYSQL_TYPE_TINY;
    b->buffer = (void *)(uintptr_t)&v->as.boolean;
    return;
  case SHUNT_INTEGER:
    b->buffer_type = MYSQL_TYPE_LONGLONG;
    b->buffer = (void *)(uintptr_t)&v->as.integer;
    return;
  case SHUNT_FLOAT:
    b->buffer_type = MYSQL_TYPE_DOUBLE;
    b->buffer = (void *)(uintptr_t)&v->as.number;
    return;
  case SHUNT_TEXT:
    bind_bytes(b, MYSQL_TYPE_STRING, v);
    return;
  case SHUNT_BLOB:
    bind_bytes(b, MYSQL_TYPE_BLOB, v);
    return;
  case SHUNT_NULL:
    break;
  }
  b->buffer_type = MYSQL_TYPE_NULL;
}

static shunt_status check_params(const mysql_conn *conn, const mysql_statement *s, const shunt_value *params,
                                 size_t nparams, shunt_error *err) {
  if (s->nparams != nparams)
    return error_set(err, SHUNT_E_USAGE, "the statement needs one value for each ? (%zu), and got %zu (in: %.300s)",
                     s->nparams, nparams, s->sql);
  for (size_t i = 0; i < nparams; i++)
    if (params[i].type == SHUNT_FLOAT && !isfinite(params[i].as.number))
      return error_set(err, SHUNT_E_USAGE, "parameter %zu is %s, which %s can't store", i + 1,
                       isnan(params[i].as.number) ? "not a number (NaN)" : "infinite",
                       conn->mariadb ? "MariaDB" : "MySQL");
  return SHUNT_OK;
}

/* An upper bound: for each parameter its type, name, size and a number; the header of the command. */
static uint64_t packet_bytes(const shunt_value *params, size_t n) {
  enum { HEADER = 64, EACH = 24 };
  uint64_t bytes = HEADER + n * EACH;
  for (size_t i = 0; i < n; i++)
    if (params[i].type == SHUNT_TEXT || params[i].type == SHUNT_BLOB) bytes += params[i].size;
  return bytes;
}

/* The types of a few parameters of fixed size, packed into a number; 0: there are others. */
static uint64_t fixed_types(const shunt_value *params, size_t n) {
  const size_t most = 16;
  uint64_t types = n <= most ? 1 : 0;
  for (size_t i = 0; i < n && types; i++)
    types = params[i].type == SHUNT_TEXT || params[i].type == SHUNT_BLOB ? 0 : types << 3 | params[i].type;
  return types;
}

/* The library keeps the addresses of bound values. The next execution mostly has its parameters at the same address and
 * of the same types: then nothing needs to be bound again. */
static shunt_status bind_all(mysql_conn *conn, mysql_statement *s, const shunt_value *params, shunt_error *err) {
  if (s->nparams == 0) return SHUNT_OK;
  uint64_t types = fixed_types(params, s->nparams);
  if (types && types == s->bound_types && params == s->bound_at) return SHUNT_OK;
  s->bound_types = 0;
  shunt_status status = mysqldb_fit(conn, s, params, err);
  if (status) return status;
  if (!base_grow(&conn->binds, &conn->bind_room, s->nparams, sizeof *conn->binds)) return error_memory(err);
  memset(conn->binds, 0, s->nparams * sizeof *conn->binds);
  for (size_t i = 0; i < s->nparams; i++) bind(&conn->binds[i], &params[i]);
  if (mysql_stmt_bind_param(s->stmt, conn->binds)) return mysqldb_fail(conn, s->stmt, s->sql, err);
  s->bound_types = types;
  s->bound_at = params;
  return SHUNT_OK;
}

/* ---- sending ---- */

/* Of a statement that is fetched: outside of a transaction its other rows are not worth the time to read them. */
static void discard_rest(mysql_conn *conn, const mysql_statement *s) {
  if (conn->base.in_transaction && !conn->base.broken) {
    mysqldb_stmt_free_result(conn, s->stmt);
    return;
  }
  mysqldb_hang_up(conn);
  conn->base.broken = true;
}

void mysqldb_drop_sent(mysql_conn *conn) {
  mysqldb_give_up_started(conn);
  if (conn->fetching) discard_rest(conn, conn->sent);
  mysqldb_done(conn->sent);
  conn->sent = NULL;
  conn->fetching = conn->marked = false;
}

shunt_status mysqldb_send(driver_conn *base, const char *sql, size_t sql_size, const shunt_value *params,
                          size_t nparams, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  mysql_statement *s = NULL;
  const bool by_hand = conn->by_hand;
  conn->by_hand = false;
  mysqldb_drop_sent(conn);
  shunt_status status = conn->lost[0] ? SHUNT_OK : mysqldb_check_time(conn, err);
  if (status) return status;
  if (conn->lost[0])
    status = error_set(err, SHUNT_E_TRANSACTION, "the database has ended this transaction: %s", conn->lost);
  else
    status = mysqldb_statement(conn, sql, sql_size, &s, err);
  if (!status) status = mysqldb_check_kind(conn, s, err);
  if (!status) status = check_params(conn, s, params, nparams, err);
  if (!status) status = mysqldb_check_size(conn, packet_bytes(params, nparams), s->sql, err);
  if (!status) status = bind_all(conn, s, params, err);
  if (!status && by_hand) status = mysqldb_mark(conn, s, err);
  if (status) {
    status = mysqldb_after_error(conn, s, status, err);
    mysqldb_done(s);
    error_client(err, base->client->name);
    return status;
  }
  conn->sent = s;
  conn->sent_params = params;
  return SHUNT_OK;
}

/* ---- running ---- */

typedef struct counts {
  int64_t rows; /* read */
  int64_t affected, generated_id;
} counts;

/* With all of these errors, nothing was changed: the last one can only come from a read. */
static bool is_stale(const mysql_statement *s, unsigned number) {
  return number == NEEDS_PREPARING || number == NOT_KNOWN || (number == NOT_CONVERTED && s->cached) ||
         (number == CR_NEW_STMT_METADATA && s->kind == STATEMENT_OTHER);
}

/* A text that the column's character set can't represent: CONSTRAINT in a write, USAGE in a comparison. */
static shunt_status fail_execute(mysql_conn *conn, const mysql_statement *s, shunt_error *err) {
  mysqldb_note_outcome(conn, s->stmt);
  bool written = s->kind == STATEMENT_CHANGES && mysql_stmt_errno(s->stmt) == NOT_CONVERTED;
  shunt_status status = mysqldb_fail(conn, s->stmt, s->sql, err);
  if (!written) return status;
  if (err) err->status = SHUNT_E_CONSTRAINT;
  return SHUNT_E_CONSTRAINT;
}

static shunt_status execute(mysql_conn *conn, mysql_statement *s, shunt_error *err) {
  if (mysqldb_execute(conn, s) == 0) return SHUNT_OK;
  if (!is_stale(s, mysql_stmt_errno(s->stmt))) return fail_execute(conn, s, err);
  shunt_status status = mysqldb_prepare_again(conn, s, err);
  if (!status) status = bind_all(conn, s, conn->sent_params, err);
  if (status || mysqldb_execute(conn, s) == 0) return status;
  return fail_execute(conn, s, err);
}

static int64_t to_id(my_ulonglong id) { return id <= INT64_MAX ? (int64_t)id : 0; }

/* A procedure has several results. The rows of the first one are returned. */
static shunt_status run_prepared(mysql_conn *conn, mysql_statement *s, shunt_rows *into, counts *o, shunt_error *err) {
  shunt_status status = execute(conn, s, err);
  if (status) return status;
  int more = 0;
  bool first = true;
  while (more == 0) {
    if (mysql_stmt_field_count(s->stmt)) {
      shunt_status got = mysqldb_rows(conn, s, first ? into : NULL, &o->rows, status ? NULL : err);
      if (!status) status = got;
      first = false;
    } else {
      o->affected = (int64_t)mysql_stmt_affected_rows(s->stmt);
      o->generated_id = to_id(mysql_stmt_insert_id(s->stmt));
    }
    if (status && conn->base.broken) return status;
    more = mysql_more_results(conn->db) ? mysqldb_stmt_next_result(conn, s->stmt) : -1;
  }
  if (status || more < 0) return status;
  mysqldb_note_outcome(conn, s->stmt);
  return mysqldb_fail(conn, s->stmt, s->sql, err);
}

static shunt_status run_text(mysql_conn *conn, const mysql_statement *s, shunt_rows *into, counts *o,
                             shunt_error *err) {
  const bool failed = mysqldb_execute(conn, s) != 0;
  mysqldb_note_outcome(conn, NULL);
  if (failed) return mysqldb_fail(conn, NULL, s->sql, err);
  if (mysql_field_count(conn->db) == 0) {
    o->affected = (int64_t)mysql_affected_rows(conn->db);
    return SHUNT_OK;
  }
  MYSQL_RES *result = mysql_use_result(conn->db);
  if (!result) return mysqldb_fail(conn, NULL, s->sql, err);
  shunt_status status = mysqldb_text_rows(conn, s, result, into, &o->rows, err);
  mysqldb_note_outcome(conn, NULL);
  const bool fine = conn->base.outcome == SHUNT_DONE;
  mysqldb_drop_result(conn, result);
  if (fine) mysqldb_note_outcome(conn, NULL);
  return status;
}

/* MySQL keeps the types that a statement's parameters got for the old columns: such statements are dropped. */
static bool changes_tables(const mysql_conn *conn, const mysql_statement *s) {
  return !conn->mariadb && s->kind == STATEMENT_COMMITS;
}

static shunt_status finish(mysql_conn *conn, mysql_statement *s, shunt_status status, shunt_error *err) {
  conn->sent = NULL;
  conn->fetching = false;
  if (status)
    status = mysqldb_after_error(conn, s, status, err);
  else
    status = mysqldb_after_success(conn, s, err);
  if (s->stale || changes_tables(conn, s)) mysqldb_forget(conn, s);
  if (changes_tables(conn, s)) mysqldb_forget_all(conn);
  mysqldb_done(s);
  if (status) error_client(err, conn->base.client->name);
  return status;
}

shunt_status mysqldb_receive(driver_conn *base, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                             shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  mysql_statement *s = conn->sent;
  counts o = {0, 0, 0};
  if (affected) *affected = 0;
  if (generated_id) *generated_id = 0;
  if (!s) return error_set(err, SHUNT_E_INTERNAL, "client '%s': nothing was sent", base->client->name);
  base->outcome = SHUNT_NOT_DONE;
  shunt_status status = conn->started ? SHUNT_OK : mysqldb_check_time(conn, err);
  if (status) {
    mysqldb_drop_sent(conn);
    return status;
  }
  bool changes = s->kind == STATEMENT_CHANGES;
  status = s->stmt ? run_prepared(conn, s, into, &o, err) : run_text(conn, s, into, &o, err);
  if (status) mysqldb_judge(conn, s);
  status = finish(conn, s, status, err);
  if (!status && affected) *affected = o.rows && changes ? o.rows : o.affected;
  if (!status && generated_id) *generated_id = o.generated_id;
  return status;
}

/* ---- in parts ---- */

shunt_status mysqldb_fetch(driver_conn *base, shunt_rows *into, bool *more, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  mysql_statement *s = conn->sent;
  shunt_status status = SHUNT_OK;
  *more = false;
  if (!s) return error_set(err, SHUNT_E_INTERNAL, "client '%s': nothing was sent", base->client->name);
  if (!s->stmt) return mysqldb_receive(base, into, NULL, NULL, err);
  if (!conn->fetching) status = execute(conn, s, err);
  conn->fetching = !status;
  if (!status) status = mysqldb_some_rows(conn, s, into, more, err);
  if (*more) return SHUNT_OK;
  if (status && conn->fetching) discard_rest(conn, s);
  return finish(conn, s, status, err);
}

void mysqldb_fetch_end(driver_conn *base) { mysqldb_drop_sent(mysql_of(base)); }

shunt_status mysqldb_begin(driver_conn *base, const char *isolation, const char *start, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  char level[80];
  mysqldb_drop_sent(conn);
  shunt_status status = driver_check_begin(base, isolation, err);
  if (!status) status = mysqldb_check_time(conn, err);
  if (status) return status;
  snprintf(level, sizeof level, "SET TRANSACTION ISOLATION LEVEL %s", isolation ? isolation : "");
  if (isolation) status = mysqldb_control(conn, level, err);
  if (!status) status = mysqldb_control(conn, start, err);
  if (status) {
    base->broken = true; /* its next transaction could get this isolation */
    return status;
  }
  base->in_transaction = true;
  base->read_only = conn->late = false;
  conn->lost[0] = 0;
  return SHUNT_OK;
}
