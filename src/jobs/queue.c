#include "jobs/queue.h"

#include <stdio.h>
#include <string.h>

#include "query/access.h"
#include "query/statement.h"
#include "query/unit.h"

/* ---- the tables ---- */

/* `lost`: how often a lease ran out. `awaited`: how many wait for the result, which is kept for them. */
#define JOB_COLUMNS                                                                                                    \
  "queue TEXT NOT NULL, name TEXT NOT NULL, env TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL,"        \
  " run_at BIGINT NOT NULL, due_at BIGINT, failures INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0,"      \
  " retry INTEGER NOT NULL, backoff_ms BIGINT NOT NULL, timeout_ms BIGINT NOT NULL, concurrency INTEGER NOT NULL,"     \
  " slot INTEGER, unique_key TEXT, data TEXT NOT NULL, envelope TEXT NOT NULL, awaited INTEGER NOT NULL, worker TEXT," \
  " claim INTEGER NOT NULL DEFAULT 0, result TEXT, error TEXT, created_at BIGINT NOT NULL, finished_at BIGINT)"

/* For FIRST_ALONE in claim.c, which is needed where several may claim at once. */
#define ALONE_INDEX                                                                                                    \
  "CREATE INDEX IF NOT EXISTS shunt_jobs_alone ON shunt_jobs (env, queue, name, priority, run_at, id)"                 \
  " WHERE concurrency = 1 AND due_at IS NOT NULL"

static const char *const other_tables[] = {
    "CREATE INDEX IF NOT EXISTS shunt_jobs_due ON shunt_jobs (env, priority, run_at, id) WHERE due_at IS NOT NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS shunt_jobs_unique ON shunt_jobs (env, queue, unique_key)"
    " WHERE due_at IS NOT NULL AND unique_key IS NOT NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS shunt_jobs_slot ON shunt_jobs (env, name, slot) WHERE slot IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS shunt_schedules (env TEXT NOT NULL, job TEXT NOT NULL, minute_ms BIGINT NOT NULL,"
    " PRIMARY KEY (env, job))",
};

/* ---- where it is ---- */

int queue_own_level(const catalog *c) { return c->max_level ? c->max_level + 1 : 0; }

queue queue_of(shunt_session *s) {
  const catalog *c = s->home.catalog;
  const cat_client *client = c->jobs.client;
  return (queue){.session = s,
                 .client = client,
                 .level = level_of(client, s->level),
                 .env = c->env,
                 .dialect = driver_for(client->engine)->queue};
}

bool queue_in_transaction(const queue *q) { return transaction_peek(q->session, q->client, q->level) != NULL; }

queue_key queue_key_of(const queue *q, int64_t id) {
  queue_key key;
  snprintf(key.text, sizeof key.text, "%.64s:%lld", q->client->name, (long long)id);
  return key;
}

/* ---- parts of statements ---- */

void queue_put_text(const queue *q, const char *text) {
  const shunt_value v = queue_text(text);
  sql_param(&q->session->sql, &v);
}

void queue_put_integer(const queue *q, int64_t integer) {
  const shunt_value v = shunt_integer(integer);
  sql_param(&q->session->sql, &v);
}

void queue_put_later(const queue *q, int64_t ms) {
  sql_text *sql = &q->session->sql;
  sql_puts(sql, q->dialect->now_ms);
  sql_puts(sql, " + ");
  queue_put_integer(q, ms);
}

/* ---- statements ---- */

static shunt_status run(const queue *q, const char *sql, const shunt_value *params, size_t nparams, shunt_rows *rows,
                        int64_t *affected, shunt_error *err) {
  execution e = {
      .client = q->client, .level = q->level, .sql = sql, .size = strlen(sql), .params = params, .nparams = nparams};
  shunt_status status = execution_run(q->session, &e, rows, err);
  if (affected) *affected = e.affected;
  return execution_end(q->session, &e, status, err);
}

static shunt_status make(const queue *q, const char *sql, shunt_error *err) {
  return run(q, sql, NULL, 0, NULL, NULL, err);
}

static shunt_status make_tables_in(const queue *q, unit *u, shunt_error *err) {
  char table[sizeof JOB_COLUMNS + 128];
  snprintf(table, sizeof table, "CREATE TABLE IF NOT EXISTS shunt_jobs (id %s, " JOB_COLUMNS, q->dialect->identity);
  shunt_status status = unit_join(q->session, u, q->client, q->level, err);
  if (!status && q->dialect->ddl_lock) status = make(q, q->dialect->ddl_lock, err);
  if (!status) status = make(q, table, err);
  if (!status && q->dialect->parallel) status = make(q, ALONE_INDEX, err);
  for (size_t i = 0; i < sizeof other_tables / sizeof *other_tables && !status; i++)
    status = make(q, other_tables[i], err);
  return status;
}

/* Outside of the session's transaction where the engine lets two write at once, so that they stay if it is rolled back;
 * else inside, and they are made again. */
static shunt_status make_tables(const queue *q, shunt_error *err) {
  unit u = {.apart = true};
  queue own = *q;
  own.level = level_of(q->client, queue_own_level(q->session->home.catalog));
  unit_begin(q->session, &u);
  return unit_end(q->session, &u, make_tables_in(&own, &u, err), err);
}

/* If a statement that fails would end the session's transaction, none is tried before the tables are there. */
static shunt_status look_for_tables(const queue *q, shunt_error *err) {
  table_info *t;
  if (q->made || !driver_for(q->client->engine)->aborts || !queue_in_transaction(q)) return SHUNT_OK;
  shunt_status status = table_find(q->session, q->client, q->level, "shunt_jobs", false, &t, err);
  return status == SHUNT_E_NOT_FOUND ? make_tables(q, err) : status;
}

shunt_status queue_run(const queue *q, const char *sql, const shunt_value *params, size_t nparams, shunt_rows *rows,
                       int64_t *affected, shunt_error *err) {
  shunt_status status = look_for_tables(q, err);
  if (!status) status = run(q, sql, params, nparams, rows, affected, err);
  if (status != SHUNT_E_NOT_FOUND) return status;
  status = make_tables(q, err);
  return status ? status : run(q, sql, params, nparams, rows, affected, err);
}

shunt_status queue_run_sql(const queue *q, shunt_rows *rows, int64_t *affected, shunt_error *err) {
  const sql_text *sql = &q->session->sql;
  shunt_status status = sql_status(sql, err);
  return status ? status : queue_run(q, sql->text.data, sql->params, sql->nparams, rows, affected, err);
}
