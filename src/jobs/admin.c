/* Administration of queues: list, retry, purge. */
#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "jobs/failure.h"
#include "jobs/signal.h"
#include "jobs/store.h"
#include "session/outcome.h"
#include "session/visit.h"

/* Adds " AND column = ?" if there is a text to compare with. */
static void only(job_store *store, const char *column, const char *text) {
  sql_text *sql = store->sql;
  if (!text) return;
  sql_puts(sql, " AND ");
  sql_puts(sql, column);
  sql_puts(sql, " = ");
  store_put_text(store, text);
}

/* Of statements without a timeout: they may wait for rows or unique keys of a transaction that this thread has to end.
 */
enum { CHANGE_WAIT_MS = 60000 };

/* The text, and the jobs that the filter selects. */
static sql_text *begin(job_store *store, const char *text, const shunt_jobs_filter *f) {
  sql_text *sql = store->sql;
  sql_reset(sql);
  sql_puts(sql, text);
  sql_puts(sql, " WHERE env = ");
  store_put_text(store, store->env);
  only(store, "queue", f->queue);
  only(store, "instance", f->instance);
  only(store, "state", f->state);
  if (!f->id) return sql;
  sql_puts(sql, " AND id = ");
  store_put_integer(store, f->id);
  return sql;
}

/* The same for a statement that changes these jobs. It leaves out those that another transaction changes meanwhile. */
static sql_text *begin_change(job_store *store, const char *text, const shunt_jobs_filter *f) {
  char whole[320];
  snprintf(whole, sizeof whole, "%s WHERE id IN (SELECT id FROM shunt_jobs", text);
  store_bound(store, CHANGE_WAIT_MS);
  return begin(store, whole, f);
}

static shunt_status change(job_store *store, int64_t *affected) {
  sql_puts(store->sql, store->dialect->locked);
  sql_puts(store->sql, ")");
  return store_run_sql(store, NULL, affected);
}

static shunt_status check(const shunt_jobs_filter *f, shunt_error *err) {
  static const char *const states[] = {"ready", "running", "done", "dead"};
  bool known = !f->state;
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) known = known || strcmp(states[i], f->state) == 0;
  if (!known)
    return error_set(err, SHUNT_E_USAGE, "a job's state is ready, running, done or dead, not '%.64s'", f->state);
  if (f->limit < 0) return error_set(err, SHUNT_E_USAGE, "a limit is 0 (none) or more");
  if (f->older_ms < 0) return error_set(err, SHUNT_E_USAGE, "an age is 0 or more");
  return f->id < 0 ? error_set(err, SHUNT_E_USAGE, "a job's id is 1 or more, not %lld", (long long)f->id) : SHUNT_OK;
}

static shunt_status enter(visit *v, job_store *store, shunt_session *s, const shunt_jobs_filter *f, shunt_error *err) {
  shunt_status status = check(f, err);
  if (!status) status = visit_begin(v, s, err);
  return status ? status : store_enter(store, s, 0, err);
}

/* The column is the errors as people read them. False when out of memory. */
static bool print_errors(shunt_rows *rows) {
  const int column = rows_column_index(rows, "error");
  char line[FAILURE_LINE_ROOM];
  shunt_error why;
  for (size_t i = 0; i < rows->count; i++) {
    shunt_value *cell = &rows_row(rows, i)[column];
    if (cell->type != SHUNT_TEXT) continue;
    if (failure_read(cell->as.bytes, &why, NULL)) return false;
    failure_print(&why, line, sizeof line);
    *cell = shunt_text(line, strlen(line));
    if (!rows_own(rows, cell)) return false;
  }
  return true;
}

static shunt_status list(job_store *store, const shunt_jobs_filter *f, shunt_rows *rows) {
  sql_text *sql =
      begin(store,
            "SELECT id, queue, name, state, priority, run_at, CAST(failures AS BIGINT) + lost + CASE WHEN state IN "
            "('running', 'done') THEN 1 ELSE 0 END AS attempts, retry, unique_key, data, worker, error, "
            "created_at, finished_at, instance, unique_scope, started_at, "
            "result FROM shunt_jobs",
            f);
  sql_puts(sql, " ORDER BY id DESC");
  if (f->limit) {
    sql_puts(sql, " LIMIT ");
    store_put_integer(store, f->limit);
  }
  shunt_status status = store_run_sql(store, rows, NULL);
  return status || print_errors(rows) ? status : error_memory(store->c.err);
}

shunt_status shunt_jobs_list(shunt_session *s, const shunt_jobs_filter *filter, shunt_rows **rows, shunt_error *err) {
  VISIT(v);
  shunt_jobs_filter room;
  const shunt_jobs_filter *f = SIZED(shunt_jobs_filter, filter, &room, err);
  job_store store;
  if (!rows) return error_null(err, "rows");
  *rows = NULL;
  shunt_status status = f ? enter(&v, &store, s, f, err) : SHUNT_E_USAGE;
  shunt_rows *found = status ? NULL : rows_new();
  if (!status) status = found ? list(&store, f, found) : error_memory(err);
  if (!status) *rows = found;
  if (status) shunt_rows_free(found);
  return status;
}

/* Only one job with a unique key may be ready or running: of dead jobs with one key, only the newest is retried. */
#define NO_RIVAL                                                                                                       \
  " AND state = 'dead' AND (unique_key IS NULL OR NOT EXISTS (SELECT 1 FROM shunt_jobs o WHERE o.env = shunt_jobs.env" \
  " AND o.queue = shunt_jobs.queue AND o.unique_key = shunt_jobs.unique_key AND"                                       \
  " o.unique_scope = shunt_jobs.unique_scope AND (o.unique_scope = 'queue' OR (o.instance = shunt_jobs.instance AND"   \
  " o.name = shunt_jobs.name)) AND (o.due_at IS NOT NULL OR (o.state = 'dead' AND o.id > shunt_jobs.id))))"

shunt_status shunt_jobs_retry(shunt_session *s, const shunt_jobs_filter *filter, int64_t *n, shunt_error *err) {
  VISIT(v);
  shunt_jobs_filter room;
  const shunt_jobs_filter *f = SIZED(shunt_jobs_filter, filter, &room, err);
  char text[256];
  int64_t affected = 0;
  job_store store;
  shunt_status status = f ? enter(&v, &store, s, f, err) : SHUNT_E_USAGE;
  if (status) return status;
  snprintf(text, sizeof text,
           "UPDATE shunt_jobs SET state = 'ready', failures = 0, lost = 0, finished_at = NULL, run_at = %s, due_at = 0",
           store.dialect->now_ms);
  sql_puts(begin_change(&store, text, f), NO_RIVAL);
  status = change(&store, &affected);
  if (n) *n = affected;
  if (!status && f->id && !affected) /* not done: a write of no row leaves nothing */
    return error_set(err, SHUNT_E_NOT_FOUND,
                     "there is no dead job %lld that the filter selects, or one with its unique key has taken its "
                     "place, or another transaction changes it",
                     (long long)f->id);
  if (affected) signal_raise();
  return outcome_end(&store.c, status);
}

/* Ready jobs are work to do: they are deleted only as the jobs of one instance. */
static shunt_status check_purge(const shunt_jobs_filter *f, shunt_error *err) {
  const bool ready = f->state && strcmp(f->state, "ready") == 0, running = f->state && strcmp(f->state, "running") == 0;
  if (running || (ready && !f->instance))
    return error_set(
        err, SHUNT_E_USAGE,
        "jobs to purge are done or dead, not %s; the ready jobs of one instance can be purged if it is named",
        f->state);
  return SHUNT_OK;
}

shunt_status shunt_jobs_purge(shunt_session *s, const shunt_jobs_filter *filter, int64_t *n, shunt_error *err) {
  VISIT(v);
  shunt_jobs_filter room;
  const shunt_jobs_filter *f = SIZED(shunt_jobs_filter, filter, &room, err);
  int64_t affected = 0;
  job_store store;
  shunt_status status = f ? check_purge(f, err) : SHUNT_E_USAGE;
  if (!status) status = enter(&v, &store, s, f, err);
  if (status) return status;
  sql_text *sql = begin_change(&store, "DELETE FROM shunt_jobs", f);
  if (!f->state) sql_puts(sql, " AND state IN ('done', 'dead')");
  sql_puts(sql, " AND coalesce(finished_at, created_at) <= ");
  sql_puts(sql, store.dialect->now_ms);
  sql_puts(sql, " - ");
  store_put_integer(&store, f->older_ms);
  status = change(&store, &affected);
  if (n) *n = affected;
  return outcome_end(&store.c, status);
}
