#include "route/pick.h"

#include "base/alloc.h"
#include "base/clock.h"

bool picker_init(picker *p, size_t nrules) {
  p->turns = base_zalloc(nrules * sizeof *p->turns);
  p->random = (uint64_t)clock_monotonic_ns() | 1;
  return p->turns != NULL;
}

void picker_free(picker *p) { base_free(p->turns); }

/* xorshift64* (Vigna): balance is all that is asked of it. */
static uint64_t next_random(picker *p) {
  uint64_t x = p->random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  p->random = x;
  return x * 0x2545F4914F6CDD1Du;
}

/* Rendezvous hashing (Thaler and Ravishankar): when a client goes, only the keys that it had move. */
static size_t by_hash(uint64_t key_hash, const cat_client *const *choices, size_t n) {
  size_t best = 0;
  uint64_t most = 0;
  for (size_t i = 0; i < n; i++) {
    const char *c = choices[i]->name;
    uint64_t weight = key_hash;
    for (; *c; c++) weight = (weight ^ (unsigned char)*c) * 1099511628211u;
    weight ^= weight >> 32;
    weight *= 0x9E3779B97F4A7C15u;
    weight ^= weight >> 29;
    if (i > 0 && weight <= most) continue;
    most = weight;
    best = i;
  }
  return best;
}

/* Equally busy ones take turns. */
static size_t least_busy(picker *p, uint32_t rule, const cat_client *const *choices, size_t n) {
  size_t start = p->turns[rule]++ % n, best = start;
  int least = p->load ? p->load(p->ud, choices[start]) : 0;
  for (size_t k = 1; k < n && p->load; k++) {
    size_t i = (start + k) % n;
    int load = p->load(p->ud, choices[i]);
    if (load >= least) continue;
    least = load;
    best = i;
  }
  return best;
}

size_t pick_draw(picker *p, uint32_t rule, rule_policy policy, uint64_t key_hash, const cat_client *const *choices,
                 size_t n) {
  switch (policy) {
  case RULE_RANDOM:
    return (size_t)(next_random(p) % n);
  case RULE_LEAST_BUSY:
    return least_busy(p, rule, choices, n);
  case RULE_HASH:
    return by_hash(key_hash, choices, n);
  case RULE_ROUND_ROBIN:
    break;
  }
  return p->turns[rule]++ % n;
}
