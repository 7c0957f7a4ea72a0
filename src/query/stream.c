/* Idea: the driver fetches some rows, the host reads them one by one, and then come the next. The connection is the
 * stream's own meanwhile, so that other calls of the session take others; in a transaction there is one connection, and
 * transaction_conn refuses other statements. */
#include "query/stream.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "query/statement.h"
#include "query/types.h"
#include "session/scope.h"
#include "session/stream.h"
#include "session/visit.h"

struct shunt_stream {
  stream_link link; /* must be the first field: a link is cast to it */
  arena memory;     /* of the statement */
  arena scratch;    /* of converting fetched values */
  site at;
  table_info table; /* of the site; the session may forget its own */
  execution e;
  shunt_rows *columns;
  shunt_rows *rows;  /* fetched ones; NULL: none */
  size_t row, nrows; /* the next of them, and how many there are */
  bool more;         /* the statement has not ended, as far as the stream knows */
  shunt_status failed;
  int64_t deadline_ns; /* 0: the session's timeout, for each step */
};

/* ---- beginning ---- */

static bool copy_params(shunt_stream *s, const sql_text *sql) {
  shunt_value *params = arena_alloc(&s->memory, (sql->nparams + 1) * sizeof *params);
  for (size_t i = 0; params && i < sql->nparams; i++) {
    params[i] = sql->params[i];
    if (params[i].type != SHUNT_TEXT && params[i].type != SHUNT_BLOB) continue;
    params[i].as.bytes = arena_strndup(&s->memory, params[i].size ? params[i].as.bytes : "", params[i].size);
    if (!params[i].as.bytes) return false;
  }
  s->e.params = params;
  return params != NULL;
}

static bool copy_statement(shunt_stream *s, const sql_text *sql, const site *at) {
  s->e = execution_of(sql, at, true);
  s->e.sql = arena_strndup(&s->memory, sql->text.data, sql->text.size);
  return s->e.sql && copy_params(s, sql);
}

/* Its statement ends here, before the last row. */
static void tell_end(shunt_stream *s, shunt_status status) {
  call c = {.s = s->link.s};
  execution_tell(&c, &s->e, s->link.conn, s->e.nrows, status);
}

static void cut(stream_link *link) { tell_end((shunt_stream *)link, SHUNT_OK); }

static shunt_status connect(call *c, shunt_stream *s) {
  driver_conn *conn;
  shunt_status status = transaction_conn(c, s->e.client, s->e.level, &conn);
  s->link = (stream_link){.s = c->s, .level = s->e.level, .cut = cut};
  if (status) return status;
  const transaction *t = conn ? transaction_find(c->s, s->e.client, s->e.level) : NULL;
  if (!conn) status = call_connect(c, s->e.client, s->e.level, &conn);
  if (status) return status;
  s->link.tx = t;
  s->link.savepoint = t ? t->savepoints : 0;
  s->link.conn = conn;
  stream_begin(&s->link);
  return SHUNT_OK;
}

/* ---- some rows ---- */

/* The values of columns with a declared type. */
static shunt_status give_types(const call *c, shunt_stream *s) {
  call own = *c;
  own.arena = &s->scratch;
  arena_reset(&s->scratch);
  shunt_status status = types_mark(&own, &s->at, s->rows);
  return status ? status : types_give(&own, s->rows);
}

static shunt_status fetch(call *c, shunt_stream *s, bool *again) {
  shunt_rows_free(s->rows);
  s->rows = rows_new();
  s->row = s->nrows = 0;
  bool named = s->rows && rows_set_columns(s->rows, s->columns->columns, s->columns->ncolumns);
  shunt_status status = named ? SHUNT_OK : error_memory(c->err);
  *again = false;
  if (named) status = execution_fetch(c, &s->e, s->link.conn, &(execution_part){s->rows, &s->more}, again);
  if (!status) status = give_types(c, s);
  if (status)
    s->more = false;
  else
    s->nrows = s->rows->count;
  if (!s->more) stream_end(&s->link);
  return status;
}

static shunt_status first_rows(call *c, shunt_stream *s) {
  shunt_status status;
  bool again;
  do {
    again = false;
    status = connect(c, s);
    if (status) return status;
    status = execution_send(c, &s->e, s->link.conn, &again);
    if (status)
      stream_leave(&s->link);
    else
      status = fetch(c, s, &again);
  } while (again);
  return status;
}

shunt_status stream_start(call *c, const site *at, const stream_start_options *o, shunt_stream **out) {
  shunt_stream *s = base_zalloc(sizeof *s);
  shunt_status status = s ? SHUNT_OK : error_memory(c->err);
  *out = NULL;
  if (!s) {
    shunt_rows_free(o->columns);
    return status;
  }
  s->columns = o->columns;
  s->table = *at->table;
  s->at = *at;
  s->at.table = &s->table;
  s->link.s = c->s;
  if (o->whole) s->deadline_ns = c->deadline_ns;
  if (o->sql) status = sql_status(o->sql, c->err);
  if (!status && o->sql && !copy_statement(s, o->sql, at)) status = error_memory(c->err);
  if (!status && o->sql) status = execution_end(c, &s->e, first_rows(c, s));
  if (status)
    shunt_stream_close(s);
  else
    *out = s;
  return status;
}

/* ---- reading ---- */

/* Why there are no more rows although there were some left. */
static shunt_status explain_end(const shunt_stream *s, shunt_error *err) {
  if (s->failed) return error_set(err, s->failed, "the stream has failed, and has no more rows");
  return error_set(err, SHUNT_E_TRANSACTION, "the stream has ended before its last row, because %s",
                   s->link.s ? "the transaction that it was read in has ended" : "the session was closed");
}

/* Between the steps the host may have used up the time. */
static shunt_status check_time(const call *c, shunt_stream *s) {
  if (!s->deadline_ns || clock_monotonic_ns() < s->deadline_ns) return SHUNT_OK;
  tell_end(s, SHUNT_E_TIMEOUT);
  stream_end(&s->link);
  return error_set(c->err, SHUNT_E_TIMEOUT, "client '%s': the time of the stream is over, and it has more rows",
                   s->e.client->name);
}

static shunt_status next_rows(shunt_stream *s, shunt_error *err) {
  bool again;
  call c = {.s = s->link.s, .deadline_ns = s->deadline_ns, .err = err};
  if (!s->deadline_ns) call_set_deadline(&c, 0);
  s->link.conn->deadline_ns = c.deadline_ns;
  s->failed = check_time(&c, s);
  if (!s->failed) s->failed = fetch(&c, s, &again);
  return execution_end(&c, &s->e, s->failed);
}

/* A row that is fetched already, which is the stream's own. */
static shunt_status fetched_row(shunt_stream *s, const shunt_value **row, shunt_error *err) {
  if (s->link.conn && visit_is_elsewhere(s->link.s)) return visit_refuse(s->link.s, err);
  *row = rows_row(s->rows, s->row++);
  return SHUNT_OK;
}

shunt_status shunt_stream_next(shunt_stream *s, const shunt_value **row, shunt_error *err) {
  if (!row) return error_null(err, "row");
  *row = NULL;
  if (!s) return error_null(err, "stream");
  if (s->row < s->nrows && !s->failed && !s->link.over) return fetched_row(s, row, err);
  VISIT(v);
  shunt_status status = s->link.conn ? visit_begin(&v, s->link.s, err) : SHUNT_OK;
  if (status) return status;
  const bool some_left = s->more || s->row < s->nrows;
  if (s->failed || (s->link.over && some_left)) return explain_end(s, err);
  while (s->row == s->nrows && s->more && !status) status = next_rows(s, err);
  if (s->row < s->nrows) *row = rows_row(s->rows, s->row++);
  return status;
}

size_t shunt_stream_ncolumns(const shunt_stream *s) { return s ? shunt_rows_ncolumns(s->columns) : 0; }

const char *shunt_stream_column(const shunt_stream *s, size_t column) {
  return s ? shunt_rows_column(s->columns, column) : NULL;
}

void shunt_stream_close(shunt_stream *s) {
  VISIT(v);
  if (!s) return;
  if (s->link.conn || s->link.tx) {
    if (!visit_wait(&v, s->link.s)) return; /* it is the parent's, and so is the stream */
    if (s->link.conn) tell_end(s, SHUNT_OK);
    stream_leave(&s->link);
  }
  shunt_rows_free(s->rows);
  shunt_rows_free(s->columns);
  arena_free(&s->memory);
  arena_free(&s->scratch);
  base_free(s);
}
