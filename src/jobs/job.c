/* A running job, and its three ways to end: done, failed, given back. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "jobs/failure.h"
#include "jobs/worker.h"
#include "pool/jitter.h"
#include "pool/wait.h"
#include "session/outcome.h"
#include "session/propagation.h"
#include "session/transaction.h"

enum { MOST_DOUBLED = 20 };

static const int64_t LONGEST_BACKOFF_MS = 86400000;

/* The claim still holds: no other worker has claimed the job since. */
#define MINE " WHERE id = ? AND claim = ? AND state = 'running'"

#define MINE_SQL(job, text) STORE_SQL(text, shunt_integer((job)->info.id), shunt_integer((job)->claim))

static void put_mine(job_store *store, const shunt_job *job) {
  sql_text *sql = store->sql;
  sql_puts(sql, " WHERE id = ");
  store_put_integer(store, job->info.id);
  sql_puts(sql, " AND claim = ");
  store_put_integer(store, job->claim);
  sql_puts(sql, " AND state = 'running'");
}

const shunt_job_info *shunt_job_of(const shunt_job *job) { return job ? &job->info : NULL; }
shunt_session *shunt_job_session(shunt_job *job) { return job ? job->session : NULL; }

static shunt_status lost(const shunt_job *job, shunt_error *err) {
  events_emit(worker_events(job->worker), SHUNT_EVENT_LEASE_LOST, WORKER_JOB_FIELDS(job->info.name, job->info.id));
  return error_set(
      err, SHUNT_E_CONFLICT,
      "job '%s' (%lld) was claimed by another worker or purged, because its lease ran out; roll back what it did",
      job->info.name, (long long)job->info.id);
}

/* The job was found there: the tables exist. */
static shunt_status check_job(const shunt_job *job, shunt_error *err) {
  return job ? worker_check(job->worker, err) : error_null(err, "job");
}

static shunt_status enter(job_store *store, const shunt_job *job, shunt_error *err) {
  shunt_status status = store_enter(store, job->session, 0, err);
  store->made = true;
  return status;
}

/* ---- its transaction ---- */

/* Under snapshot isolation the completion would fail once the lease has been renewed. A locked row is neither renewed
 * nor claimed. */
static shunt_status lock_row(const shunt_job *job, job_store *store) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(store->c.err);
  shunt_status status = store_run(store, MINE_SQL(job, "SELECT id FROM shunt_jobs" MINE " FOR UPDATE"), rows, NULL);
  if (!status && !rows->count) status = lost(job, store->c.err);
  shunt_rows_free(rows);
  return status;
}

shunt_status shunt_job_hold(shunt_job *job, shunt_error *err) {
  job_store store;
  if (check_job(job, err)) return SHUNT_E_USAGE;
  shunt_status status = enter(&store, job, err);
  if (status) return status;
  const transaction *t = transaction_find(job->session, store.client, store.level);
  return t && t->isolation && !t->read_only && store.dialect->parallel ? lock_row(job, &store) : SHUNT_OK;
}

/* ---- done ---- */

/* If no caller waits for the result, and no history is kept (jobs.keep), the row is deleted. */
static shunt_status forget(const shunt_job *job, job_store *store, int64_t *affected) {
  return store_run(store, MINE_SQL(job, "DELETE FROM shunt_jobs" MINE " AND awaited = 0"), NULL, affected);
}

static shunt_status keep(const shunt_job *job, job_store *store, const char *result, int64_t *affected) {
  sql_text *sql = store->sql;
  sql_reset(sql);
  sql_puts(sql, "UPDATE shunt_jobs SET state = 'done', due_at = NULL, slot = NULL, error = NULL, finished_at = ");
  sql_puts(sql, store->dialect->now_ms);
  sql_puts(sql, ", result = ");
  store_put_text(store, result);
  put_mine(store, job);
  return store_run_sql(store, NULL, affected);
}

static int64_t age_ms(const shunt_job *job) { return (clock_monotonic_ns() - job->claimed_ns) / NS_PER_MS; }

static shunt_status end_now(void *ud, shunt_error *err) {
  shunt_job *job = ud;
  (void)err;
  job->ended = true;
  atomic_fetch_add(&job->worker->completed, 1);
  worker_tally(job->worker, job->info.queue, JOB_TALLY_DONE);
  events_emit(worker_events(job->worker), SHUNT_EVENT_JOB_DONE, WORKER_RUN_FIELDS(job),
              {"duration_ms", shunt_integer(age_ms(job))});
  signal_raise();
  return SHUNT_OK;
}

static shunt_status complete_in(shunt_job *job, job_store *store, const char *result) {
  int64_t affected = 0;
  shunt_status status = SHUNT_OK;
  if (!job->awaited && !store->c.s->generation.catalog->settings.keep_ms) status = forget(job, store, &affected);
  if (!status && !affected) status = keep(job, store, result, &affected);
  if (!status && !affected) status = lost(job, store->c.err);
  /* until the commit it can be rolled back, and the job is then given back */
  return status ? status : shunt_on_all_commit(job->session, end_now, job, NULL, store->c.err);
}

/* Completes the job once all its transactions elsewhere are committed. */
typedef struct completion {
  shunt_job *job;
  char result[];
} completion;

static shunt_status complete_later(void *ud, shunt_error *err) {
  completion *c = ud;
  job_store store;
  shunt_status status = enter(&store, c->job, err);
  return status ? status : outcome_end(&store.c, complete_in(c->job, &store, c->result));
}

static shunt_status complete_after_commit(shunt_job *job, const char *result, shunt_error *err) {
  size_t size = strlen(result) + 1;
  completion *c = base_alloc(sizeof *c + size);
  if (!c) return error_memory(err);
  c->job = job;
  memcpy(c->result, result, size);
  return shunt_on_all_commit(job->session, complete_later, c, base_free, err);
}

static shunt_status check_result(const shunt_job *job, const char *result, shunt_error *err) {
  shunt_error bad;
  const shunt_status status = json_check(result, strlen(result), &bad);
  if (status == SHUNT_E_USAGE)
    return error_set(err, status, "job '%.64s': its result is not JSON that can be read: %s: %.200s", job->info.name,
                     bad.message, result);
  return status ? error_memory(err) : SHUNT_OK;
}

shunt_status shunt_job_complete(shunt_job *job, const char *result_json, shunt_error *err) {
  const char *result = result_json ? result_json : "null";
  job_store store;
  if (check_job(job, err)) return SHUNT_E_USAGE;
  shunt_status status = check_result(job, result, err);
  if (!status) status = enter(&store, job, err);
  if (status) return status;
  bool later = session_in_transaction(job->session) && !store_in_transaction(&store);
  return later ? complete_after_commit(job, result, err) : outcome_end(&store.c, complete_in(job, &store, result));
}

/* ---- failed ---- */

/* Doubled with each failure, and up to a fifth more or less: jobs that failed together are not retried together. */
static int64_t backoff_ms(const shunt_job *job) {
  int doubled = job->failures < MOST_DOUBLED ? job->failures : MOST_DOUBLED;
  double ms = (double)job->backoff_ms * (double)(1 << doubled);
  if (ms > (double)LONGEST_BACKOFF_MS) ms = (double)LONGEST_BACKOFF_MS;
  return (int64_t)(ms * (0.8 + 0.4 * jitter((uint64_t)clock_monotonic_ns() ^ (uint64_t)job->info.id)));
}

static void write_failed(job_store *store, const shunt_job *job, const char *why, bool dead) {
  sql_text *sql = store->sql;
  sql_reset(sql);
  sql_puts(sql, "UPDATE shunt_jobs SET slot = NULL, failures = ");
  store_put_integer(store, job->failures < STORE_MOST ? job->failures + 1 : STORE_MOST);
  sql_puts(sql, ", error = ");
  store_put_text(store, why);
  if (dead) {
    sql_puts(sql, ", state = 'dead', due_at = NULL, finished_at = ");
    sql_puts(sql, store->dialect->now_ms);
  } else {
    const int64_t wait_ms = backoff_ms(job);
    sql_puts(sql, ", state = 'ready', run_at = ");
    store_put_later(store, wait_ms);
    sql_puts(sql, ", due_at = ");
    store_put_later(store, wait_ms);
  }
  put_mine(store, job);
}

/* Whether the answer to its completion was lost, but not the completion: the row says so, or was deleted by it. */
static shunt_status look_completed(const shunt_job *job, job_store *store, bool *completed) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(store->c.err);
  const shunt_value id = shunt_integer(job->info.id);
  shunt_status status = store_run(store, STORE_SQL("SELECT claim, state FROM shunt_jobs WHERE id = ?", id), rows, NULL);
  const shunt_value *v = rows->count ? rows_row(rows, 0) : NULL;
  *completed = !status && (!v || (v[0].as.integer == job->claim && strcmp(v[1].as.bytes, "done") == 0));
  shunt_rows_free(rows);
  return status;
}

static shunt_status write_failure(const shunt_job *job, job_store *store, const shunt_error *why, const char *text,
                                  bool dead, bool *completed) {
  int64_t affected = 0;
  write_failed(store, job, text, dead);
  shunt_status status = store_run_sql(store, NULL, &affected);
  if (!status && !affected && why->outcome == SHUNT_UNKNOWN) status = look_completed(job, store, completed);
  return status || affected || *completed ? status : lost(job, store->c.err);
}

/* On the worker's own session: the job's session may be broken. */
static shunt_status fail(shunt_job *job, const shunt_error *why, const char *text, bool dead, bool *completed,
                         shunt_error *err) {
  shunt_worker *w = job->worker;
  *completed = false;
  pthread_mutex_lock(&w->lock);
  job_store store;
  shunt_status status = store_enter(&store, w->session, 0, err);
  if (!status) status = write_failure(job, &store, why, text, dead, completed);
  pthread_mutex_unlock(&w->lock);
  job->ended =
      true; /* also if it could not be recorded: given back, the job would run again at once; so its lease runs out */
  if (!status) signal_raise();
  return status;
}

/* A deadlock that the wait graph found: the job needs what its waiter holds, so a retry would fail again. Conflicts
 * reported by an engine are others. */
static bool is_vain(const shunt_error *why) {
  return why->status == SHUNT_E_CONFLICT && !why->engine_code && !why->sqlstate[0];
}

#define FAILURE_FIELDS(job, why)                                                                                       \
  WORKER_RUN_FIELDS(job), {"duration_ms", shunt_integer(age_ms(job))},                                                 \
      {"file", event_text((why)->file[0] ? (why)->file : NULL)},                                                       \
      {"line", (why)->line ? shunt_integer((why)->line) : shunt_null()},                                               \
      {"outcome", event_text(shunt_outcome_name((why)->outcome))}, EVENT_ERROR(why)

static shunt_status record_failure(shunt_job *job, const shunt_error *why, const char *text, shunt_error *err) {
  const bool dead = job->failures >= job->retry || (job->awaited && is_vain(why));
  bool completed;
  shunt_status status = fail(job, why, text, dead, &completed, err);
  if (completed) return end_now(job, err);
  atomic_fetch_add(&job->worker->failed, 1);
  worker_tally(job->worker, job->info.queue, dead ? JOB_TALLY_DEAD : JOB_TALLY_FAILED);
  if (!status)
    events_emit(worker_events(job->worker), dead ? SHUNT_EVENT_JOB_DEAD : SHUNT_EVENT_JOB_FAILED,
                FAILURE_FIELDS(job, why));
  return status;
}

/* The handler asked for a name that is not known here, and the process that pushed the job knew other names. */
static bool is_for_others(const shunt_job *job, const shunt_error *why) {
  return why->status == SHUNT_E_NOT_FOUND && !why->engine_code && !why->sqlstate[0] && job->session &&
         envelope_is_foreign(&job->envelope, job->session->generation.catalog);
}

/* ---- released ---- */

/* The row says why, for those who list jobs. */
static shunt_status release(shunt_job *job, const char *why, shunt_error *err) {
  shunt_worker *w = job->worker;
  int64_t affected = 0;
  job_store store;
  pthread_mutex_lock(&w->lock);
  skips_add(&w->skips, &(skip){job->info.instance, job->info.name, job->alone ? job->info.id : 0},
            w->host.generation(w->host.app));
  w->outdated = true;
  shunt_status status = store_enter(&store, w->session, 0, err);
  if (!status)
    status = store_run(&store,
                       STORE_SQL("UPDATE shunt_jobs SET state = 'ready', due_at = 0, slot = NULL, error = ?" MINE,
                                 store_text(why), shunt_integer(job->info.id), shunt_integer(job->claim)),
                       NULL, &affected);
  pthread_mutex_unlock(&w->lock);
  job->ended = true; /* on failure its lease runs out */
  if (status) return status;
  signal_raise();
  return affected ? SHUNT_OK : lost(job, err);
}

static shunt_status record_release(shunt_job *job, const shunt_error *why, const char *text, shunt_error *err) {
  atomic_fetch_add(&job->worker->released, 1);
  worker_tally(job->worker, job->info.queue, JOB_TALLY_RELEASED);
  shunt_status status = release(job, text, err);
  if (!status) events_emit(worker_events(job->worker), SHUNT_EVENT_JOB_RELEASED, FAILURE_FIELDS(job, why));
  return status;
}

/* ---- failed or released ---- */

typedef shunt_status (*recorder)(shunt_job *job, const shunt_error *why, const char *text, shunt_error *err);

static shunt_status record(shunt_job *job, const shunt_error *why, recorder as, shunt_error *err) {
  char *text;
  if (check_job(job, err)) return SHUNT_E_USAGE;
  if (!why) return error_null(err, "why");
  shunt_status status = failure_write(why, &text, err);
  if (status) {
    job->ended = true; /* its lease runs out */
    return status;
  }
  if (job->session) propagation_end_all(job->session); /* it may have locked the job store */
  status = as(job, why, text, err);
  base_free(text);
  return status;
}

shunt_status shunt_job_failed(shunt_job *job, const shunt_error *why, shunt_error *err) {
  return record(job, why, job && why && is_for_others(job, why) ? record_release : record_failure, err);
}

shunt_status shunt_job_release(shunt_job *job, const shunt_error *why, shunt_error *err) {
  return record(job, why, record_release, err);
}

bool shunt_job_ended(const shunt_job *job) { return job && job->ended; }

/* ---- given back ---- */

static void give_back(shunt_job *job) {
  shunt_worker *w = job->worker;
  pthread_mutex_lock(&w->lock);
  job_store store;
  if (store_enter(&store, w->session, 0, NULL) == SHUNT_OK) {
    shunt_status status = store_run(
        &store, MINE_SQL(job, "UPDATE shunt_jobs SET state = 'ready', due_at = 0, slot = NULL" MINE), NULL, NULL);
    (void)status; /* on failure its lease runs out */
  }
  pthread_mutex_unlock(&w->lock);
  signal_raise();
}

static void forget_running(shunt_job *job) {
  shunt_worker *w = job->worker;
  pthread_mutex_lock(&w->lock);
  *(job->before ? &job->before->next : &w->running) = job->next;
  if (job->next) job->next->before = job->before;
  w->nrunning--;
  pthread_mutex_unlock(&w->lock);
}

void shunt_job_free(shunt_job *job) {
  if (!job || worker_check(job->worker, NULL)) return;
  if (job->session) wait_run_end(&job->session->party);
  shunt_session_close(job->session);
  forget_running(job);
  if (!job->ended) give_back(job);
  shunt_rows_free(job->row);
  shunt_rows_free(job->loaded);
  arena_free(&job->memory);
  base_free(job);
}
