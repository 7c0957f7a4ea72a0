/* A running job, and its three ways to end: done, failed, given back. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "jobs/failure.h"
#include "jobs/worker.h"
#include "pool/jitter.h"
#include "pool/wait.h"
#include "session/propagation.h"
#include "session/transaction.h"

enum { MOST_LOST = 20, MOST_DOUBLED = 20 };

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

const shunt_job_info *shunt_job_of(const shunt_job *job) { return &job->info; }
shunt_session *shunt_job_session(shunt_job *job) { return job->session; }

static shunt_status lost(const shunt_job *job, shunt_error *err) {
  events_emit(worker_events(job->worker), SHUNT_EVENT_LEASE_LOST, WORKER_JOB_FIELDS(job->info.name, job->info.id));
  return error_set(
      err, SHUNT_E_CONFLICT,
      "job '%s' (%lld) was claimed by another worker or purged, because its lease ran out; roll back what it did",
      job->info.name, (long long)job->info.id);
}

/* The job was found there: the tables exist. */
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
  shunt_status status = enter(&store, job, err);
  if (status) return status;
  const transaction *t = transaction_find(job->session, store.client, store.level);
  return t && t->isolation && !t->read_only && store.dialect->parallel ? lock_row(job, &store) : SHUNT_OK;
}

/* ---- done ---- */

/* If no caller waits for the result, the row is deleted. */
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

static shunt_status end_now(void *ud, shunt_error *err) {
  shunt_job *job = ud;
  (void)err;
  job->ended = true;
  signal_raise();
  return SHUNT_OK;
}

static shunt_status complete_in(shunt_job *job, job_store *store, const char *result) {
  int64_t affected = 0;
  shunt_status status = SHUNT_OK;
  if (!job->awaited) status = forget(job, store, &affected);
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
  return status ? status : complete_in(c->job, &store, c->result);
}

static shunt_status complete_after_commit(shunt_job *job, const char *result, shunt_error *err) {
  size_t size = strlen(result) + 1;
  completion *c = base_alloc(sizeof *c + size);
  if (!c) return error_memory(err);
  c->job = job;
  memcpy(c->result, result, size);
  return shunt_on_all_commit(job->session, complete_later, c, base_free, err);
}

shunt_status shunt_job_complete(shunt_job *job, const char *result_json, shunt_error *err) {
  const char *result = result_json ? result_json : "null";
  job_store store;
  shunt_status status = enter(&store, job, err);
  if (status) return status;
  bool later = session_in_transaction(job->session) && !store_in_transaction(&store);
  return later ? complete_after_commit(job, result, err) : complete_in(job, &store, result);
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
  sql_puts(sql, "UPDATE shunt_jobs SET failures = failures + 1, slot = NULL, error = ");
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

/* On the worker's own session: the job's session may be broken. */
static shunt_status fail(shunt_job *job, const char *why, bool dead, shunt_error *err) {
  shunt_worker *w = job->worker;
  int64_t affected = 0;
  pthread_mutex_lock(&w->lock);
  job_store store;
  shunt_status status = store_enter(&store, w->session, 0, err);
  if (!status) {
    write_failed(&store, job, why, dead);
    status = store_run_sql(&store, NULL, &affected);
  }
  pthread_mutex_unlock(&w->lock);
  job->ended =
      true; /* also if it could not be recorded: given back, the job would run again at once; so its lease runs out */
  if (status) return status;
  signal_raise();
  return affected ? SHUNT_OK : lost(job, err);
}

/* A deadlock that the wait graph found: the job needs what its waiter holds, so a retry would fail again. Conflicts
 * reported by an engine are others. */
static bool is_vain(const shunt_error *why) {
  return why->status == SHUNT_E_CONFLICT && !why->engine_code && !why->sqlstate[0];
}

static void report_failed(const shunt_job *job, const shunt_error *why, bool dead) {
  events_emit(worker_events(job->worker), dead ? SHUNT_EVENT_JOB_DEAD : SHUNT_EVENT_JOB_FAILED,
              WORKER_JOB_FIELDS(job->info.name, job->info.id), {"queue", event_text(job->info.queue)},
              {"attempt", shunt_integer(job->info.attempt)}, EVENT_ERROR(why));
}

shunt_status shunt_job_failed(shunt_job *job, const shunt_error *why, shunt_error *err) {
  char *text;
  shunt_status status = failure_write(why, &text, err);
  if (status) return status;
  if (job->session) propagation_end_all(job->session); /* it may have locked the job store */
  const bool dead = job->failures >= job->retry || (job->awaited && is_vain(why));
  status = fail(job, text, dead, err);
  base_free(text);
  if (!status) report_failed(job, why, dead);
  return status;
}

bool shunt_job_ended(const shunt_job *job) { return job->ended; }

/* ---- given back ---- */

static void give_back(shunt_job *job) {
  shunt_worker *w = job->worker;
  pthread_mutex_lock(&w->lock);
  job_store store;
  if (store_enter(&store, w->session, 0, NULL) == SHUNT_OK) {
    shunt_status status = store_run(
        &store, MINE_SQL(job, "UPDATE shunt_jobs SET state = 'ready', due_at = run_at, slot = NULL" MINE), NULL, NULL);
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
  if (!job) return;
  if (job->session) wait_run_end(&job->session->party);
  shunt_session_close(job->session);
  forget_running(job);
  if (!job->ended) give_back(job);
  shunt_rows_free(job->row);
  base_free(job);
}

/* ---- starting ---- */

/* The name of the job for those who wait for it, or for what it holds. */
static void name_party(shunt_job *job) {
  shunt_session *s = job->session;
  s->job.name = s->party.job = job->info.name;
  s->party.number = (uint64_t)job->info.id;
  job->key = store_key_of(s->generation.catalog->jobs.client, job->info.id);
  wait_run_begin(&s->party, job->key.text);
}

/* The job completes in the store of the newest generation; the worker stays with the store that it began with. */
static shunt_status check_queue(const shunt_job *job, shunt_error *err) {
  const cat_client *here = job->worker->session->generation.catalog->jobs.client,
                   *there = job->session->generation.catalog->jobs.client;
  if (strcmp(here->name, there->name) == 0 && here->engine == there->engine &&
      (!here->filename || strcmp(here->filename, there->filename) == 0))
    return SHUNT_OK;
  return error_set(err, SHUNT_E_CONFIG,
                   "the worker takes jobs from '%s', and after a reload they are kept on '%s': restart the worker",
                   here->name, there->name);
}

shunt_status job_open(shunt_job *job, bool *started, shunt_error *err) {
  shunt_error why;
  shunt_worker *w = job->worker;
  if (job->lost < MOST_LOST) {
    *started = !envelope_open(w->open, w->app, rows_row(job->row, 0)[4].as.bytes, &job->session, &why);
  } else {
    *started = false;
    error_set(&why, SHUNT_E_TIMEOUT, "its lease ran out %d times: each time the worker was gone, or hung", job->lost);
    job->retry = job->failures;
  }
  if (*started) {
    name_party(job);
    job->session->job.broken_off = &w->broken_off;
    shunt_status status = check_queue(job, err);
    if (status) shunt_job_free(job);
    *started = !status;
    return status;
  }
  /* a lack of memory on this host is not the job's failure */
  shunt_status status = why.status == SHUNT_E_MEMORY ? error_memory(err) : shunt_job_failed(job, &why, err);
  shunt_job_free(job);
  return status == SHUNT_E_CONFLICT ? SHUNT_OK : status;
}
