/* Clocks that leap, by an hour and by a day, forward and back: leases, delays, back-offs, history and schedules. On
 * SQLite the queue's clock is the one of this process; on PostgreSQL a function of that name stands before the
 * server's. */
#define _DEFAULT_SOURCE
#include <stdatomic.h>

#include "jobs/worker.h"
#include "support/leap.h"
#include "unit/jobs/yard.h"
#include "unit/watchdog.h"

#define BEGIN                                                                                                          \
  yard *y = yard_of(state);                                                                                            \
  if (!y) skip();                                                                                                      \
  begin(y)

enum { LEASE_MS = 600, PATIENCE = 1000 /* times 10 ms */ };

static const int64_t HOUR_MS = 3600000, DAY_MS = 86400000;
static const int64_t leaps[] = {3600000, -3600000, 86400000, -86400000};
enum { NLEAPS = sizeof leaps / sizeof *leaps };

/* ---- the queue's clock ---- */

static void reopen(yard *y, const char *overlay) {
  char name[64];
  yard_close(y);
  snprintf(name, sizeof name, "shunt.%s.yaml", y->env);
  yard_write(y, name, overlay);
  yard_open(y);
}

static void begin(yard *y) {
  if (y->kind != YARD_PG) {
    reopen(y, "jobs: {lease: 1s}\n");
    return;
  }
  yard_sql(y, "DROP SCHEMA IF EXISTS shunt_leap CASCADE");
  yard_sql(y, "CREATE SCHEMA shunt_leap");
  yard_sql(y, "CREATE TABLE shunt_leap.off (by interval NOT NULL)");
  yard_sql(y, "INSERT INTO shunt_leap.off VALUES ('0')");
  yard_sql(y, "CREATE FUNCTION shunt_leap.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT "
              "pg_catalog.statement_timestamp() + by FROM shunt_leap.off'");
  reopen(y, "jobs: {lease: 1s}\n"
            "database: {clients: {far: {connection: {options: \"-csearch_path=shunt_leap,pg_catalog\"}}}}\n");
}

static void leap_queue(yard *y, int64_t off_ms) {
  char sql[128];
  if (y->kind != YARD_PG) {
    leap_to(off_ms);
    return;
  }
  snprintf(sql, sizeof sql, "UPDATE shunt_leap.off SET by = '%lld ms'", (long long)off_ms);
  yard_sql(y, sql);
}

static int teardown(void **state) {
  leap_to(0);
  return yard_teardown(state);
}

/* ---- events ---- */

static atomic_int nleaps;
static _Atomic int64_t leapt_s;

static void note(void *ud, const shunt_event *event) {
  (void)ud;
  if (event->kind != SHUNT_EVENT_CLOCK_LEAPT) return;
  atomic_store(&leapt_s, shunt_event_field(event, "seconds")->as.integer);
  atomic_fetch_add(&nleaps, 1);
}

static void wait_for_leap(int before) {
  for (int i = 0; i < PATIENCE && atomic_load(&nleaps) == before; i++) usleep(10000);
  if (atomic_load(&nleaps) == before) fail_msg("the worker has not seen the leap");
}

/* The worker has compared the clocks at least once. */
static void wait_for_look(const shunt_worker *w) {
  for (int i = 0; i < PATIENCE && !atomic_load(&w->leap.looked); i++) usleep(10000);
  assert_true(atomic_load(&w->leap.looked));
}

static void leap_and_wait(yard *y, int64_t off_ms) {
  const int before = atomic_load(&nleaps);
  leap_queue(y, off_ms);
  wait_for_leap(before);
}

static void short_leases(yard *y) {
  shunt_worker_close(y->worker);
  y->worker = yard_worker(y, LEASE_MS);
  shunt_events(y->app, SHUNT_WARNING, note, NULL);
  wait_for_look(y->worker);
}

static shunt_job *next_of(yard *y, shunt_worker *w, int64_t wait_ms) {
  shunt_job *job = NULL;
  yard_fine(y, shunt_worker_next(w, wait_ms, &job, &y->err));
  return job;
}

/* ---- leaps ---- */

static void is_an_event_with_its_length(void **state) {
  BEGIN;
  short_leases(y);
  int64_t off_ms = 0;
  for (int i = 0; i < NLEAPS; i++) {
    leap_and_wait(y, leaps[i]);
    const int64_t by_s = (leaps[i] - off_ms) / 1000;
    assert_in_range(atomic_load(&leapt_s) - by_s + 5, 0, 10);
    off_ms = leaps[i];
  }
}

/* ---- leases ---- */

/* Of jobs that run elsewhere, for some leases. */
static void assert_takes_none(yard *y, shunt_worker *w) {
  for (int look = 0; look < 3 * LEASE_MS / 10; look++) {
    if (next_of(y, w, 0)) fail_msg("the job was taken over");
    usleep(10000);
  }
}

/* The second leap finds a lease that was doubted, and renewed. */
static void steals_no_job_of_a_worker_that_lives(void **state) {
  BEGIN;
  short_leases(y);
  shunt_worker *other = yard_worker(y, LEASE_MS);
  wait_for_look(other);
  for (int i = 0; i < NLEAPS; i++) {
    yard_push(y, "long", NULL, NULL);
    shunt_job *job = yard_next(y);
    leap_queue(y, leaps[i]);
    assert_takes_none(y, other);
    leap_queue(y, leaps[i] + DAY_MS);
    assert_takes_none(y, other);
    yard_complete(y, job, NULL);
  }
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s'"), 0);
  shunt_worker_close(other);
}

/* It renews nothing and sees no leap any more. */
static void end_thread(shunt_worker *w) {
  lease_end(w);
  w->has_thread = false;
  w->wake[0] = w->wake[1] = -1;
}

static void takes_over_what_a_dead_worker_held_within_some_leases(void **state) {
  BEGIN;
  short_leases(y);
  for (int i = 0; i < NLEAPS; i++) {
    shunt_worker *dead = yard_worker(y, LEASE_MS);
    int64_t id = yard_push(y, "lost", NULL, NULL);
    shunt_job *lost = next_of(y, dead, YARD_SOON_MS);
    assert_non_null(lost);
    end_thread(dead);
    leap_queue(y, leaps[i]);
    shunt_job *job = next_of(y, y->worker, 20 * LEASE_MS);
    if (!job) fail_msg("leap %d: the job is held", i);
    assert_int_equal(shunt_job_of(job)->id, id);
    assert_int_equal(shunt_job_of(job)->attempt, 2);
    yard_complete(y, job, NULL);
    lost->ended = true;
    shunt_job_free(lost);
    shunt_worker_close(dead);
  }
}

/* ---- delays ---- */

/* Even if no worker sees the leap. */
static void holds_no_job_that_is_due_at_once(void **state) {
  BEGIN;
  short_leases(y);
  end_thread(y->worker);
  for (int i = 0; i < NLEAPS; i++) {
    yard_push(y, "given back", NULL, NULL);
    shunt_job_free(yard_next(y));
    yard_push(y, "dead", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY, .priority = -1});
    yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
    yard_fine(y, shunt_jobs_retry(y->session, NULL, NULL, &y->err));
    yard_push(y, "now", NULL, NULL);
    leap_queue(y, leaps[i]);
    for (int n = 0; n < 3; n++) yard_complete(y, yard_next(y), NULL);
  }
}

static void counts_a_delay_and_a_back_off_from_a_leap_back(void **state) {
  BEGIN;
  short_leases(y);
  int64_t off_ms = 0;
  for (int i = 0; i < NLEAPS; i++) {
    const shunt_push_options later = {.delay_ms = 300}, again = {.backoff_ms = 300};
    yard_push(y, "fails", NULL, &again);
    yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
    yard_push(y, "later", NULL, &later);
    const bool back = leaps[i] < off_ms;
    if (back)
      leap_and_wait(y, leaps[i]);
    else
      leap_queue(y, leaps[i]);
    off_ms = leaps[i];
    for (int n = 0; n < 2; n++) yard_complete(y, yard_next(y), NULL);
  }
}

/* No worker was there to see it. */
static void mends_a_queue_when_a_worker_starts(void **state) {
  BEGIN;
  shunt_worker_close(y->worker);
  y->worker = NULL;
  leap_queue(y, DAY_MS);
  yard_push(y, "later", NULL, &(shunt_push_options){.delay_ms = 300});
  leap_queue(y, 0);
  y->worker = yard_worker(y, LEASE_MS);
  yard_complete(y, yard_next(y), NULL);
}

/* ---- history ---- */

static void keeps_history_for_a_while_after_a_leap(void **state) {
  BEGIN;
  if (y->kind == YARD_PG) skip(); /* its overlay says where the tables are */
  reopen(y, "jobs: {lease: 1s, keep: 1h}\n");
  short_leases(y);
  yard_push(y, "done", NULL, NULL);
  yard_complete(y, yard_next(y), NULL);
  leap_and_wait(y, HOUR_MS * 2);
  sleep(11); /* a worker deletes old history every ten seconds */
  leap_and_wait(y, 0);
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'done'"), 1);
}

/* ---- schedules ---- */

static bool is_mine(yard *y, int64_t minute_ms) {
  bool mine;
  yard_fine(y, shunt_schedule_due(y->session, "s", NULL, minute_ms, &mine, &y->err));
  return mine;
}

static int64_t minute_of_queue(yard *y) {
  int64_t now_ms;
  yard_fine(y, shunt_queue_time(y->session, &now_ms, &y->err));
  return now_ms / 60000 * 60000;
}

static void gives_no_minute_ahead_of_the_queue(void **state) {
  BEGIN;
  bool mine;
  const int64_t minute_ms = minute_of_queue(y);
  for (int i = 0; i < NLEAPS; i++) {
    if (leaps[i] < 0) continue;
    yard_fails(y, shunt_schedule_due(y->session, "s", NULL, minute_ms + leaps[i], &mine, &y->err), SHUNT_E_USAGE,
               "ahead of the queue's clock");
    assert_false(mine);
  }
  assert_true(is_mine(y, minute_ms));
  assert_false(is_mine(y, minute_ms));
}

static void goes_on_after_a_leap_and_gives_each_minute_once(void **state) {
  BEGIN;
  assert_true(is_mine(y, minute_of_queue(y)));
  for (int i = 0; i < NLEAPS; i++) {
    leap_queue(y, leaps[i]);
    const int64_t minute_ms = minute_of_queue(y);
    assert_true(is_mine(y, minute_ms));
    assert_false(is_mine(y, minute_ms));
    assert_true(is_mine(y, minute_ms + 60000));
    assert_false(is_mine(y, minute_ms));
  }
}

#define leap_tests(name)                                                                                               \
  {#name " (the queue's own file)", name, yard_own, teardown, NULL}, {                                                 \
#name " (PostgreSQL)", name, yard_pg, teardown, NULL                                                               \
  }

int main(void) {
  const struct CMUnitTest tests[] = {
      leap_tests(is_an_event_with_its_length),
      leap_tests(steals_no_job_of_a_worker_that_lives),
      leap_tests(takes_over_what_a_dead_worker_held_within_some_leases),
      leap_tests(holds_no_job_that_is_due_at_once),
      leap_tests(counts_a_delay_and_a_back_off_from_a_leap_back),
      leap_tests(mends_a_queue_when_a_worker_starts),
      leap_tests(keeps_history_for_a_while_after_a_leap),
      leap_tests(gives_no_minute_ahead_of_the_queue),
      leap_tests(goes_on_after_a_leap_and_gives_each_minute_once),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
