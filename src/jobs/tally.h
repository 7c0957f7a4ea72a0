/* For: how the runs of jobs ended in this process, by queue.
 * Owner: the app owns the counts, which outlive its workers. Any thread.
 * Use: job_tally_add(t, job->info.queue, JOB_TALLY_DONE); … job_tally_each(t, fn, ud); */
#ifndef SHUNT_JOBS_TALLY_H
#define SHUNT_JOBS_TALLY_H

#include <stdbool.h>
#include <stdint.h>

typedef enum job_tally_end {
  JOB_TALLY_DONE,
  JOB_TALLY_FAILED,
  JOB_TALLY_DEAD,
  JOB_TALLY_RELEASED,
  JOB_TALLY_NENDS
} job_tally_end;

/* Names of queues come from the rows of jobs: those beyond the first so many count as one, of this name. */
enum { JOB_TALLY_QUEUES = 64 };
#define JOB_TALLY_OTHERS "(others)"

typedef struct job_tally job_tally;

job_tally *job_tally_new(void);    /* NULL: out of memory */
void job_tally_free(job_tally *t); /* accepts NULL */

/* Without memory for a queue's name, it counts as one of the others. */
void job_tally_add(job_tally *t, const char *queue, job_tally_end end);
/* Calls fn for each queue that counted anything, in the order of their first ends, under a lock: it must not add. */
void job_tally_each(job_tally *t, void (*fn)(void *ud, const char *queue, const uint64_t *ends), void *ud);

#endif
