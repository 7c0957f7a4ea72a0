/* For: running jobs: a worker claims them and keeps their leases; a job knows how to end.
 * Owner: a worker has two sessions of its own, one to look for jobs and end them with (under `lock`), one with which
 * its thread renews leases; a job belongs to who was given it, and its session to the job. Use: worker_open(app,
 * shunt_session_open, &options, &w, err), which the façade does; the rest is in shunt.h. */
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
  atomic_bool broken_off; /* and what runs waits for no other job any more */
  pthread_mutex_t lock;   /* of what follows */
  shunt_session *session;
  bool idle;          /* there was nothing to claim the last time */
  shunt_job *running; /* those whose leases are renewed */
  size_t nrunning;
  /* the thread's */
  shunt_session *renewing;
  int wake[2]; /* a pipe; what can be read from it ends the thread */
  pthread_t thread;
  bool has_thread;
};

/* What the events of a job tell of it. */
#define WORKER_JOB_FIELDS(name, id)                                                                                    \
  {"job", event_text(name)}, { "id", shunt_integer(id) }

static inline event_sink *worker_events(const shunt_worker *w) { return w->session->home.events; }

struct shunt_job {
  shunt_job_info info; /* its texts are the row's */
  shunt_worker *worker;
  shunt_session *session; /* NULL once it is ended */
  shunt_rows *row;
  store_key key; /* of who waits for it */
  int64_t claim; /* tells it from whoever has it after its lease ran out */
  int failures, lost, retry;
  int64_t backoff_ms;
  bool awaited;             /* when it was claimed */
  bool ended;               /* the row says so for good, or its lease is to run out */
  shunt_job *next, *before; /* in worker->running */
};

shunt_status worker_open(shunt_app *app, envelope_opener open, const shunt_worker_options *options, shunt_worker **out,
                         shunt_error *err);

/* ---- claim.c ---- */

/* Writes the worker's SQL. Errors: MEMORY. */
shunt_status claim_prepare(shunt_worker *w, const shunt_worker_options *options, shunt_error *err);
/* *out is NULL, with SHUNT_OK, where there is nothing to claim. It has no session yet. */
shunt_status claim_next(shunt_worker *w, shunt_job **out, shunt_error *err);

/* ---- job.c ---- */

/* Opens its session; where that can't be, or its lease was lost too often, it has failed, and is freed. CONFIG: it is
 * given back, for the queue has moved. */
shunt_status job_open(shunt_job *job, bool *started, shunt_error *err);

/* ---- lease.c ---- */

shunt_status lease_start(shunt_worker *w, shunt_error *err);
void lease_end(shunt_worker *w);

#endif
