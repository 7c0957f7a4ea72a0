/* For: running jobs. A worker claims them and renews their leases; a job completes, fails or is given back.
 * Owner: a worker has two sessions of its own: one claims and ends jobs, under `lock`; with the other one its thread
 * renews leases. A job belongs to the caller of shunt_worker_next, and its session to the job. Use: worker_open(app,
 * shunt_session_open, &options, &w, err), in the façade; shunt.h has the rest. */
#ifndef SHUNT_JOBS_WORKER_H
#define SHUNT_JOBS_WORKER_H

#include <pthread.h>

#include "jobs/envelope.h"
#include "jobs/signal.h"
#include "jobs/store.h"

struct shunt_worker {
  shunt_app *app;
  envelope_opener open;
  arena owned; /* texts */
  const char *name;
  int64_t lease_ms;
  store_sql claim, peek;  /* peek only looks whether there is a job to claim */
  atomic_bool stopping;   /* nothing more is claimed */
  atomic_bool broken_off; /* and running jobs stop waiting for other jobs */
  pthread_mutex_t lock;   /* of the next four fields */
  shunt_session *session;
  bool idle;          /* the last claim found nothing */
  shunt_job *running; /* the jobs whose leases are renewed */
  size_t nrunning;
  /* of the thread */
  shunt_session *renewing;
  int wake[2]; /* a pipe: a byte ends the thread */
  pthread_t thread;
  bool has_thread;
};

/* Fields of all events of a job. */
#define WORKER_JOB_FIELDS(name, id)                                                                                    \
  {"job", event_text(name)}, { "id", shunt_integer(id) }

static inline event_sink *worker_events(const shunt_worker *w) { return w->session->generation.events; }

struct shunt_job {
  shunt_job_info info; /* its texts belong to the row */
  shunt_worker *worker;
  shunt_session *session; /* NULL once it is ended */
  shunt_rows *row;
  store_key key; /* by which callers wait for it */
  int64_t claim; /* the number of this claim: a later one is another worker's */
  int failures, lost, retry;
  int64_t backoff_ms;
  bool awaited;             /* when it was claimed, a caller waited for it */
  bool ended;               /* its end is committed, or its lease is left to run out */
  shunt_job *next, *before; /* in worker->running */
};

shunt_status worker_open(shunt_app *app, envelope_opener open, const shunt_worker_options *options, shunt_worker **out,
                         shunt_error *err);

/* ---- claim.c ---- */

/* Writes the worker's SQL. Errors: MEMORY. */
shunt_status claim_prepare(shunt_worker *w, const shunt_worker_options *options, shunt_error *err);
/* *out is NULL, with SHUNT_OK, if there is nothing to claim. The job has no session yet. */
shunt_status claim_next(shunt_worker *w, shunt_job **out, shunt_error *err);

/* ---- job.c ---- */

/* Opens the job's session. If that fails, or its lease was lost too often, the job has failed and is freed. CONFIG: the
 * store has moved to another client; the job is given back. */
shunt_status job_open(shunt_job *job, bool *started, shunt_error *err);

/* ---- lease.c ---- */

shunt_status lease_start(shunt_worker *w, shunt_error *err);
void lease_end(shunt_worker *w);

#endif
