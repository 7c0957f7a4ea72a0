/* The tables of the queues: how they are made, and how those of an older version are converted.
 *
 * Idea: nothing is looked up before a statement. A statement that misses a table or a column fails with NOT_FOUND; then
 * the tables are made or converted, and it runs again.
 *
 * Format 1 had no column `format`, and the instance of a job was only in its envelope. Its tables are put aside, copied
 * into new ones and dropped, in one transaction. The constraint on `format` makes a process of another version fail
 * clearly when it pushes. So each column that format 1 lacked can be NULL or has a default: engines look for NULL
 * before they look at constraints. */
#include <stdio.h>
#include <string.h>

#include "jobs/envelope.h"
#include "jobs/store.h"
#include "query/table.h"
#include "session/unit.h"

/* ---- what they look like ---- */

#define FORMAT STORE_TEXT_OF(STORE_FORMAT)

/* `lost`: how many leases ran out. `awaited`: how many callers wait for the result, which is kept for them. `instance`:
 * as in the envelope, for SQL. `lost_by`: the worker from which this claim took the job over. */
#define JOB_COLUMNS                                                                                                    \
  "format INTEGER CONSTRAINT \"use one version of shunt on a queue\" CHECK (format IS NOT NULL AND format = " FORMAT   \
  "), instance TEXT NOT NULL DEFAULT '',"                                                                              \
  " queue TEXT NOT NULL, name TEXT NOT NULL, env TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL,"       \
  " run_at BIGINT NOT NULL, due_at BIGINT, failures INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0,"      \
  " retry INTEGER NOT NULL, backoff_ms BIGINT NOT NULL, timeout_ms BIGINT NOT NULL, concurrency INTEGER NOT NULL,"     \
  " slot INTEGER, unique_key TEXT, unique_scope TEXT, data TEXT NOT NULL, envelope TEXT NOT NULL,"                     \
  " awaited INTEGER NOT NULL, worker TEXT, lost_by TEXT, claim INTEGER NOT NULL DEFAULT 0, result TEXT, error TEXT,"   \
  " created_at BIGINT NOT NULL, started_at BIGINT, finished_at BIGINT)"

static const char *const schedules = "CREATE TABLE IF NOT EXISTS shunt_schedules (env TEXT NOT NULL, instance TEXT NOT "
                                     "NULL, job TEXT NOT NULL, minute_ms BIGINT NOT NULL, PRIMARY KEY (env, instance, "
                                     "job))";

/* For FIRST_ALONE in claim.c, which is needed where several may claim at once. */
#define ALONE_INDEX                                                                                                    \
  "CREATE INDEX IF NOT EXISTS shunt_jobs_alone ON shunt_jobs (env, queue, name, priority, run_at, id)"                 \
  " WHERE concurrency = 1 AND due_at IS NOT NULL"

/* A key of the whole queue has no instance and no name there: so it never meets the key of one job. */
static const char *const indexes[] = {
    "CREATE INDEX IF NOT EXISTS shunt_jobs_due ON shunt_jobs (env, priority, run_at, id) WHERE due_at IS NOT NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS shunt_jobs_unique ON shunt_jobs (env, queue, unique_key, (CASE unique_scope "
    "WHEN "
    "'queue' THEN '' ELSE instance END), (CASE unique_scope WHEN 'queue' THEN '' ELSE name END))"
    " WHERE due_at IS NOT NULL AND unique_key IS NOT NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS shunt_jobs_slot ON shunt_jobs (env, name, slot) WHERE slot IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS shunt_jobs_ended ON shunt_jobs (env, finished_at) WHERE finished_at IS NOT NULL",
};

static shunt_status run(job_store *store, const char *sql) {
  return store_run_bare(store, &(store_sql){sql, NULL, 0}, NULL, NULL);
}

static shunt_status make_indexes(job_store *store) {
  shunt_status status = store->dialect->parallel ? run(store, ALONE_INDEX) : SHUNT_OK;
  for (size_t i = 0; i < sizeof indexes / sizeof *indexes && !status; i++) status = run(store, indexes[i]);
  return status;
}

static shunt_status make_missing(job_store *store) {
  char jobs[sizeof JOB_COLUMNS + 128];
  snprintf(jobs, sizeof jobs, "CREATE TABLE IF NOT EXISTS shunt_jobs (id %s, " JOB_COLUMNS, store->dialect->identity);
  shunt_status status = run(store, jobs);
  return status ? status : run(store, schedules);
}

/* ---- tables of format 1 ---- */

#define OLD_COLUMNS                                                                                                    \
  "queue, name, env, state, priority, run_at, due_at, failures, lost, retry, backoff_ms, timeout_ms, concurrency,"     \
  " slot, unique_key, data, envelope, awaited, worker, claim, result, error, created_at, finished_at"

/* A job whose envelope can't be read keeps it: the job will be dead when it is claimed, and the others run. */
static shunt_status copy_job(job_store *store, const shunt_value *id, const shunt_value *text) {
  envelope e = {.instance = NULL};
  shunt_status status =
      text->type == SHUNT_TEXT ? envelope_read(text->as.bytes, store->c.arena, &e, store->c.err) : SHUNT_OK;
  if (status == SHUNT_E_MEMORY) return status;
  return store_run_bare(store,
                        STORE_SQL("INSERT INTO shunt_jobs (format, instance, unique_scope, id, " OLD_COLUMNS
                                  ") SELECT " FORMAT ", CAST(? AS TEXT), CASE WHEN unique_key IS NOT NULL "
                                  "THEN 'job' END, id, " OLD_COLUMNS " FROM shunt_jobs_1 WHERE id = ?",
                                  store_text(status || !e.instance ? "" : e.instance), *id),
                        NULL, NULL);
}

static shunt_status copy_jobs(job_store *store) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(store->c.err);
  shunt_status status =
      store_run_bare(store, &(store_sql){"SELECT id, envelope FROM shunt_jobs_1", NULL, 0}, rows, NULL);
  for (size_t i = 0; i < rows->count && !status; i++)
    status = copy_job(store, &rows_row(rows, i)[0], &rows_row(rows, i)[1]);
  shunt_rows_free(rows);
  return status;
}

static shunt_status run_all(job_store *store, const char *const *list) {
  shunt_status status = SHUNT_OK;
  for (; *list && !status; list++) status = run(store, *list);
  return status;
}

static shunt_status convert(job_store *store) {
  static const char *const aside[] = {"ALTER TABLE shunt_jobs RENAME TO shunt_jobs_1",
                                      "ALTER TABLE shunt_schedules RENAME TO shunt_schedules_1", NULL};
  static const char *const rest[] = {"INSERT INTO shunt_schedules (env, instance, job, minute_ms) SELECT env, '', job, "
                                     "minute_ms FROM shunt_schedules_1",
                                     "DROP TABLE shunt_jobs_1", "DROP TABLE shunt_schedules_1", NULL};
  shunt_status status = run_all(store, aside);
  if (!status) status = make_missing(store);
  if (!status) status = run(store, store->dialect->renumber);
  if (!status) status = copy_jobs(store);
  return status ? status : run_all(store, rest);
}

/* ---- making and converting ---- */

/* *old: the table of the jobs has no format. */
static shunt_status look(job_store *store, bool again, bool *missing, bool *old) {
  table_info *t;
  shunt_status status = table_find(&store->c, store->client, store->level, "shunt_jobs", again, &t);
  *missing = status == SHUNT_E_NOT_FOUND;
  *old = !status && !driver_table_column(t->shape, "format");
  return *missing ? SHUNT_OK : status;
}

static shunt_status make_in(job_store *store, unit *u) {
  bool missing, old = false;
  shunt_status status = unit_join(&store->c, u, store->client, store->level);
  if (!status && store->dialect->ddl_lock) status = run(store, store->dialect->ddl_lock);
  if (!status) status = look(store, true, &missing, &old);
  if (!status) status = old ? convert(store) : make_missing(store);
  if (!status) status = make_indexes(store);
  return status || !old ? status : look(store, true, &missing, &old); /* the session knows the old columns */
}

/* Outside of the session's transaction if the engine lets two transactions write at once: then the tables stay if it is
 * rolled back. Otherwise inside; after a rollback they are made again. */
static shunt_status make(job_store *store) {
  unit u = {0};
  job_store own = *store;
  shunt_session *s = store->c.s;
  own.level = session_level_of(store->client, store_own_level(s->generation.catalog));
  unit_begin(&store->c, &u);
  shunt_status status = unit_end(&store->c, &u, make_in(&own, &u));
  s->effect = SHUNT_NOT_DONE; /* that was not what the call was asked to write */
  if (!status || !store->c.err) return status;
  error_reword(store->c.err, status, "the tables of the queues could not be made: %s", store->c.err->message);
  store->c.err->outcome = SHUNT_NOT_DONE;
  return status;
}

/* If a statement that fails would end the session's transaction, none is tried before the tables are there. */
static shunt_status look_first(job_store *store) {
  bool missing, old;
  if (store->made || !driver_for(store->client->engine)->aborts || !store_in_transaction(store)) return SHUNT_OK;
  shunt_status status = look(store, false, &missing, &old);
  return status || !(missing || old) ? status : make(store);
}

/* ---- statements ---- */

shunt_status store_run(job_store *store, const store_sql *sql, shunt_rows *rows, int64_t *affected) {
  shunt_status status = look_first(store);
  if (!status) status = store_run_bare(store, sql, rows, affected);
  if (status != SHUNT_E_NOT_FOUND) return status;
  status = make(store);
  return status ? status : store_run_bare(store, sql, rows, affected);
}

shunt_status store_run_sql(job_store *store, shunt_rows *rows, int64_t *affected) {
  const sql_text *sql = store->sql;
  shunt_status status = sql_status(sql, store->c.err);
  return status ? status : store_run(store, &(store_sql){sql->text.data, sql->params, sql->nparams}, rows, affected);
}
