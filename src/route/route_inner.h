/* For: what the files of route share, and nobody else sees. */
#ifndef SHUNT_ROUTE_ROUTE_INNER_H
#define SHUNT_ROUTE_ROUTE_INNER_H

#include <pthread.h>

#include "base/slot.h"
#include "base/tally.h"
#include "route/index.h"
#include "route/pick.h"
#include "route/route.h"
#include "route/trie.h"
#include "rule/host.h"

enum { LANE_BLOCK = 1024 /* counters that are made at once */ };

/* What a thread needs for itself: the rules' state, and what it counts. */
typedef struct route_lane {
  rule_host *host;
  picker picker;
  bool shared;          /* it is the last, which several threads may have */
  pthread_mutex_t lock; /* an evaluation; waited for in the last lane alone, and by who counts */
  route_rule_stats *rules;
  uint64_t evaluations;
  tally misses, audits, differences, unaudited;
  size_t nblocks;
  _Atomic(tally *) hits[]; /* per leaf, in blocks that are made when they are needed */
} route_lane;

struct route {
  const catalog *catalog;
  uint64_t generation;
  stage_index stages[CAT_NSTAGES];
  bool relations_have_tables; /* so that the table depends on the relation */
  trie trie;
  _Atomic bool remembers;
  uint64_t audit_every; /* so many hits; 0: none */
  void (*differs)(void *ud, const shunt_difference *difference);
  void *differs_ud;
  pick_load load;
  event_sink *events;
  rule_host *host; /* the first, of whose texts the others were made */
  pthread_mutex_t making;
  _Atomic(route_lane *) lanes[SLOT_MOST];
};

/* lane.c: the calling thread's lane. */
shunt_status lane_make(route *r, unsigned slot, route_lane **out, shunt_error *err);
static inline shunt_status lane_of_thread(route *r, route_lane **out, shunt_error *err) {
  unsigned slot = slot_of_thread();
  *out = atomic_load_explicit(&r->lanes[slot], memory_order_acquire);
  return *out ? SHUNT_OK : lane_make(r, slot, out, err);
}
/* Takes the host over; NULL when out of memory, and then the host is the caller's still. */
route_lane *lane_new(route *r, unsigned slot, rule_host *host);
void lane_free(route_lane *l, const rule_host *but); /* which stays */
tally *lane_block(route_lane *l, uint32_t leaf);

static inline void lane_count_hit(route_lane *l, uint32_t leaf) {
  tally *block = atomic_load_explicit(&l->hits[leaf / LANE_BLOCK], memory_order_acquire);
  if (!block && !(block = lane_block(l, leaf))) return; /* no memory: a hit that is not counted is one all the same */
  tally_add(&block[leaf % LANE_BLOCK], 1, l->shared);
}

/* What a walk of the trie and an evaluation leave beside the decision. */
typedef struct route_outcome {
  const trie_leaf *found; /* by the walk, or NULL */
  pick_draws draws;
  bool level_given;     /* by a rule; else it is the request's */
  const cat_rule *slow; /* the slowest rule, if an event is due for it; else NULL */
  int64_t slow_ns;      /* how long that took */
} route_outcome;

/* Asks the rules. Under the lane's lock; err is not NULL. The clients that outcome->draws holds were drawn by a walk of
 * the trie, and are drawn again. */
shunt_status route_evaluate(route *r, route_lane *l, const route_request *q, route_decision *d, route_outcome *outcome,
                            shunt_error *err);

/* Adds a rule's part of a decision. */
void route_count_verdict(route_rule_stats *rule, shunt_verdict verdict, uint64_t times);

/* Fills err with the place and name of the rule. */
void route_blame(shunt_error *err, const cat_rule *rule);

#endif
