/* For: one generated rule set and its random requests. All of it follows from the seed and the number, so that every
 * process can make it again.
 * Use: same_set s = {.seed = …, .number = …, .first = 0, .end = 500}; same_write_rules(&s); same_make_requests(&s, …);
 */
#ifndef TESTS_UNIT_RULE_SAME_SET_H
#define TESTS_UNIT_RULE_SAME_SET_H

#include <stddef.h>
#include <stdint.h>

#include "unit/random.h"

enum { SAME_REQUESTS = 500 }; /* at most, and those that a set has */

typedef struct same_set {
  uint64_t seed;
  size_t number;
  size_t first, end; /* the requests to decide */
  char folder[256];
} same_set;

typedef enum same_purpose { SAME_RULES = 1, SAME_VALUES, SAME_ORDER } same_purpose;

/* A sequence for each purpose, so that a change of one leaves the others as they are. */
static inline rng same_rng(const same_set *s, same_purpose purpose) {
  rng r = {s->seed ^ (s->number + 1) * 0xD1342543DE82EF95u ^ purpose * 0xDA942042E4DD58B5u};
  rng_next(&r);
  return r;
}

#endif
