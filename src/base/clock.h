/* For: time, in the units the names say. Nothing else reads a clock. */
#ifndef SHUNT_BASE_CLOCK_H
#define SHUNT_BASE_CLOCK_H

#include <stdint.h>

static const int64_t NS_PER_MS = 1000000, NS_PER_S = 1000000000;

int64_t clock_monotonic_ns(void);
int64_t clock_coarse_ns(void);     /* the same as of some ms ago at most, and much cheaper: for ages of seconds */
int64_t clock_real_ms(void);       /* since 1970 */
int64_t clock_thread_cpu_ns(void); /* what this thread has computed: a busy machine does not make a rule look slow */

#endif
