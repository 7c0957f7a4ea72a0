/* For: leaps of the clocks that a worker goes by: the clock of the queue's server, or of this host, was set. Time that
 * passes is measured by the monotonic clock; now and then the others are compared with it.
 * Owner: the worker's thread. Use: leap_look(w); … if (leap_is_recent(&w->leap)) …
 *
 * What a leap does to a queue:
 * - Forward, the leases of all running jobs seem to have run out. Workers have half a lease more to show that they live
 *   (lease.c), and they renew by the monotonic clock.
 * - Back, rows are from the future: their delays, back-offs and leases would last as long as the leap was. leap_look
 *   counts them from now on.
 * - A job that is due at once has due_at 0, and depends on no clock.
 * - History is not deleted for a while: the leap may have been a mistake. */
#ifndef SHUNT_JOBS_LEAP_H
#define SHUNT_JOBS_LEAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One clock: between which values of (its time - monotonic time) it is. */
typedef struct leap_clock {
  int64_t least_ms, most_ms;
  bool known;
} leap_clock;

typedef struct leap {
  leap_clock queue, host;
  int64_t last_ns;    /* when the last leap was seen; 0: none yet */
  atomic_bool looked; /* at the queue's clock, once at least */
} leap;

struct shunt_worker;

/* Reads the clocks; a leap is an event. After a leap back, and the first time, it mends the queue. Failures are left to
 * the next time. */
void leap_look(struct shunt_worker *w);
/* Whether a clock has leapt within the last minutes. */
bool leap_is_recent(const leap *l);

#endif
