/* Administration of queues: list, retry, purge, and schedules. */
#include <string.h>

#include "jobs/failure.h"
#include "jobs/signal.h"
#include "jobs/store.h"

/* Adds " AND column = ?" if there is a text to compare with. */
static void only(job_store *store, const char *column, const char *text) {
  sql_text *sql = store->sql;
  if (!text) return;
  sql_puts(sql, " AND ");
  sql_puts(sql, column);
  sql_puts(sql, " = ");
  store_put_text(store, text);
}

static sql_text *begin(job_store *store, const char *text) {
  sql_text *sql = store->sql;
  sql_reset(sql);
  sql_puts(sql, text);
  sql_puts(sql, " WHERE env = ");
  store_put_text(store, store->env);
  return sql;
}

static shunt_status check_state(const char *state, bool ended, shunt_error *err) {
  static const char *const states[] = {"done", "dead", "ready", "running"};
  size_t n = ended ? 2 : sizeof states / sizeof *states;
  if (!state) return SHUNT_OK;
  for (size_t i = 0; i < n; i++)
    if (strcmp(states[i], state) == 0) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "a job's state is %s, not '%.64s'",
                   ended ? "here done or dead" : "ready, running, done or dead", state);
}

/* The column is the errors as people read them. False when out of memory. */
static bool print_errors(shunt_rows *rows) {
  const int column = rows_column_index(rows, "error");
  char line[FAILURE_LINE_ROOM];
  shunt_error why;
  for (size_t i = 0; i < rows->count; i++) {
    shunt_value *cell = &rows_row(rows, i)[column];
    if (cell->type != SHUNT_TEXT) continue;
    failure_read(cell->as.bytes, &why);
    failure_print(&why, line, sizeof line);
    *cell = shunt_text(line, strlen(line));
    if (!rows_own(rows, cell)) return false;
  }
  return true;
}

shunt_status shunt_jobs_list(shunt_session *s, const char *queue_name, const char *state, int64_t limit,
                             shunt_rows **rows, shunt_error *err) {
  *rows = NULL;
  if (limit < 0) return error_set(err, SHUNT_E_USAGE, "a limit is 0 (none) or more");
  shunt_status status = check_state(state, false, err);
  job_store store;
  if (!status) status = store_enter(&store, s, 0, err);
  if (status) return status;
  sql_text *sql = begin(&store, "SELECT id, queue, name, state, priority, run_at, failures + lost AS attempts, retry, "
                                "unique_key, data, worker, error, created_at, finished_at FROM shunt_jobs");
  only(&store, "queue", queue_name);
  only(&store, "state", state);
  sql_puts(sql, " ORDER BY id DESC");
  if (limit) {
    sql_puts(sql, " LIMIT ");
    store_put_integer(&store, limit);
  }
  shunt_rows *found = rows_new();
  if (!found) return error_memory(err);
  status = store_run_sql(&store, found, NULL);
  if (!status && !print_errors(found)) status = error_memory(err);
  if (status) {
    shunt_rows_free(found);
    return status;
  }
  *rows = found;
  return SHUNT_OK;
}

/* Only one job with a unique key may be ready or running: of dead jobs with one key, only the newest is retried. */
shunt_status shunt_jobs_retry(shunt_session *s, int64_t id, const char *queue_name, int64_t *n, shunt_error *err) {
  int64_t affected = 0;
  job_store store;
  shunt_status status = store_enter(&store, s, 0, err);
  if (status) return status;
  sql_text *sql = store.sql;
  sql_reset(sql);
  sql_puts(sql, "UPDATE shunt_jobs SET state = 'ready', failures = 0, lost = 0, finished_at = NULL, run_at = ");
  sql_puts(sql, store.dialect->now_ms);
  sql_puts(sql, ", due_at = ");
  sql_puts(sql, store.dialect->now_ms);
  sql_puts(sql, " WHERE state = 'dead' AND env = ");
  store_put_text(&store, store.env);
  only(&store, "queue", queue_name);
  if (id) {
    sql_puts(sql, " AND id = ");
    store_put_integer(&store, id);
  }
  sql_puts(sql, " AND (unique_key IS NULL OR NOT EXISTS (SELECT 1 FROM shunt_jobs o WHERE o.env = shunt_jobs.env AND "
                "o.queue = shunt_jobs.queue AND o.unique_key = shunt_jobs.unique_key AND (o.due_at IS NOT NULL OR "
                "(o.state = 'dead' AND o.id > shunt_jobs.id))))");
  status = store_run_sql(&store, NULL, &affected);
  if (!status && id && !affected)
    status = error_set(err, SHUNT_E_NOT_FOUND, "there is no dead job %lld%s", (long long)id,
                       queue_name ? " in this queue" : ", or one with its unique key has taken its place");
  if (n) *n = affected;
  if (affected) signal_raise();
  return status;
}

shunt_status shunt_jobs_purge(shunt_session *s, const char *queue_name, const char *state, int64_t older_ms, int64_t *n,
                              shunt_error *err) {
  int64_t affected = 0;
  shunt_status status = check_state(state, true, err);
  if (!status && older_ms < 0) status = error_set(err, SHUNT_E_USAGE, "an age is 0 or more");
  job_store store;
  if (!status) status = store_enter(&store, s, 0, err);
  if (status) return status;
  sql_text *sql = begin(&store, "DELETE FROM shunt_jobs");
  only(&store, "queue", queue_name);
  only(&store, "state", state);
  sql_puts(sql, " AND state IN ('done', 'dead') AND finished_at <= ");
  sql_puts(sql, store.dialect->now_ms);
  sql_puts(sql, " - ");
  store_put_integer(&store, older_ms);
  status = store_run_sql(&store, NULL, &affected);
  if (n) *n = affected;
  return status;
}

shunt_status shunt_schedule_due(shunt_session *s, const char *job, int64_t minute_ms, bool *mine, shunt_error *err) {
  int64_t affected = 0;
  *mine = false;
  if (!job || !job[0]) return error_set(err, SHUNT_E_USAGE, "a schedule has no job");
  job_store store;
  shunt_status status = store_enter(&store, s, 0, err);
  if (status) return status;
  status = store_run(
      &store,
      STORE_SQL("INSERT INTO shunt_schedules (env, job, minute_ms) VALUES (?, ?, ?) ON CONFLICT (env, job) DO UPDATE "
                "SET minute_ms = excluded.minute_ms WHERE shunt_schedules.minute_ms < excluded.minute_ms",
                store_text(store.env), store_text(job), shunt_integer(minute_ms)),
      NULL, &affected);
  *mine = !status && affected > 0;
  return status;
}
