#define _POSIX_C_SOURCE 200809L
#include "base/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_real_us(void) { return read_ns(CLOCK_REALTIME) / 1000; }
int64_t clock_real_ms(void) { return read_ns(CLOCK_REALTIME) / NS_PER_MS; }
int64_t clock_monotonic_ns(void) { return read_ns(CLOCK_MONOTONIC); }
#ifdef CLOCK_MONOTONIC_COARSE /* Linux */
int64_t clock_coarse_ns(void) { return read_ns(CLOCK_MONOTONIC_COARSE); }
#else
int64_t clock_coarse_ns(void) { return clock_monotonic_ns(); }
#endif
int64_t clock_thread_cpu_ns(void) { return read_ns(CLOCK_THREAD_CPUTIME_ID); }

bool clock_cpu_ns_of(pthread_t thread, int64_t *ns) {
  clockid_t id;
  if (pthread_getcpuclockid(thread, &id)) return false;
  *ns = read_ns(id);
  return true;
}
