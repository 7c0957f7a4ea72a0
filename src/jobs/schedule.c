/* Schedules: each minute of one belongs to one caller. Minutes are those of the queue's clock: the hosts' clocks
 * differ, and the minute of a host that is a day ahead would silence all others for a day.
 *
 * So no caller gets a minute that lies ahead of the queue's clock. If a row has one, that clock itself has gone back
 * since then, and the row no longer counts. */
#include "jobs/store.h"
#include "session/outcome.h"
#include "session/visit.h"

enum { DUE_WAIT_MS = 5000 };

/* Clocks of servers are set back by seconds now and then: then no minute comes twice. */
#define AHEAD_MS STORE_TEXT_OF(120000)

/* @ stands for the queue's time (store_put). A minute that lies ahead of it is null, which the column does not take. */
static const char due[] =
    "INSERT INTO shunt_schedules (env, instance, job, minute_ms) VALUES (?, ?, ?, CASE WHEN CAST(? AS BIGINT) <= @ "
    "+ " AHEAD_MS
    " THEN CAST(? AS BIGINT) END) ON CONFLICT (env, instance, job) DO UPDATE SET minute_ms = excluded.minute_ms WHERE "
    "shunt_schedules.minute_ms < excluded.minute_ms OR shunt_schedules.minute_ms > @ + " AHEAD_MS;

static shunt_status ahead(const char *job, int64_t minute_ms, shunt_error *err) {
  return error_set(
      err, SHUNT_E_USAGE,
      "schedule of job '%.64s': minute %lld lies ahead of the queue's clock; take it from shunt_queue_time, "
      "for clocks of hosts differ",
      job, (long long)minute_ms);
}

shunt_status shunt_schedule_due(shunt_session *s, const char *job, const char *instance, int64_t minute_ms, bool *mine,
                                shunt_error *err) {
  VISIT(v);
  int64_t affected = 0;
  job_store store;
  if (!mine) return error_null(err, "mine");
  *mine = false;
  if (!job || !job[0]) return error_set(err, SHUNT_E_USAGE, "a schedule has no job");
  shunt_status status = visit_begin(&v, s, err);
  if (!status) status = store_enter(&store, s, 0, err);
  if (status) return status;
  const shunt_value params[] = {store_text(store.env), store_text(instance ? instance : s->instance->name),
                                store_text(job), shunt_integer(minute_ms), shunt_integer(minute_ms)};
  store_bound(&store, DUE_WAIT_MS);
  store_put(&store, due, params, sizeof params / sizeof *params);
  status = store_run_sql(&store, NULL, &affected);
  *mine = !status && affected > 0;
  return status == SHUNT_E_CONSTRAINT ? ahead(job, minute_ms, err) : outcome_end(&store.c, status);
}

shunt_status shunt_queue_time(shunt_session *s, int64_t *now_ms, shunt_error *err) {
  VISIT(v);
  if (!now_ms) return error_null(err, "now_ms");
  *now_ms = 0;
  shunt_status status = visit_begin(&v, s, err);
  return status ? status : store_now(s, now_ms, err);
}
