#include "jobs/leap.h"

#include "base/clock.h"
#include "jobs/worker.h"

/* Clocks are corrected in smaller steps now and then. */
#define STEP_MS 2000

static const int64_t RECENT_NS = 600 * NS_PER_S;

bool leap_is_recent(const leap *l) { return l->last_ns && clock_monotonic_ns() - l->last_ns < RECENT_NS; }

/* ---- mending ---- */

/* @ stands for the queue's time (store_put). A row of the future was written before the clock went back. */
#define IS_FUTURE(column) column " > @ + " STORE_TEXT_OF(STEP_MS)
#define LATER "@ + run_at - CASE WHEN " IS_FUTURE("started_at") " THEN started_at ELSE created_at END"
#define NOT_FUTURE(column) column " = CASE WHEN " column " > @ THEN @ ELSE " column " END"

static void put(job_store *store, const char *text) { store_put(store, text, NULL, 0); }

static void put_future(job_store *store) {
  put(store, " FROM shunt_jobs WHERE env = ");
  store_put_text(store, store->env);
  put(store, " AND (" IS_FUTURE("created_at") " OR " IS_FUTURE("started_at") " OR " IS_FUTURE("finished_at") ")");
}

/* The lease of a running job begins anew: its worker renews it if it lives. */
static void put_mended(job_store *store, int64_t lease_ms) {
  put(store, "UPDATE shunt_jobs SET due_at = CASE WHEN due_at <= @ THEN due_at WHEN state = 'running' THEN ");
  store_put_later(store, lease_ms);
  put(store, " WHEN state = 'ready' THEN " LATER " END, run_at = CASE WHEN run_at <= @ THEN run_at WHEN state = 'ready'"
             " THEN " LATER " ELSE @ END");
  put(store, ", " NOT_FUTURE("created_at") ", " NOT_FUTURE("started_at") ", " NOT_FUTURE("finished_at"));
  put(store, " WHERE id IN (SELECT id");
  put_future(store);
  put(store, store->dialect->locked);
  put(store, ")");
}

static void mend(const shunt_worker *w) {
  job_store store;
  if (store_enter(&store, w->renewing, 0, NULL)) return;
  put(&store, "SELECT id");
  put_future(&store);
  put(&store, " LIMIT 1");
  if (!store_finds(&store)) return;
  put_mended(&store, w->lease_ms);
  shunt_status status = store_run_sql(&store, NULL, NULL);
  (void)status; /* the next worker that starts does it */
}

/* ---- looking ---- */

/* The clock showed now_ms at a moment between two readings of the monotonic clock. Returns by how much it has leapt. */
static int64_t compare(leap_clock *c, int64_t now_ms, int64_t before_ns, int64_t after_ns) {
  const leap_clock was = *c;
  *c =
      (leap_clock){.least_ms = now_ms - after_ns / NS_PER_MS, .most_ms = now_ms - before_ns / NS_PER_MS, .known = true};
  if (!was.known) return 0;
  if (c->least_ms > was.most_ms + STEP_MS) return c->least_ms - was.most_ms;
  if (c->most_ms < was.least_ms - STEP_MS) return c->most_ms - was.least_ms;
  return 0;
}

static void report(shunt_worker *w, const char *client, int64_t by_ms) {
  w->leap.last_ns = clock_monotonic_ns();
  events_emit(worker_events(w), SHUNT_EVENT_CLOCK_LEAPT, {"client", event_text(client)},
              {"seconds", shunt_integer(by_ms / 1000)});
}

/* Without a server, the queue's clock is the host's. */
static void look_at_host(shunt_worker *w) {
  const int64_t before_ns = clock_monotonic_ns(), now_ms = clock_real_ms();
  const int64_t by_ms = compare(&w->leap.host, now_ms, before_ns, clock_monotonic_ns());
  const cat_client *client = w->renewing->generation.catalog->jobs.client;
  if (by_ms && driver_for(client->engine)->queue->parallel) report(w, NULL, by_ms);
}

static void look_at_queue(shunt_worker *w) {
  int64_t now_ms;
  const int64_t before_ns = clock_monotonic_ns();
  if (store_now(w->renewing, &now_ms, NULL)) return;
  const int64_t by_ms = compare(&w->leap.queue, now_ms, before_ns, clock_monotonic_ns());
  if (by_ms) report(w, w->renewing->generation.catalog->jobs.client->name, by_ms);
  if (by_ms < 0 || !atomic_load(&w->leap.looked)) mend(w);
  atomic_store(&w->leap.looked, true);
}

void leap_look(shunt_worker *w) {
  look_at_host(w);
  look_at_queue(w);
}
