/* For: waking whoever waits in this process for a job to be ready or to end, so that it does not have to ask the
 * database all the time. What other processes do it finds out by asking now and then.
 * Owner: none; one for the process. Any thread.
 * Use: uint64_t seen = signal_count(); look at the database; signal_wait(seen, until_ns, &stop); and look again. */
#ifndef SHUNT_JOBS_SIGNAL_H
#define SHUNT_JOBS_SIGNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Something has changed that somebody may wait for. */
void signal_raise(void);
uint64_t signal_count(void);
/* Until it was raised after `seen`, or `until_ns` (of clock_monotonic_ns) or *stop, which is set before a raise. True:
 * it was raised. */
bool signal_wait(uint64_t seen, int64_t until_ns, const atomic_bool *stop);

#endif
