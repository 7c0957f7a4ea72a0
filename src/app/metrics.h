/* For: the metrics of an application as text: shunt_metrics.
 * Owner: the caller frees *text with base_free. Any thread; no lock of the app is held meanwhile.
 * Use: status = metrics_write(&(metrics_source){.g = g, .history = &app->history, …}, &text, err); */
#ifndef SHUNT_APP_METRICS_H
#define SHUNT_APP_METRICS_H

#include "app/generation.h"
#include "jobs/tally.h"
#include "session/session.h"

typedef struct metrics_source {
  const generation *g; /* the newest; the caller has a share */
  history *history;
  job_tally *jobs;
  uint64_t refused;                 /* reloads */
  const session_generation *shared; /* of g, with a share of its own, which metrics_write takes over */
} metrics_source;

/* Errors: MEMORY. */
shunt_status metrics_write(const metrics_source *from, char **text, shunt_error *err);

#endif
