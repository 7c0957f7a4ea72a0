/* The worker's thread: it renews leases, doubts those that have run out, compares clocks, deletes history, and listens
 * for jobs that other processes push. */
#define _GNU_SOURCE /* for pipe2 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/thread.h"
#include "jobs/worker.h"
#include "session/listen.h"

enum { RENEWALS = 3 /* within a lease */ };

static const int64_t LISTEN_AGAIN_NS = 5000000000, FORGET_AGAIN_NS = 10000000000, LOOK_AGAIN_NS = 5000000000;

/* ---- renewing ---- */

typedef struct lease {
  int64_t id, claim;
  char job[128]; /* its name, for events */
} lease;

static lease lease_of(const shunt_job *job) {
  lease l = {.id = job->info.id, .claim = job->claim};
  snprintf(l.job, sizeof l.job, "%s", job->info.name);
  return l;
}

/* *out is NULL if nothing runs, or when out of memory: then the next time is soon enough. */
static size_t held(shunt_worker *w, lease **out) {
  size_t n = 0;
  pthread_mutex_lock(&w->lock);
  *out = w->nrunning ? base_alloc(w->nrunning * sizeof **out) : NULL;
  for (const shunt_job *job = w->running; job && *out; job = job->next) (*out)[n++] = lease_of(job);
  pthread_mutex_unlock(&w->lock);
  return n;
}

/* A locked row is skipped: the job is about to end. */
static shunt_status renew(const shunt_worker *w, const lease *l, int64_t *renewed, shunt_error *err) {
  job_store store;
  shunt_status status = store_enter(&store, w->renewing, 0, err);
  if (status) return status;
  sql_puts(store.sql, "UPDATE shunt_jobs SET due_at = ");
  store_put_later(&store, w->lease_ms);
  sql_puts(store.sql, ", lost_by = NULL WHERE id = (SELECT j.id FROM shunt_jobs j WHERE j.id = ");
  store_put_integer(&store, l->id);
  sql_puts(store.sql, " AND j.claim = ");
  store_put_integer(&store, l->claim);
  sql_puts(store.sql, " AND j.state = 'running'");
  sql_puts(store.sql, store.dialect->locked);
  sql_puts(store.sql, ")");
  return store_run_sql(&store, NULL, renewed);
}

static bool renew_one(const shunt_worker *w, const lease *l) {
  shunt_error why;
  int64_t renewed = 0;
  shunt_status status = renew(w, l, &renewed, &why);
  if (status)
    events_emit(worker_events(w), SHUNT_EVENT_LEASE_FAILED, WORKER_JOB_FIELDS(l->job, l->id), EVENT_ERROR(&why));
  else if (renewed)
    events_emit(worker_events(w), SHUNT_EVENT_LEASE_RENEWED, WORKER_JOB_FIELDS(l->job, l->id));
  return !status;
}

/* A failure is tried again the next time. A job whose lease is lost fails when it ends. */
static void renew_all(shunt_worker *w) {
  lease *leases;
  size_t n = held(w, &leases);
  for (size_t i = 0; i < n && renew_one(w, &leases[i]); i++) continue;
  base_free(leases);
}

/* ---- leases that have run out ---- */

/* Other workers may have other leases than this one. */
static int64_t longest_lease_ms(const shunt_worker *w) {
  const int64_t common_ms = w->renewing->generation.catalog->settings.lease_ms;
  return w->lease_ms > common_ms ? w->lease_ms : common_ms;
}

/* @ stands for the queue's time (store_put). */
#define RUN_OUT                                                                                                        \
  " FROM shunt_jobs WHERE env = ? AND state = 'running' AND due_at <= @ AND (lost_by IS NULL OR lost_by <> "           \
  "coalesce(worker, ''))"

/* The queue's clock may have leapt, and the worker may live: it has half a lease more. It renews three times within a
 * lease, and so the doubt ends. Otherwise the lease runs out again, and then the job may be claimed. */
static void doubt(const shunt_worker *w) {
  job_store store;
  if (store_enter(&store, w->renewing, 0, NULL)) return;
  const shunt_value env = store_text(store.env),
                    params[] = {shunt_integer(longest_lease_ms(w) / 2), store_text(store.env)};
  store_put(&store, "SELECT id" RUN_OUT " LIMIT 1", &env, 1);
  if (!store_finds(&store)) return;
  store_put(&store,
            "UPDATE shunt_jobs SET lost_by = coalesce(worker, ''), due_at = @ + ? WHERE id IN (SELECT id" RUN_OUT,
            params, sizeof params / sizeof *params);
  sql_puts(store.sql, store.dialect->locked);
  sql_puts(store.sql, ")");
  shunt_status status = store_run_sql(&store, NULL, NULL);
  (void)status; /* the next look does it */
}

/* ---- history ---- */

/* Results that callers wait for stay. A failure is tried again the next time. */
static void forget_old(shunt_worker *w) {
  const int64_t keep_ms = w->renewing->generation.catalog->settings.keep_ms;
  job_store store;
  if (!keep_ms) return;
  leap_look(w); /* just before, as what is deleted does not come back */
  if (leap_is_recent(&w->leap) || store_enter(&store, w->renewing, 0, NULL)) return;
  const shunt_value params[] = {store_text(store.env), shunt_integer(keep_ms)};
  store_put(&store, "DELETE FROM shunt_jobs WHERE state = 'done' AND awaited <= 0 AND env = ? AND finished_at <= @ - ?",
            params, sizeof params / sizeof *params);
  shunt_status status = store_run_sql(&store, NULL, NULL);
  (void)status;
}

/* ---- listening ---- */

typedef struct ear {
  listener *listener;
  int64_t again_ns; /* the next attempt */
  bool lost;        /* the loss was reported */
} ear;

/* Once per loss, not per attempt. */
static void report_lost(const shunt_worker *w, ear *e, const char *client, const shunt_error *why) {
  if (!e->lost)
    events_emit(worker_events(w), SHUNT_EVENT_LISTENER_LOST, {"client", event_text(client)}, EVENT_ERROR(why));
  e->lost = true;
}

static void report_open(const shunt_worker *w, ear *e, const char *client) {
  if (e->lost) events_emit(worker_events(w), SHUNT_EVENT_LISTENER_RECONNECTED, {"client", event_text(client)});
  e->lost = false;
}

static void open_ear(const shunt_worker *w, ear *e) {
  shunt_error why;
  if (e->listener || clock_monotonic_ns() < e->again_ns) return;
  e->again_ns = clock_monotonic_ns() + LISTEN_AGAIN_NS;
  job_store store;
  if (store_enter(&store, w->renewing, 0, NULL)) return;
  const cat_client *client = store.client;
  if (listener_open(client, STORE_CHANNEL, &e->listener, &why)) {
    report_lost(w, e, client->name, &why);
  } else if (e->listener) {
    report_open(w, e, client->name);
    signal_raise(); /* notifications were missed before: look now */
  }
}

static void sleep_until(const shunt_worker *w, int64_t until_ns) {
  struct pollfd wake = {.fd = w->wake[0], .events = POLLIN};
  int64_t left_ns = until_ns - clock_monotonic_ns();
  poll(&wake, 1, left_ns > 0 ? (int)(left_ns / NS_PER_MS) + 1 : 0);
}

static void listen_until(const shunt_worker *w, ear *e, int64_t until_ns) {
  bool heard = false;
  shunt_error why;
  open_ear(w, e);
  if (!e->listener) {
    sleep_until(w, until_ns < e->again_ns ? until_ns : e->again_ns);
  } else if (listener_wait(e->listener, w->wake[0], until_ns, &heard, &why)) {
    listener_close(e->listener);
    e->listener = NULL;
    report_lost(w, e, w->renewing->generation.catalog->jobs.client->name, &why);
  }
  if (heard) signal_raise();
}

/* ---- the thread ---- */

static bool is_over(const shunt_worker *w) {
  struct pollfd wake = {.fd = w->wake[0], .events = POLLIN};
  return poll(&wake, 1, 0) > 0;
}

/* Whether it is time; then the next time is `between` from now. */
static bool is_due(int64_t *next_ns, int64_t between_ns) {
  const int64_t now_ns = clock_monotonic_ns();
  if (now_ns < *next_ns) return false;
  *next_ns = now_ns + between_ns;
  return true;
}

static void *keep_leases(void *ud) {
  shunt_worker *w = ud;
  ear e = {.listener = NULL};
  const int64_t between_ns = w->lease_ms * NS_PER_MS / RENEWALS;
  const int64_t look_again_ns = between_ns < LOOK_AGAIN_NS ? between_ns : LOOK_AGAIN_NS;
  int64_t look_ns = clock_monotonic_ns(), forget_ns = look_ns, renew_ns = look_ns + between_ns;
  while (!is_over(w)) {
    const int64_t soon_ns = renew_ns < forget_ns ? renew_ns : forget_ns;
    listen_until(w, &e, look_ns < soon_ns ? look_ns : soon_ns);
    if (is_due(&look_ns, look_again_ns)) {
      leap_look(w);
      doubt(w);
    }
    if (is_due(&renew_ns, between_ns)) renew_all(w);
    if (is_due(&forget_ns, FORGET_AGAIN_NS)) forget_old(w);
  }
  listener_close(e.listener);
  return NULL;
}

shunt_status lease_start(shunt_worker *w, shunt_error *err) {
  if (pipe2(w->wake, O_CLOEXEC)) {
    w->wake[0] = w->wake[1] = -1;
    return error_set(err, SHUNT_E_INTERNAL, "no pipe could be made for a worker: there are too many open files");
  }
  w->has_thread = thread_start(&w->thread, 0, keep_leases, w) == 0;
  if (w->has_thread) return SHUNT_OK;
  return error_set(err, SHUNT_E_MEMORY, "no thread can be started for a worker: raise the limit on threads");
}

void lease_end(shunt_worker *w) {
  if (w->has_thread) {
    ssize_t n = write(w->wake[1], "", 1);
    (void)n;
    pthread_join(w->thread, NULL);
  }
  for (int i = 0; i < 2; i++)
    if (w->wake[i] >= 0) close(w->wake[i]);
}
