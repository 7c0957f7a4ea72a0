/* For: the calls of a function that tests put in the place of the system's: the n-th one fails, or all from there on.
 * Owner: one for the program. Any thread calls; one arms.
 * Use: if (nth_fails(true)) return NULL; … as a sweep_kind's functions: nth_arm, nth_disarm, nth_fired. */
#ifndef TESTS_UNIT_SWEEP_NTH_H
#define TESTS_UNIT_SWEEP_NTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static struct {
  _Atomic size_t seen, fail_at; /* fail_at 0: calls are counted alone */
  _Atomic bool armed, stays, fired;
} nth;

/* Counts a call. may_stay: false for a fault that a caller repeats for as long as it stays. */
static inline bool nth_fails(bool may_stay) {
  if (!nth.armed) return false;
  const size_t seen = ++nth.seen;
  if (!nth.fail_at || !(seen == nth.fail_at || (may_stay && nth.stays && seen > nth.fail_at))) return false;
  nth.fired = true;
  return true;
}

static inline void nth_arm(size_t at, bool stays) {
  nth.fired = false;
  nth.stays = stays;
  nth.seen = 0;
  nth.fail_at = at;
  nth.armed = true;
}

/* Returns how many calls there were. */
static inline size_t nth_disarm(void) {
  nth.armed = false;
  return nth.seen;
}

static inline bool nth_fired(void) { return nth.fired; }

#endif
