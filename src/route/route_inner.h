/* For: declarations that are private to the files of route. */
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

enum { LANE_BLOCK = 1024 /* counters in one allocation */ };

/* What each thread has for itself: a rule state and counters. */
typedef struct route_lane {
  rule_host *host;
  picker picker;
  bool shared;          /* the last lane, which several threads may use */
  pthread_mutex_t lock; /* held during an evaluation; contended only in the last lane and by route_count_rules */
  route_rule_stats *rules;
  uint64_t evaluations;
  route_decision aside; /* room for parts_check */
  tally misses, audits, differences, unaudited;
  size_t nblocks;
  _Atomic(tally *) hits[]; /* per leaf, in blocks that are allocated on demand */
} route_lane;

struct route {
  const catalog *catalog;
  uint64_t generation;
  stage_index stages[CAT_NSTAGES];
  bool relations_have_tables; /* if so, the table depends on the relation */
  trie trie;
  _Atomic bool remembers;
  uint64_t audit_every; /* in hits; 0: no audit */
  void (*differs)(void *ud, const shunt_difference *difference);
  void *differs_ud;
  pick_load load;
  event_sink *events;
  rule_host *host; /* the first host; the others are its clones */
  pthread_mutex_t making;
  _Atomic(route_lane *) lanes[SLOT_MOST];
};

/* lane.c: finds or makes the calling thread's lane. */
shunt_status lane_make(route *r, unsigned slot, route_lane **out, shunt_error *err);
static inline shunt_status lane_of_thread(route *r, route_lane **out, shunt_error *err) {
  unsigned slot = slot_of_thread();
  *out = atomic_load_explicit(&r->lanes[slot], memory_order_acquire);
  return *out ? SHUNT_OK : lane_make(r, slot, out, err);
}
/* Takes ownership of the host, unless it returns NULL: memory ran out. */
route_lane *lane_new(route *r, unsigned slot, rule_host *host);
void lane_free(route_lane *l, const rule_host *but); /* which is not freed */
tally *lane_block(route_lane *l, uint32_t leaf);

static inline void lane_count_hit(route_lane *l, uint32_t leaf) {
  tally *block = atomic_load_explicit(&l->hits[leaf / LANE_BLOCK], memory_order_acquire);
  if (!block && !(block = lane_block(l, leaf))) return; /* no memory: the hit is not counted */
  tally_add(&block[leaf % LANE_BLOCK], 1, l->shared);
}

/* Results of a walk of the trie and of an evaluation, beside the decision. */
typedef struct route_outcome {
  const trie_leaf *found;        /* by the walk, or NULL */
  const rule_read *const *reads; /* all that the decision and as.outside depend on, in their order */
  size_t nreads;
  pick_draws draws;
  bool level_given;       /* a rule gave the level; otherwise it is the request's */
  const cat_rule *slow;   /* the slowest rule, if it is to be reported; else NULL */
  int64_t slow_ns;        /* how long that took */
  const char *wanted;     /* a column; NULL: the reader is not looked for */
  bool reader_known;      /* out: the column was read */
  const cat_rule *reader; /* out: the first rule that read it; NULL: the model's table function */
} route_outcome;

/* Asks the rules. Needs the lane's lock; err is not NULL. Repeats the draws that a walk of the trie left in
 * outcome->draws. */
shunt_status route_evaluate(route *r, route_lane *l, const route_request *q, route_decision *d, route_outcome *outcome,
                            shunt_error *err);

/* Decides whether a place that was chosen by a value is one of the model's parts: d->as.outside. Adds to the outcome's
 * reads. Needs the lane's lock. Errors: MEMORY, LIMIT. */
shunt_status parts_check(route *r, route_lane *l, const route_request *q, route_decision *d, route_outcome *outcome,
                         shunt_error *err);

/* Adds a rule's part of a decision. */
void route_count_verdict(route_rule_stats *rule, shunt_verdict verdict, uint64_t times);

#endif
