/* For: random input that can be had again: the seed is printed, and SHUNT_SEED sets it.
 * Source: SplitMix64 (Steele, Lea, Flood).
 * Use: rng r = rng_start("values"); … rng_below(&r, 10) … */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct rng {
  uint64_t state;
} rng;

static inline rng rng_start(const char *what) {
  const char *given = getenv("SHUNT_SEED");
  rng r = {given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL)};
  printf("%s: SHUNT_SEED=%" PRIu64 "\n", what, r.state);
  return r;
}

static inline uint64_t rng_next(rng *r) {
  uint64_t z = (r->state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static inline size_t rng_below(rng *r, size_t n) { return (size_t)(rng_next(r) % n); }

#endif
