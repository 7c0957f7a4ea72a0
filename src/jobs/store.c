#include "jobs/store.h"

#include <stdio.h>
#include <string.h>

#include "query/statement.h"
#include "query/table.h"
#include "session/transaction.h"
#include "session/unit.h"

/* ---- the tables ---- */

/* `lost`: how many leases ran out. `awaited`: how many callers wait for the result, which is kept for them. */
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

int store_own_level(const catalog *c) { return c->settings.max_level ? c->settings.max_level + 1 : 0; }

shunt_status store_enter(job_store *store, shunt_session *s, int64_t timeout_ms, shunt_error *err) {
  shunt_status status = call_begin(&store->c, s, timeout_ms, err);
  const catalog *c = s->generation.catalog;
  const cat_client *client = c->jobs.client;
  store->sql = call_sql(&store->c);
  store->client = client;
  store->level = session_level_of(client, s->level.now);
  store->env = c->env;
  store->dialect = driver_for(client->engine)->queue;
  store->made = false;
  return status || store->sql ? status : error_memory(err);
}

bool store_in_transaction(job_store *store) {
  return transaction_peek(store->c.s, store->client, store->level) != NULL;
}

store_key store_key_of(const cat_client *client, int64_t id) {
  store_key key;
  snprintf(key.text, sizeof key.text, "%.64s:%lld", client->name, (long long)id);
  return key;
}

/* ---- parts of statements ---- */

void store_put_text(job_store *store, const char *text) {
  const shunt_value v = store_text(text);
  sql_param(store->sql, &v);
}

void store_put_integer(job_store *store, int64_t integer) {
  const shunt_value v = shunt_integer(integer);
  sql_param(store->sql, &v);
}

void store_put_later(job_store *store, int64_t ms) {
  sql_text *sql = store->sql;
  sql_puts(sql, store->dialect->now_ms);
  sql_puts(sql, " + ");
  store_put_integer(store, ms);
}

/* ---- statements ---- */

static shunt_status run(job_store *store, const store_sql *sql, shunt_rows *rows, int64_t *affected) {
  execution e = {.client = store->client,
                 .level = store->level,
                 .sql = sql->text,
                 .size = strlen(sql->text),
                 .params = sql->params,
                 .nparams = sql->nparams};
  shunt_status status = execution_run(&store->c, &e, rows);
  if (affected) *affected = e.affected;
  return execution_end(&store->c, &e, status);
}

static shunt_status make(job_store *store, const char *sql) {
  return run(store, &(store_sql){sql, NULL, 0}, NULL, NULL);
}

static shunt_status make_tables_in(job_store *store, unit *u) {
  char table[sizeof JOB_COLUMNS + 128];
  snprintf(table, sizeof table, "CREATE TABLE IF NOT EXISTS shunt_jobs (id %s, " JOB_COLUMNS, store->dialect->identity);
  shunt_status status = unit_join(&store->c, u, store->client, store->level);
  if (!status && store->dialect->ddl_lock) status = make(store, store->dialect->ddl_lock);
  if (!status) status = make(store, table);
  if (!status && store->dialect->parallel) status = make(store, ALONE_INDEX);
  for (size_t i = 0; i < sizeof other_tables / sizeof *other_tables && !status; i++)
    status = make(store, other_tables[i]);
  return status;
}

/* Outside of the session's transaction if the engine lets two transactions write at once: then the tables stay if it is
 * rolled back. Otherwise inside; after a rollback they are made again. */
static shunt_status make_tables(job_store *store) {
  unit u = {.apart = true};
  job_store own = *store;
  own.level = session_level_of(store->client, store_own_level(store->c.s->generation.catalog));
  unit_begin(&store->c, &u);
  return unit_end(&store->c, &u, make_tables_in(&own, &u));
}

/* If a statement that fails would end the session's transaction, none is tried before the tables are there. */
static shunt_status look_for_tables(job_store *store) {
  table_info *t;
  if (store->made || !driver_for(store->client->engine)->aborts || !store_in_transaction(store)) return SHUNT_OK;
  shunt_status status = table_find(&store->c, store->client, store->level, "shunt_jobs", false, &t);
  return status == SHUNT_E_NOT_FOUND ? make_tables(store) : status;
}

shunt_status store_run(job_store *store, const store_sql *sql, shunt_rows *rows, int64_t *affected) {
  shunt_status status = look_for_tables(store);
  if (!status) status = run(store, sql, rows, affected);
  if (status != SHUNT_E_NOT_FOUND) return status;
  status = make_tables(store);
  return status ? status : run(store, sql, rows, affected);
}

shunt_status store_run_sql(job_store *store, shunt_rows *rows, int64_t *affected) {
  const sql_text *sql = store->sql;
  shunt_status status = sql_status(sql, store->c.err);
  return status ? status : store_run(store, &(store_sql){sql->text.data, sql->params, sql->nparams}, rows, affected);
}
