/* Waiting for the result of a job. It is in the job's row; the waiting caller holds no connection. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "jobs/envelope.h"
#include "jobs/failure.h"
#include "jobs/push.h"
#include "jobs/signal.h"
#include "pool/wait.h"
#include "session/outcome.h"
#include "session/visit.h"

static const int64_t SHORTEST_NAP_NS = 1000000, LONGEST_NAP_NS = 100000000, GIVE_UP_MS = 2000;

typedef struct waiter {
  job_store store;
  const char *job;
  int64_t id;
  store_key key;
  shunt_outcome known; /* of the job, which is pushed */
} waiter;

/* ---- waits that can't end ---- */

static shunt_status check(job_store *store, const char *job, shunt_error *err) {
  if (!store_in_transaction(store) && !envelope_has_locked(store->c.s, store->client)) return SHUNT_OK;
  error_set(
      err, SHUNT_E_CONFLICT,
      "no worker can see the job '%.64s' before the transaction on '%s', the client of the queues, has ended; push it "
      "without waiting, or wait outside of the transaction",
      job, store->client->name);
  error_client(err, store->client->name);
  return SHUNT_E_CONFLICT;
}

/* ---- one look ---- */

static shunt_status failed_as(waiter *w, const char *text, shunt_error *err) {
  shunt_error why;
  if (failure_read(text, &why, err)) return SHUNT_E_MEMORY;
  w->known = why.outcome;
  error_set(err, why.status, "job '%s' failed: %s", w->job, why.message);
  if (!err) return why.status;
  memcpy(why.message, err->message, sizeof why.message);
  *err = why;
  return why.status;
}

/* One caller less waits for the job. */
static void give_up(const waiter *w) {
  job_store store = w->store;
  call_set_deadline(&store.c, GIVE_UP_MS);
  store.c.err = NULL;
  shunt_status status = store_run(
      &store, STORE_SQL("UPDATE shunt_jobs SET awaited = awaited - 1 WHERE id = ?", shunt_integer(w->id)), NULL, NULL);
  if (!status && !store.c.s->generation.catalog->settings.keep_ms)
    status = store_run(
        &store,
        STORE_SQL("DELETE FROM shunt_jobs WHERE id = ? AND state = 'done' AND awaited <= 0", shunt_integer(w->id)),
        NULL, NULL);
  (void)status; /* a row that stays can be purged */
}

static shunt_status take(waiter *w, const shunt_value *cells, bool *ended, char **result, shunt_error *err) {
  bool done = strcmp(cells[0].as.bytes, "done") == 0, dead = strcmp(cells[0].as.bytes, "dead") == 0;
  *ended = done || dead;
  if (done) w->known = SHUNT_DONE;
  if (dead) return failed_as(w, cells[2].type == SHUNT_TEXT ? cells[2].as.bytes : "it has no error", err);
  if (!done) return SHUNT_OK;
  *result = base_strdup(cells[1].type == SHUNT_TEXT ? cells[1].as.bytes : "null");
  return *result ? SHUNT_OK : error_memory(err);
}

static shunt_status look(waiter *w, bool *ended, char **result, shunt_error *err) {
  shunt_rows *rows = rows_new();
  *ended = false;
  if (!rows) return error_memory(err);
  arena_reset(w->store.c.arena);
  shunt_status status =
      store_run(&w->store, STORE_SQL("SELECT state, result, error FROM shunt_jobs WHERE id = ?", shunt_integer(w->id)),
                rows, NULL);
  if (!status && rows->count)
    status = take(w, rows_row(rows, 0), ended, result, err);
  else if (!status)
    status = error_set(err, SHUNT_E_NOT_FOUND, "job '%s' (%lld) was purged before its result was read", w->job,
                       (long long)w->id);
  shunt_rows_free(rows);
  return status;
}

/* ---- until it has ended ---- */

static shunt_status late(const waiter *w, shunt_error *err) {
  return error_set(err, SHUNT_E_TIMEOUT, "job '%s' (%lld) did not end before the wait timed out; it goes on", w->job,
                   (long long)w->id);
}

static shunt_status broken_off(const waiter *w, shunt_error *err) {
  return error_set(
      err, SHUNT_E_TIMEOUT,
      "the wait for job '%s' (%lld) was given up, because the worker of the waiting job is being stopped; the "
      "job goes on",
      w->job, (long long)w->id);
}

/* Fails at once if the running job waits for what this session holds. */
static shunt_status nap(const waiter *w, uint64_t seen, int64_t until_ns, shunt_error *err) {
  char name[160];
  wait_edge edge;
  snprintf(name, sizeof name, "job '%.100s' %lld", w->job, (long long)w->id);
  shunt_status status = wait_job_begin(&edge, &w->store.c.s->party, w->key.text, name, err);
  if (status) return status;
  signal_wait(seen, until_ns, NULL);
  wait_end(&edge);
  return SHUNT_OK;
}

static shunt_status wait_for(waiter *w, char **result, shunt_error *err) {
  int64_t deadline_ns = w->store.c.deadline_ns, nap_ns = SHORTEST_NAP_NS;
  const atomic_bool *over = w->store.c.s->job.broken_off;
  for (;;) {
    bool ended;
    uint64_t seen = signal_count();
    shunt_status status = look(w, &ended, result, err);
    if (status == SHUNT_E_TIMEOUT && !ended) return late(w, err);
    if (status || ended) return status;
    int64_t until_ns = clock_monotonic_ns() + nap_ns;
    status = nap(w, seen, deadline_ns && deadline_ns < until_ns ? deadline_ns : until_ns, err);
    if (status) return status;
    if (deadline_ns && clock_monotonic_ns() >= deadline_ns) return late(w, err);
    if (over && atomic_load(over)) return broken_off(w, err);
    if (nap_ns < LONGEST_NAP_NS) nap_ns *= 2;
  }
}

shunt_status shunt_push_wait(shunt_session *s, const char *job, const char *data_json,
                             const shunt_push_options *options, char **result_json, shunt_error *err) {
  push p = {.job = job, .data = data_json, .awaited = true};
  const int64_t timeout_ms = options ? options->wait_ms : 0;
  VISIT(v);
  waiter w = {.job = job, .known = SHUNT_UNKNOWN};
  if (!result_json) return error_null(err, "result_json");
  *result_json = NULL;
  if (timeout_ms < 0) return error_set(err, SHUNT_E_USAGE, "a timeout is 0 (the session's) or more");
  shunt_status status = visit_begin(&v, s, err);
  if (!status) status = store_enter(&w.store, s, timeout_ms, err);
  if (status) return status;
  status = push_make(&p, s, options, err);
  if (!status) status = check(&w.store, job, err);
  if (!status) status = push_send(&w.store, &p, &w.id);
  push_free(&p);
  if (status) return outcome_end(&w.store.c, status);
  w.key = store_key_of(w.store.client, w.id);
  status = wait_for(&w, result_json, err);
  if (status && err) err->outcome = w.known;
  give_up(&w);
  return status;
}
