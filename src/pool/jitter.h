/* For: spreading times that would coincide: connections that were opened together, hosts that retry a server.
 * Owner: none; any thread. Use: span * (0.9 + 0.1 * jitter(now_ns)). */
#ifndef SHUNT_POOL_JITTER_H
#define SHUNT_POOL_JITTER_H

#include <stdint.h>

/* At least 0 and less than 1. The last steps of SplitMix64 (Steele, Lea, Flood 2014): neighbouring seeds give unrelated
 * results. */
static inline double jitter(uint64_t seed) {
  seed += 0x9E3779B97F4A7C15u;
  seed = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9u;
  seed = (seed ^ (seed >> 27)) * 0x94D049BB133111EBu;
  return (double)((seed ^ (seed >> 31)) >> 11) / 9007199254740992.0;
}

#endif
