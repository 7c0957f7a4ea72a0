#include "query/statement.h"

#include "base/clock.h"
#include "base/probe.h"
#include "query/comment.h"
#include "query/slow.h"
#include "query/table.h"
#include "session/outcome.h"
#include "session/scope.h"

/* ---- on one connection ---- */

void execution_start(execution *e) { e->started_ns = clock_monotonic_ns(); }

static bool may_write(const execution *e) { return !e->reads && !e->only_reads && !e->pure; }

static void tell(call *c, const execution *e, size_t nrows, int64_t took_ns, shunt_status status) {
  shunt_session *s = c->s;
  shunt_statement told = {.client = e->client->name,
                          .level = e->level,
                          .sql = e->sql,
                          .params = e->params,
                          .nparams = e->nparams,
                          .nrows = nrows,
                          .affected = e->affected,
                          .duration_ns = took_ns,
                          .status = status,
                          .op = may_write(e) ? SHUNT_WRITE : SHUNT_READ,
                          .model = e->origin.model,
                          .table = e->origin.table,
                          .rule = e->origin.rule,
                          .source = e->origin.source,
                          .instance = s->instance->name,
                          .job = s->job.name};
  if (s->observer.fn) s->observer.fn(s->observer.ud, &told);
  if (observer_there(s->generation.observer)) observer_call(s->generation.observer, &told);
  slow_report(s, driver_for(e->client->engine), &told);
}

void execution_tell(call *c, const execution *e, driver_conn *conn, size_t nrows, shunt_status status) {
  const int64_t took_ns = clock_monotonic_ns() - e->started_ns;
  PROBE(statement__done, 6, e->client->name, e->level, e->sql, took_ns, nrows, status);
  driver_count_statement(&conn->counts, may_write(e) ? SHUNT_WRITE : SHUNT_READ, took_ns, status);
  if (c->s->observer.fn || observer_there(c->s->generation.observer) || slow_is_watched(c->s))
    tell(c, e, nrows, took_ns, status);
}

/* Before it is sent: a statement that fails may have changed the connection too. */
static void note_by_hand(call *c, const execution *e, driver_conn *conn) {
  if (!conn->engine->by_hand) return;
  conn->engine->by_hand(conn, e->sql, e->size, c->s->party.session);
  if (conn->used_by) c->s->by_hand = true;
}

/* What plain SQL written by hand may have done, this may have done too: for another session the connection is reset. */
static void note_unseen(call *c, const execution *e, driver_conn *conn) {
  if (!e->unseen || !conn->unsure) return;
  conn->used_by = c->s->party.session;
  c->s->by_hand = true;
}

/* After DATASOURCE. That the data is not there any more is not to be passed over in silence. */
static bool may_repeat(execution *e, const driver_conn *conn) {
  bool may = !e->repeated && conn->broken && !conn->replaced && !conn->in_transaction && (!e->sent || e->reads);
  e->repeated = e->repeated || may;
  return may;
}

/* With the comment of its trace, if that is wanted. */
static shunt_status send_text(const call *c, const execution *e, driver_conn *conn) {
  const char *sql = e->sql;
  size_t size = e->size;
  if (comment_wanted(c, e->client, conn->engine)) {
    shunt_status status = comment_add(c, e->by_hand, &sql, &size);
    if (status) return status;
    conn->once = sql != e->sql;
  }
  shunt_status status = conn->engine->send(conn, sql, size, e->params, e->nparams, c->err);
  conn->once = false;
  return status;
}

shunt_status execution_send(call *c, execution *e, driver_conn *conn, bool *again) {
  execution_start(e);
  if (may_write(e)) transaction_note_write(c->s, conn);
  e->affected = e->generated_id = 0;
  if (!e->reads) conn->unsure = true;
  if (e->by_hand) note_by_hand(c, e, conn);
  shunt_status status = send_text(c, e, conn);
  PROBE(statement__sent, 3, e->client->name, e->level, e->sql);
  e->sent = !status;
  if (status) execution_tell(c, e, conn, 0, status);
  *again = status == SHUNT_E_DATASOURCE && may_repeat(e, conn);
  return status;
}

/* What a transaction will commit is not done yet. */
static void note_outcome(call *c, const execution *e, const driver_conn *conn, shunt_status status) {
  if (!may_write(e) || (conn->in_transaction && !status)) return;
  if (status && conn->in_transaction && conn->outcome == SHUNT_NOT_DONE) return;
  outcome_note(c, status, conn->outcome, conn->in_transaction ? "been committed" : "been done");
}

shunt_status execution_receive(call *c, execution *e, driver_conn *conn, shunt_rows *rows, bool *again) {
  size_t before = rows ? rows->count : 0;
  shunt_status status = conn->engine->receive(conn, rows, &e->affected, &e->generated_id, c->err);
  note_unseen(c, e, conn);
  note_outcome(c, e, conn, status);
  execution_tell(c, e, conn, rows ? rows->count - before : 0, status);
  *again = status == SHUNT_E_DATASOURCE && may_repeat(e, conn);
  while (*again && rows && rows->count > before) rows_drop_last(rows);
  return status;
}

/* The time between the parts is the host's. */
shunt_status execution_fetch(call *c, execution *e, driver_conn *conn, const execution_part *part, bool *again) {
  if (e->paused_ns) e->started_ns += clock_monotonic_ns() - e->paused_ns;
  shunt_status status = conn->engine->fetch(conn, part->rows, part->more, c->err);
  *again = status == SHUNT_E_DATASOURCE && !e->nrows && may_repeat(e, conn);
  if (!status) e->nrows += part->rows->count;
  if (status || !*part->more)
    execution_tell(c, e, conn, e->nrows, status);
  else
    e->paused_ns = clock_monotonic_ns();
  return status;
}

static shunt_status on_connection(call *c, execution *e, driver_conn *conn, shunt_rows *rows, bool *again) {
  shunt_status status = execution_send(c, e, conn, again);
  return status ? status : execution_receive(c, e, conn, rows, again);
}

/* ---- on whichever it goes to ---- */

static shunt_status in_transaction(call *c, execution *e, driver_conn *conn, shunt_rows *rows) {
  bool again, ready = !e->only_reads || conn->read_only;
  if (ready) return on_connection(c, e, conn, rows, &again);
  shunt_status status = conn->engine->reads_begin(conn, c->err);
  if (status) return status;
  status = on_connection(c, e, conn, rows, &again);
  shunt_status ended = conn->engine->reads_end(conn, !status, status ? NULL : c->err);
  return status ? status : ended;
}

/* The pool rolls back after an error. */
static shunt_status in_read_only(call *c, execution *e, driver_conn *conn, shunt_rows *rows, bool *again) {
  shunt_status status = conn->engine->begin(conn, NULL, true, c->err);
  if (status) {
    *again = status == SHUNT_E_DATASOURCE && may_repeat(e, conn);
    return status;
  }
  status = on_connection(c, e, conn, rows, again);
  return status ? status : conn->engine->commit(conn, c->err);
}

static shunt_status on_pool(call *c, execution *e, shunt_rows *rows, bool *again) {
  driver_conn *conn;
  *again = false;
  shunt_status status = call_connect(c, e->client, e->level, &conn);
  if (status) return status;
  status = e->only_reads ? in_read_only(c, e, conn, rows, again) : on_connection(c, e, conn, rows, again);
  pool_release(conn, e->level);
  return status;
}

/* The server may have closed the connection while it was idle. */
shunt_status execution_run(call *c, execution *e, shunt_rows *rows) {
  driver_conn *conn;
  bool again;
  shunt_status status = transaction_conn(c, e->client, e->level, &conn);
  if (status) return status;
  if (conn) return in_transaction(c, e, conn, rows);
  do {
    status = on_pool(c, e, rows, &again);
  } while (again);
  return status;
}

shunt_status execution_end(call *c, const execution *e, shunt_status status) {
  if (status == SHUNT_E_NOT_FOUND) { /* the tables have changed: describe them again next time */
    table_forget_all(c->s);
    c->s->tables.outdated++;
  }
  if (status) error_client(c->err, e->client->name);
  return status;
}

execution_origin execution_origin_of(const site *at) {
  return (execution_origin){.model = at->model ? at->model->name : NULL,
                            .table = at->table && !at->table->parts ? at->table->name : NULL,
                            .rule = at->rule,
                            .source = at->source};
}

execution execution_of(const sql_text *sql, const site *at, bool reads) {
  return (execution){.client = at->client,
                     .level = at->level,
                     .origin = execution_origin_of(at),
                     .sql = sql->text.data,
                     .size = sql->text.size,
                     .params = sql->params,
                     .nparams = sql->nparams,
                     .reads = reads,
                     .unseen = !reads && at->table && at->table->shape->unseen};
}

shunt_status statement_read(call *c, const sql_text *sql, const site *at, shunt_rows *rows) {
  execution e = execution_of(sql, at, true);
  shunt_status status = sql_status(sql, c->err);
  return status ? status : execution_end(c, &e, execution_run(c, &e, rows));
}

static shunt_status refuse_answer(const call *c, const site *at, const char *why) {
  error_set(c->err, SHUNT_E_DATASOURCE, "client '%s': the answer makes no sense: %s", at->client->name, why);
  error_client(c->err, at->client->name);
  return SHUNT_E_DATASOURCE;
}

shunt_status statement_ask(call *c, const sql_text *sql, const site *at, answer_size expected, shunt_rows *rows) {
  shunt_status status = statement_read(c, sql, at, rows);
  if (status || (rows->ncolumns == expected.columns && rows->count >= expected.rows)) return status;
  return refuse_answer(c, at, "it has other columns than were asked for, or too few rows");
}

shunt_status statement_numbers(const call *c, const site *at, const shunt_rows *rows, size_t n) {
  for (size_t i = 0; i < rows->count; i++) {
    const shunt_value *last = rows->ncolumns ? &rows_row(rows, i)[rows->ncolumns - 1] : NULL;
    if (!last || last->type != SHUNT_INTEGER || last->as.integer < 0 || (uint64_t)last->as.integer >= n)
      return refuse_answer(c, at, "a row belongs to nothing that was asked for");
  }
  return SHUNT_OK;
}

/* Before it runs: if the answer is lost, it may have been written. */
static shunt_status begin_write(const call *c, const sql_text *sql, const execution *e) {
  shunt_status status = sql_status(sql, c->err);
  if (status) return status;
  return session_note_write(c->s, e->client) ? SHUNT_OK : error_memory(c->err);
}

shunt_status statement_run(call *c, const sql_text *sql, const site *at, shunt_rows *rows, int64_t *affected) {
  execution e = execution_of(sql, at, false);
  shunt_status status = begin_write(c, sql, &e);
  if (status) return status;
  status = execution_run(c, &e, rows);
  if (affected) *affected = e.affected;
  return execution_end(c, &e, status);
}

shunt_status statement_insert(call *c, const sql_text *sql, const site *at, int64_t *generated_id) {
  execution e = execution_of(sql, at, false);
  shunt_status status = begin_write(c, sql, &e);
  if (status) return status;
  status = execution_run(c, &e, NULL);
  *generated_id = e.generated_id;
  return execution_end(c, &e, status);
}
