/* For: how old a transaction of another host is, though clocks differ and are set. Its id has the time of that host.
 * Only the first look compares that with the clock of this one; from then on, the time that passes here counts. So a
 * leap makes no fresh transaction old, and a clock that is behind delays none for longer than patience lasts.
 * Owner: the process remembers the latest few hundred. Any thread.
 * Use: if (joint_age_s(id, name.time_s) < JOINT_PATIENCE_S) … */
#ifndef SHUNT_JOINT_AGE_H
#define SHUNT_JOINT_AGE_H

#include <stdint.h>

#include "base/process.h"

/* time_s: since 1970, by the clock of the host that made the id. Never negative. */
int64_t joint_age_s(const char *id, uint32_t time_s);
void joint_age_at_fork(process_step step);

#endif
