/* For: waking the threads of this process that wait for a job to be ready or to end, so that they rarely ask the
 * database. Changes by other processes are found by asking now and then. Owner: none; one for the process. Any thread.
 * Use: uint64_t seen = signal_count(); look at the database; signal_wait(seen, until_ns, &stop); and look again. */
#ifndef SHUNT_JOBS_SIGNAL_H
#define SHUNT_JOBS_SIGNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/process.h"

/* A job may be ready, or have ended. */
void signal_raise(void);
uint64_t signal_count(void);
/* Waits until it is raised after `seen`, until `until_ns` (of clock_monotonic_ns), or until *stop, which must be set
 * before a raise. True: it was raised. */
bool signal_wait(uint64_t seen, int64_t until_ns, const atomic_bool *stop);
void signal_at_fork(process_step step);

#endif
