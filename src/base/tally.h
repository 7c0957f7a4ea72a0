/* For: counters that one thread writes and any thread reads, for the price of a plain addition.
 * Use: static tally hits; tally_add(&hits, 1, shared); … tally_get(&hits). Where several threads write, shared says so.
 */
#ifndef SHUNT_BASE_TALLY_H
#define SHUNT_BASE_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint64_t tally;

static inline uint64_t tally_get(const tally *t) { return atomic_load_explicit(t, memory_order_relaxed); }

/* Returns the value before. */
static inline uint64_t tally_add(tally *t, uint64_t n, bool shared) {
  if (shared) return atomic_fetch_add_explicit(t, n, memory_order_relaxed);
  uint64_t before = tally_get(t);
  atomic_store_explicit(t, before + n, memory_order_relaxed);
  return before;
}

#endif
