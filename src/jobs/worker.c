#define _POSIX_C_SOURCE 200809L
#include "jobs/worker.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sized.h"

enum { LOOK_MS = 5000 /* limit for each statement of the worker itself: a server may hang */ };

static const int64_t SHORTEST_NAP_NS = 5000000, LONGEST_NAP_NS = 500000000;

/* ---- opening and closing ---- */

/* Unique among the workers of this process and of other hosts. */
static const char *make_name(arena *a) {
  static atomic_uint counter;
  char host[256];
  if (gethostname(host, sizeof host)) host[0] = 0;
  host[sizeof host - 1] = 0;
  return arena_printf(a, "%s:%ld:%u", host, (long)getpid(), atomic_fetch_add(&counter, 1) + 1);
}

/* A session above all levels of the host's sessions. It never moves to another generation. */
static shunt_status open_session(const shunt_worker *w, shunt_session **out, shunt_error *err) {
  const shunt_session_options options = {.timeout_ms = LOOK_MS};
  shunt_status status = w->host.open(w->host.app, &options, out, err);
  if (!status) session_raise(*out, store_own_level((*out)->generation.catalog));
  return status;
}

static shunt_status check(const shunt_worker_options *o, shunt_error *err) {
  if (o->lease_ms < 0 || o->lease_ms > CATALOG_LONGEST_LEASE_MS)
    return error_set(err, SHUNT_E_USAGE, "a worker's lease is 0 (the configuration's) or more, and 24h at most");
  for (size_t i = 0; i < o->nqueues; i++)
    if (!o->queues[i]) return error_set(err, SHUNT_E_USAGE, "a worker's queue has no name");
  for (size_t i = 0; i < o->njobs; i++)
    if (!o->jobs[i]) return error_set(err, SHUNT_E_USAGE, "a worker's job has no name");
  return SHUNT_OK;
}

/* NULL when out of memory. */
static const char *const *copy_list(arena *a, const char *const *from, size_t n) {
  const char **list = arena_array(a, const char *, n + 1);
  for (size_t i = 0; i < n && list; i++)
    if (!(list[i] = arena_strdup(a, from[i]))) return NULL;
  return list;
}

static bool copy_options(shunt_worker *w, const shunt_worker_options *o) {
  w->of = *o;
  w->of.queues = copy_list(&w->owned, o->queues, o->nqueues);
  w->of.jobs = copy_list(&w->owned, o->jobs, o->njobs);
  return w->of.queues && w->of.jobs;
}

static shunt_status fill(shunt_worker *w, const shunt_worker_options *o, shunt_error *err) {
  shunt_status status = open_session(w, &w->session, err);
  if (!status) status = open_session(w, &w->renewing, err);
  if (status) return status;
  w->lease_ms = o->lease_ms ? o->lease_ms : w->session->generation.catalog->settings.lease_ms;
  w->name = make_name(&w->owned);
  return w->name && copy_options(w, o) ? lease_start(w, err) : error_memory(err);
}

shunt_status worker_open(const worker_host *host, const shunt_worker_options *options, shunt_worker **out,
                         shunt_error *err) {
  shunt_worker_options room;
  options = SIZED(shunt_worker_options, options, &room, err);
  if (!options) return SHUNT_E_USAGE;
  shunt_status status = check(options, err);
  if (status) return status;
  shunt_worker *w = base_zalloc(sizeof *w);
  if (!w) return error_memory(err);
  w->host = *host;
  w->process = process_number();
  w->outdated = true;
  w->wake[0] = w->wake[1] = -1;
  atomic_init(&w->stopping, false);
  atomic_init(&w->broken_off, false);
  atomic_init(&w->completed, 0);
  atomic_init(&w->failed, 0);
  atomic_init(&w->released, 0);
  atomic_init(&w->leap.looked, false);
  pthread_mutex_init(&w->lock, NULL);
  status = fill(w, options, err);
  if (status) {
    shunt_worker_close(w);
    return status;
  }
  *out = w;
  return SHUNT_OK;
}

void shunt_worker_stop(shunt_worker *w) {
  if (!w) return;
  atomic_store(&w->stopping, true);
  signal_raise();
}

void shunt_worker_break_off(shunt_worker *w) {
  if (!w) return;
  atomic_store(&w->broken_off, true);
  shunt_worker_stop(w);
}

void shunt_worker_close(shunt_worker *w) {
  if (!w || worker_check(w, NULL)) return;
  lease_end(w);
  shunt_session_close(w->session);
  shunt_session_close(w->renewing);
  pthread_mutex_destroy(&w->lock);
  arena_free(&w->skips.memory);
  arena_free(&w->written);
  arena_free(&w->owned);
  base_free(w);
}

void shunt_worker_count(const shunt_worker *w, shunt_worker_counts *counts) {
  static const shunt_worker_counts none;
  if (!counts) return;
  *counts = none;
  if (!w) return;
  *counts = (shunt_worker_counts){.completed = atomic_load(&w->completed),
                                  .failed = atomic_load(&w->failed),
                                  .released = atomic_load(&w->released)};
}

/* ---- the next job ---- */

/* A job that can't be opened has failed; then the next one is claimed. */
static shunt_status next_started(shunt_worker *w, shunt_job **out, shunt_error *err) {
  shunt_status status;
  do {
    status = atomic_load(&w->stopping) ? SHUNT_OK : claim_next(w, out, err);
    if (status || !*out) return status;
    bool started;
    status = job_open(*out, &started, err);
    if (!started) *out = NULL;
  } while (!status && !*out);
  return status;
}

shunt_status shunt_worker_next(shunt_worker *w, int64_t wait_ms, shunt_job **job, shunt_error *err) {
  int64_t now_ns = clock_monotonic_ns(), nap_ns = SHORTEST_NAP_NS;
  int64_t end_ns = wait_ms < (INT64_MAX - now_ns) / NS_PER_MS ? now_ns + wait_ms * NS_PER_MS : INT64_MAX;
  if (!job) return error_null(err, "job");
  *job = NULL;
  if (!w) return error_null(err, "worker");
  if (worker_check(w, err)) return SHUNT_E_USAGE;
  for (;;) {
    uint64_t seen = signal_count();
    shunt_status status = next_started(w, job, err);
    now_ns = clock_monotonic_ns();
    if (status || *job || atomic_load(&w->stopping) || now_ns >= end_ns) return status;
    bool raised = signal_wait(seen, end_ns - now_ns < nap_ns ? end_ns : now_ns + nap_ns, &w->stopping);
    nap_ns = raised ? SHORTEST_NAP_NS : nap_ns < LONGEST_NAP_NS ? nap_ns * 2 : LONGEST_NAP_NS;
  }
}
