/* For: making jobs of what sessions push.
 * Owner: none. Use: push p; push_make(s, …, &p, err); push_send(&p, &id, err); push_free(&p). */
#ifndef SHUNT_JOBS_PUSH_H
#define SHUNT_JOBS_PUSH_H

#include "jobs/queue.h"

/* What is to be a row. It borrows its texts, but the envelope. */
typedef struct push {
  const char *job, *data;
  shunt_push_options options; /* with its defaults filled in */
  char *envelope;
  bool awaited;
} push;

/* Errors: USAGE, MEMORY. */
shunt_status push_make(const shunt_session *s, const char *job, const char *data, const shunt_push_options *options,
                       bool awaited, push *out, shunt_error *err);
/* Writes the row, or finds the one with the same unique key. Errors: those of queue_run, CONFLICT. */
shunt_status push_send(const queue *q, const push *p, int64_t *id, shunt_error *err);
void push_free(push *p);

#endif
