/* For: running jobs. A worker claims them and renews their leases; a job completes, fails or is given back.
 * Owner: a worker has two sessions of its own: one claims and ends jobs, under `lock`; with the other one its thread
 * renews leases. A job belongs to the caller of shunt_worker_next, and its session to the job. Use: worker_open(&host,
 * &options, &w, err), in the façade; shunt.h has the rest. */
#ifndef SHUNT_JOBS_WORKER_H
#define SHUNT_JOBS_WORKER_H

#include <pthread.h>

#include "base/process.h"
#include "jobs/envelope.h"
#include "jobs/leap.h"
#include "jobs/signal.h"
#include "jobs/skip.h"
#include "jobs/store.h"
#include "jobs/tally.h"

/* The application, and those of the façade's functions that a worker needs: the façade lies in a layer above. */
typedef struct worker_host {
  shunt_app *app;
  envelope_opener open;
  uint64_t (*generation)(const shunt_app *app);
} worker_host;

struct shunt_worker {
  worker_host host;
  unsigned process;        /* process_number(): it is of no use in any other */
  arena owned;             /* texts */
  shunt_worker_options of; /* copied: what it was opened for */
  const char *name;
  int64_t lease_ms;
  atomic_bool stopping;   /* nothing more is claimed */
  atomic_bool broken_off; /* and running jobs stop waiting for other jobs */
  atomic_llong completed, failed, released;
  pthread_mutex_t lock; /* of the next fields */
  skips skips;
  arena written;         /* of the SQL: */
  store_sql claim, peek; /* peek only looks whether there is a job to claim */
  bool outdated;         /* it has to be written again */
  shunt_session *session;
  bool idle;          /* the last claim found nothing */
  shunt_job *running; /* the jobs whose leases are renewed */
  size_t nrunning;
  /* of the thread */
  leap leap;
  shunt_session *renewing;
  int wake[2]; /* a pipe: a byte ends the thread */
  pthread_t thread;
  bool has_thread;
};

/* Fields of all events of a job. */
#define WORKER_JOB_FIELDS(name, id)                                                                                    \
  {"job", event_text(name)}, { "id", shunt_integer(id) }

/* And those of one of its runs. */
#define WORKER_RUN_FIELDS(job)                                                                                         \
  WORKER_JOB_FIELDS((job)->info.name, (job)->info.id), {"queue", event_text((job)->info.queue)},                       \
      {"instance", event_text((job)->info.instance)}, {                                                                \
    "attempt", shunt_integer((job)->info.attempt)                                                                      \
  }

/* Errors: USAGE, in the child of the process that opened it. */
static inline shunt_status worker_check(const shunt_worker *w, shunt_error *err) {
  if (w->process == process_number()) return SHUNT_OK;
  return error_set(
      err, SHUNT_E_USAGE,
      "this process was forked, and the worker belongs to the process before: open a worker here, and leave "
      "that one and its jobs alone");
}

static inline event_sink *worker_events(const shunt_worker *w) { return w->session->generation.events; }

static inline void worker_tally(const shunt_worker *w, const char *queue, job_tally_end end) {
  if (w->session->generation.jobs) job_tally_add(w->session->generation.jobs, queue, end);
}

struct shunt_job {
  shunt_job_info info; /* its texts belong to the row */
  shunt_worker *worker;
  shunt_session *session;   /* NULL once it is ended */
  shunt_rows *row, *loaded; /* of the claim, and of data that was too long for it */
  arena memory;             /* of the envelope */
  envelope envelope;
  const char *envelope_text;
  const char *unreadable; /* a column of the row that holds no text of a job; NULL: none */
  store_key key;          /* by which callers wait for it */
  int64_t claim;          /* the number of this claim: a later one is another worker's */
  int64_t claimed_ns;
  const char *lost_by; /* the worker whose lease on it ran out; NULL: it was ready */
  int format;
  int failures, lost, retry;
  int64_t backoff_ms;
  bool awaited;             /* when it was claimed, a caller waited for it */
  bool alone;               /* if it is released: others of its name and instance are not */
  bool ended;               /* its end is committed, or its lease is left to run out */
  shunt_job *next, *before; /* in worker->running */
};

shunt_status worker_open(const worker_host *host, const shunt_worker_options *options, shunt_worker **out,
                         shunt_error *err);

/* ---- claim.c ---- */

/* The columns that a claim gives back, in this order. */
enum claim_column {
  CLAIM_ID,
  CLAIM_NUMBER,
  CLAIM_FAILURES,
  CLAIM_LOST,
  CLAIM_RETRY,
  CLAIM_BACKOFF,
  CLAIM_TIMEOUT,
  CLAIM_AWAITED,
  CLAIM_FORMAT,
  CLAIM_NAME,
  CLAIM_QUEUE,
  CLAIM_INSTANCE,
  CLAIM_LOST_BY,
  CLAIM_ENVELOPE,
  CLAIM_DATA
};

/* *out is NULL, with SHUNT_OK, if there is nothing to claim. The job has no session yet. */
shunt_status claim_next(shunt_worker *w, shunt_job **out, shunt_error *err);

/* ---- open.c ---- */

/* Opens the job's session. If this process does not know its instance or datasource, or the job was
 * written by another version of shunt, it is released and freed. If its lease was lost too often, its row can't be
 * read, or its data can't be loaded, it has failed and is freed. CONFIG: the store has moved to another client; the job
 * is given back. MEMORY: its lease runs out, so that the next one is another job. */
shunt_status job_open(shunt_job *job, bool *started, shunt_error *err);

/* ---- lease.c ---- */

shunt_status lease_start(shunt_worker *w, shunt_error *err);
void lease_end(shunt_worker *w);

#endif
