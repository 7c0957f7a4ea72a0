/* For: leaps of the clocks that a worker goes by: the clock of the queue's server, or of this host, was set. Time that
 * passes is measured by the monotonic clock; now and then the others are compared with it.
 * Owner: the worker has one; its thread looks, and any thread asks.
 * Use: leap_look(w); … leap_latest_ms(&w->leap) … if (leap_is_recent(&w->leap)) …
 *
 * What a leap does to a queue:
 * - Forward, the leases of all running jobs seem to have run out. Their workers renew them by the monotonic clock. So
 * no worker takes over a running job until a lease has passed since the leap. A claim itself compares the queue's clock
 *   with leap_latest_ms, because it may come before the first look after the leap.
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
  atomic_llong most_ms; /* of the queue's clock, as above; INT64_MAX: not known yet */
  atomic_llong last_ns; /* when the last leap was seen; 0: none yet */
  int64_t wait_ns;      /* how long no running job is taken over after that */
} leap;

struct shunt_worker;

void leap_begin(leap *l, int64_t lease_ms);
/* Reads the clocks; a leap is an event. After a leap back, and the first time, it mends the queue. The worker's thread
 * alone. Failures are left to the next time. */
void leap_look(struct shunt_worker *w);
/* The latest time that the queue's clock can show now, unless it has leapt since the worker last looked. A running job
 * whose lease ended is taken over only if the queue's clock shows no more than that. */
int64_t leap_latest_ms(const leap *l);
/* Whether a clock has leapt within the last minutes. */
bool leap_is_recent(const leap *l);

#endif
