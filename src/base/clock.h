/* For: time, in the units of the names. All clocks are read here.
 * Owner: none; any thread. Use: int64_t until_ns = clock_monotonic_ns() + 5 * NS_PER_MS; */
#ifndef SHUNT_BASE_CLOCK_H
#define SHUNT_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

static const int64_t NS_PER_MS = 1000000, NS_PER_S = 1000000000;

int64_t clock_monotonic_ns(void);
int64_t clock_coarse_ns(void); /* the same, up to some ms late, and much cheaper: for ages of seconds */
int64_t clock_real_ms(void);   /* since 1970 */
int64_t clock_real_us(void);
bool clock_cpu_ns_of(pthread_t thread, int64_t *ns); /* of another thread that runs; false: not known */
int64_t clock_thread_cpu_ns(void); /* computing time of this thread: on a busy machine a rule does not look slow */

#endif
