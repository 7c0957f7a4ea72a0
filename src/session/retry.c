#define _POSIX_C_SOURCE 200809L
#include "session/retry.h"

#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "pool/jitter.h"

enum { LONGEST_PAUSE_MS = 200, DOUBLINGS = 7 };

bool retry_may(const shunt_error *err) {
  return err->status == SHUNT_E_CONFLICT && err->outcome == SHUNT_NOT_DONE && (err->engine_code || err->sqlstate[0]);
}

void retry_pause(int tried) {
  const int64_t most_ms = tried < DOUBLINGS ? INT64_C(2) << tried : LONGEST_PAUSE_MS;
  const int64_t ns = (int64_t)((double)(most_ms * NS_PER_MS) * jitter((uint64_t)clock_monotonic_ns()));
  const struct timespec pause = {.tv_sec = 0, .tv_nsec = (long)ns};
  nanosleep(&pause, NULL);
}
