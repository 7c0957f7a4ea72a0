/* For: how long something took, as counts of lengths. Reading it gives the shape of a latency, not each of them.
 * Owner: a histogram is a value, zeroed at first. One thread writes at a time, or several that say so; any thread
 * reads. Use: histogram_add(&h, took_ns, false); … histogram_merge(&sum, &h, false); sum.buckets[i], sum.total_ns */
#ifndef SHUNT_BASE_HISTOGRAM_H
#define SHUNT_BASE_HISTOGRAM_H

#include "base/tally.h"

/* The upper bounds of the buckets, in ns and as OpenMetrics writes them in seconds. What is longer has a last bucket of
 * its own. */
#define HISTOGRAM_MAP(X)                                                                                               \
  X(10000, "1e-05")                                                                                                    \
  X(25000, "2.5e-05")                                                                                                  \
  X(50000, "5e-05")                                                                                                    \
  X(100000, "0.0001")                                                                                                  \
  X(250000, "0.00025")                                                                                                 \
  X(500000, "0.0005")                                                                                                  \
  X(1000000, "0.001")                                                                                                  \
  X(2500000, "0.0025")                                                                                                 \
  X(5000000, "0.005")                                                                                                  \
  X(10000000, "0.01")                                                                                                  \
  X(25000000, "0.025")                                                                                                 \
  X(50000000, "0.05")                                                                                                  \
  X(100000000, "0.1")                                                                                                  \
  X(250000000, "0.25")                                                                                                 \
  X(1000000000, "1.0")                                                                                                 \
  X(10000000000, "10.0")

#define HISTOGRAM_COUNT(ns, seconds) +1
enum { HISTOGRAM_BOUNDS = 0 HISTOGRAM_MAP(HISTOGRAM_COUNT) };
#undef HISTOGRAM_COUNT

typedef struct histogram {
  tally buckets[HISTOGRAM_BOUNDS + 1]; /* each without those before it */
  tally total_ns;
} histogram;

static inline void histogram_add(histogram *h, int64_t ns, bool shared) {
#define HISTOGRAM_BOUND(ns, seconds) ns,
  static const int64_t bounds[] = {HISTOGRAM_MAP(HISTOGRAM_BOUND)};
#undef HISTOGRAM_BOUND
  int i = 0;
  while (i < HISTOGRAM_BOUNDS && ns > bounds[i]) i++;
  tally_add(&h->buckets[i], 1, shared);
  tally_add(&h->total_ns, (uint64_t)(ns > 0 ? ns : 0), shared);
}

static inline void histogram_merge(histogram *to, const histogram *from, bool shared) {
  for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) tally_add(&to->buckets[i], tally_get(&from->buckets[i]), shared);
  tally_add(&to->total_ns, tally_get(&from->total_ns), shared);
}

static inline uint64_t histogram_count(const histogram *h) {
  uint64_t n = 0;
  for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) n += tally_get(&h->buckets[i]);
  return n;
}

#endif
