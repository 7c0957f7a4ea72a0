#include <limits.h>

#include "options/options.h"

const char *const options_push_keys[] = {"delay", "priority", "unique",   "unique_scope",
                                         "queue", "retry",    "instance", NULL};
const char *const options_jobs_keys[] = {"id", "queue", "instance", "state", "limit", NULL};
const char *const options_jobs_retry_keys[] = {"id", "queue", "instance", NULL};
const char *const options_jobs_purge_keys[] = {"id", "queue", "instance", "state", "older", NULL};

/* retry = 0 means none. */
static shunt_status retries(const node *n, int *out, shunt_error *err) {
  int given = *out;
  shunt_status st = options_int(n, "retry", 0, &given, err);
  if (!st && n) *out = given ? given : SHUNT_NO_RETRY;
  return st;
}

shunt_status options_push(const node *options, shunt_push_options *out, shunt_error *err) {
  shunt_status st = options_int(node_get(options, "priority"), "priority", INT_MIN, &out->priority, err);
  if (!st) st = retries(node_get(options, "retry"), &out->retry, err);
  if (!st) st = options_text(node_get(options, "instance"), "instance", &out->instance, err);
  if (!st) st = options_text(node_get(options, "unique_scope"), "unique_scope", &out->unique_scope, err);
  if (!st) st = options_text(node_get(options, "queue"), "queue", &out->queue, err);
  if (!st) st = options_text(node_get(options, "unique"), "unique", &out->unique_key, err);
  return st ? st : options_duration(node_get(options, "delay"), "delay", &out->delay_ms, err);
}

shunt_status options_jobs(const node *options, shunt_jobs_filter *out, shunt_error *err) {
  const node *id = node_get(options, "id");
  shunt_status st = options_text(node_get(options, "queue"), "queue", &out->queue, err);
  if (!st) st = options_text(node_get(options, "instance"), "instance", &out->instance, err);
  if (!st) st = options_text(node_get(options, "state"), "state", &out->state, err);
  if (!st) st = options_integer(id, "id", &out->id, err);
  if (!st && id && out->id < 1) st = error_usage_at(err, id->at, "id must be a job's number, from 1 on");
  if (!st) st = options_count(node_get(options, "limit"), "limit", &out->limit, err);
  return st ? st : options_duration(node_get(options, "older"), "older", &out->older_ms, err);
}
