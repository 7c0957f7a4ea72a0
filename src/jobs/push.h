/* For: sending the jobs that sessions push.
 * Owner: none. Use: push p = {.job = "mail", .data = "7"}; push_make(&p, s, options, err);
 * push_send(&store, &p, &id); push_free(&p); */
#ifndef SHUNT_JOBS_PUSH_H
#define SHUNT_JOBS_PUSH_H

#include "jobs/store.h"

/* A job on its way to its row. All texts but the envelope are borrowed. */
typedef struct push {
  const char *job, *data;     /* data is JSON; NULL: null */
  shunt_push_options options; /* with its defaults filled in; the instance's name is the catalog's */
  char *envelope;
  bool awaited;
} push;

/* Fills in the rest of a push that has job, data and awaited. Errors: USAGE, MEMORY. */
shunt_status push_make(push *p, const shunt_session *s, const shunt_push_options *options, shunt_error *err);
/* Writes the row, or finds the job with the same unique key. Errors: those of store_run, CONFLICT. */
shunt_status push_send(job_store *store, const push *p, int64_t *id);
void push_free(push *p);

#endif
