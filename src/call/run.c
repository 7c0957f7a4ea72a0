/* What each verb does, and its reply. */
#include "call/calling.h"
#include "rows/json.h"
#include "session/block.h"

/* number: filled by what gave the status. */
static shunt_status put_number(calling *c, shunt_status status, const int64_t *number) {
  if (!status) buf_printf(&c->reply, "%lld", (long long)*number);
  return status;
}

static shunt_status put_rows(calling *c, shunt_status status) {
  return status ? status : rows_json(&c->reply, c->rows, c->err);
}

static shunt_status put_first(calling *c, shunt_status status) {
  return status ? status : rows_json_first(&c->reply, c->rows, c->err);
}

static shunt_status put_null(calling *c, shunt_status status) {
  if (!status) buf_puts(&c->reply, "null");
  return status;
}

/* ---- reads ---- */

shunt_status call_run_select(calling *c) {
  return put_rows(c, shunt_select(c->s, c->subject, &c->query, &c->rows, c->err));
}

shunt_status call_run_get(calling *c) {
  if (c->keys.n) return put_first(c, shunt_mget(c->s, c->subject, &c->keys, &c->query, &c->rows, c->err));
  c->query.limit = 1;
  return put_first(c, shunt_select(c->s, c->subject, &c->query, &c->rows, c->err));
}

shunt_status call_run_mget(calling *c) {
  return put_rows(c, shunt_mget(c->s, c->subject, &c->keys, &c->query, &c->rows, c->err));
}

shunt_status call_run_count(calling *c) {
  int64_t count = 0;
  return put_number(c, shunt_count(c->s, c->subject, &c->query, &count, c->err), &count);
}

shunt_status call_run_aggregate(calling *c) {
  shunt_status status = shunt_aggregate(c->s, c->subject, &c->aggregates, &c->query, &c->rows, c->err);
  return c->aggregates.ngroup ? put_rows(c, status) : put_first(c, status);
}

/* ---- writes ---- */

/* A transaction may still be rolled back. */
static shunt_status wrote(calling *c, shunt_status status) {
  if (!status) c->effect = session_in_transaction(c->s) ? SHUNT_UNKNOWN : SHUNT_DONE;
  return status;
}

shunt_status call_run_insert(calling *c) {
  return put_first(c, wrote(c, shunt_insert(c->s, c->subject, c->records.list, &c->write, &c->rows, c->err)));
}

shunt_status call_run_insert_bulk(calling *c) {
  int64_t n = 0;
  if (c->returning)
    return put_rows(c, wrote(c, shunt_insert_rows(c->s, c->subject, &c->records, &c->write, &c->rows, c->err)));
  return put_number(c, shunt_insert_bulk(c->s, c->subject, &c->records, &c->write, &n, c->err), &n);
}

shunt_status call_run_update(calling *c) {
  int64_t n = 0;
  return put_number(c, shunt_update(c->s, c->subject, c->records.list, &c->write, &n, c->err), &n);
}

shunt_status call_run_update_bulk(calling *c) {
  int64_t n = 0;
  return put_number(c, shunt_update_bulk(c->s, c->subject, &c->records, &c->write, &n, c->err), &n);
}

shunt_status call_run_delete(calling *c) {
  int64_t n = 0;
  return put_number(c, shunt_delete(c->s, c->subject, &c->write, &n, c->err), &n);
}

/* ---- decisions, SQL ---- */

shunt_status call_run_resolve(calling *c) {
  const shunt_decision *decision = NULL;
  shunt_status status = shunt_resolve(c->s, &c->request, &decision, c->err);
  if (status && !(status == SHUNT_E_DENIED && decision)) return status;
  call_put_decision(&c->reply, decision);
  return SHUNT_OK;
}

static shunt_status run_sql(calling *c, shunt_rows **rows, int64_t *affected) {
  const int64_t timeout_ms = c->s->timeout_ms;
  if (c->timeout_ms) c->s->timeout_ms = c->timeout_ms;
  shunt_status status = shunt_sql(c->s, c->subject, &c->sql, rows, affected, c->err);
  c->s->timeout_ms = timeout_ms;
  return status;
}

shunt_status call_run_query(calling *c) {
  int64_t affected = 0;
  shunt_status status = run_sql(c, &c->rows, &affected);
  return put_rows(c, affected ? wrote(c, status) : status);
}

shunt_status call_run_execute(calling *c) {
  int64_t affected = 0;
  shunt_status status = run_sql(c, NULL, &affected);
  return put_number(c, status, &affected);
}

shunt_status call_run_table_columns(calling *c) {
  return put_rows(c, shunt_table_columns(c->s, c->sql.client, c->subject, &c->rows, c->err));
}

/* ---- what later calls end ---- */

shunt_status call_run_begin(calling *c) {
  shunt_tx *tx = NULL;
  shunt_status status = block_reserve(c->s, c->err);
  if (!status) status = shunt_begin(c->s, &c->tx, &tx, c->err);
  if (status) return status;
  block_add(c->s, BLOCK_TRANSACTION, tx);
  buf_puts(&c->reply, shunt_tx_began(tx) ? "true" : "false");
  return SHUNT_OK;
}

shunt_status call_run_commit(calling *c) {
  shunt_tx *tx;
  shunt_status status = block_take(c->s, BLOCK_TRANSACTION, &tx, c->err);
  return put_null(c, status ? status : shunt_commit(tx, c->err));
}

shunt_status call_run_rollback(calling *c) {
  shunt_tx *tx;
  shunt_status status = block_take(c->s, BLOCK_TRANSACTION, &tx, c->err);
  return put_null(c, status ? status : shunt_rollback(tx, c->err));
}

shunt_status call_run_switch_push(calling *c) {
  shunt_status status = block_reserve(c->s, c->err);
  if (!status) status = shunt_switch_push(c->s, c->subject, c->err);
  if (!status) block_add(c->s, BLOCK_SWITCH, NULL);
  return put_null(c, status);
}

shunt_status call_run_switch_pop(calling *c) {
  shunt_tx *none;
  shunt_status status = block_take(c->s, BLOCK_SWITCH, &none, c->err);
  if (!status) shunt_switch_pop(c->s);
  return put_null(c, status);
}

static shunt_status put_level(calling *c, shunt_status status) {
  const int64_t level = shunt_session_level(c->s);
  return put_number(c, status, &level);
}

shunt_status call_run_level_push(calling *c) {
  shunt_status status = block_reserve(c->s, c->err);
  if (!status) status = shunt_level_push(c->s, c->err);
  if (!status) block_add(c->s, BLOCK_LEVEL, NULL);
  return put_level(c, status);
}

shunt_status call_run_level_pop(calling *c) {
  shunt_tx *none;
  shunt_status status = block_take(c->s, BLOCK_LEVEL, &none, c->err);
  if (!status) shunt_level_pop(c->s);
  return put_level(c, status);
}

shunt_status call_run_level(calling *c) { return put_level(c, SHUNT_OK); }

/* ---- jobs ---- */

shunt_status call_run_push(calling *c) {
  int64_t id = 0;
  bool existed = false;
  c->push.existed = &existed;
  shunt_status status = shunt_push(c->s, c->subject, c->data, &c->push, &id, c->err);
  if (status) return status;
  buf_puts(&c->reply, "{\"id\":");
  if (id)
    buf_printf(&c->reply, "%lld", (long long)id);
  else
    buf_puts(&c->reply, "null");
  buf_puts(&c->reply, existed ? ",\"existed\":true}" : ",\"existed\":false}");
  return SHUNT_OK;
}

shunt_status call_run_push_wait(calling *c) {
  char *result = NULL;
  shunt_status status = shunt_push_wait(c->s, c->subject, c->data, &c->push, &result, c->err);
  if (!status) c->effect = SHUNT_DONE; /* the job is sent at once */
  if (!status) buf_puts(&c->reply, result ? result : "null");
  shunt_free(result);
  return status;
}

shunt_status call_run_jobs(calling *c) { return put_rows(c, shunt_jobs_list(c->s, &c->jobs, &c->rows, c->err)); }

shunt_status call_run_jobs_retry(calling *c) {
  int64_t n = 0;
  return put_number(c, shunt_jobs_retry(c->s, &c->jobs, &n, c->err), &n);
}

shunt_status call_run_jobs_purge(calling *c) {
  int64_t n = 0;
  return put_number(c, shunt_jobs_purge(c->s, &c->jobs, &n, c->err), &n);
}
