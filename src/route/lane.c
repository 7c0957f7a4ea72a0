/* The lanes of a route, one for each thread, and their sums. */
#include "base/alloc.h"
#include "route/route_inner.h"

static size_t blocks_for(const trie *t) { return (t->most_entries + LANE_BLOCK - 1) / LANE_BLOCK; }

route_lane *lane_new(route *r, unsigned slot, rule_host *host) {
  size_t nblocks = blocks_for(&r->trie);
  route_lane *l = base_zalloc(sizeof *l + nblocks * sizeof l->hits[0]);
  if (!l) return NULL;
  l->host = host;
  l->shared = slot_is_shared(slot);
  l->nblocks = nblocks;
  pthread_mutex_init(&l->lock, NULL);
  l->rules = base_zalloc(r->catalog->nrules * sizeof *l->rules);
  if (picker_init(&l->picker, r->catalog->nrules, slot, l->shared, &r->load) && l->rules) return l;
  lane_free(l, host);
  return NULL;
}

void lane_free(route_lane *l, const rule_host *but) {
  if (!l) return;
  if (l->host != but) rule_host_free(l->host);
  for (size_t i = 0; i < l->nblocks; i++) base_free(atomic_load_explicit(&l->hits[i], memory_order_relaxed));
  picker_free(&l->picker);
  route_decision_clear(&l->aside);
  base_free(l->rules);
  pthread_mutex_destroy(&l->lock);
  base_free(l);
}

shunt_status lane_make(route *r, unsigned slot, route_lane **out, shunt_error *err) {
  rule_host *host;
  shunt_status status = SHUNT_OK;
  if (slot_is_shared(slot)) pthread_mutex_lock(&r->making);
  route_lane *l = atomic_load_explicit(&r->lanes[slot], memory_order_acquire);
  if (!l) status = rule_host_clone(r->host, &host, err);
  if (!l && !status) {
    l = lane_new(r, slot, host);
    if (l) atomic_store_explicit(&r->lanes[slot], l, memory_order_release);
    if (!l) {
      rule_host_free(host);
      status = error_memory(err);
    }
  }
  if (slot_is_shared(slot)) pthread_mutex_unlock(&r->making);
  *out = l;
  return status;
}

tally *lane_block(route_lane *l, uint32_t leaf) {
  _Atomic(tally *) *at = &l->hits[leaf / LANE_BLOCK];
  if (l->shared) pthread_mutex_lock(&l->lock);
  tally *block = atomic_load_explicit(at, memory_order_acquire);
  if (!block) block = base_zalloc(LANE_BLOCK * sizeof *block);
  if (block) atomic_store_explicit(at, block, memory_order_release);
  if (l->shared) pthread_mutex_unlock(&l->lock);
  return block;
}

/* ---- adding up ---- */

void route_count_verdict(route_rule_stats *rule, shunt_verdict verdict, uint64_t times) {
  switch (verdict) {
  case SHUNT_VERDICT_SKIPPED: /* it was not asked */
  case SHUNT_VERDICT_PINNED:  /* not by a rule */
    return;
  case SHUNT_VERDICT_WHEN:
  case SHUNT_VERDICT_PASSED:
  case SHUNT_VERDICT_ALLOWED:
    rule->passed += times;
    break;
  case SHUNT_VERDICT_CHOSE:
  case SHUNT_VERDICT_CHANGED:
    rule->selected += times;
    break;
  case SHUNT_VERDICT_REFUSED:
    rule->denied += times;
    break;
  }
  rule->asked += times;
}

/* The lanes that exist, and the sums over them. */
typedef struct sums {
  route_lane *lanes[SLOT_MOST];
  size_t nlanes;
  uint64_t hits;
  route_rule_stats *rules; /* or NULL */
} sums;

static void find_lanes(route *r, sums *s) {
  s->nlanes = 0;
  for (size_t i = 0; i < SLOT_MOST; i++) {
    route_lane *l = atomic_load_explicit(&r->lanes[i], memory_order_acquire);
    if (l) s->lanes[s->nlanes++] = l;
  }
}

static uint64_t hits_of(const sums *s, uint32_t leaf) {
  uint64_t sum = 0;
  for (size_t i = 0; i < s->nlanes; i++) {
    const tally *block = atomic_load_explicit(&s->lanes[i]->hits[leaf / LANE_BLOCK], memory_order_acquire);
    if (block) sum += tally_get(&block[leaf % LANE_BLOCK]);
  }
  return sum;
}

static void add_leaf(void *ud, const trie_leaf *leaf) {
  sums *s = ud;
  uint64_t hits = hits_of(s, leaf->id);
  s->hits += hits;
  for (size_t i = 0; s->rules && i < leaf->as.ntrace; i++)
    route_count_verdict(&s->rules[leaf->rules[i]->id], leaf->as.trace[i].verdict, hits);
}

/* Counts nodes under the names that shunt_stats has for them. */
static void count_nodes(const trie_counts *t, route_stats *stats) {
#define TOLD_AS(id, name) [TRIE_##id] = SHUNT_NODE_##id,
  static const uint8_t told_as[TRIE_NKINDS] = {TRIE_NAME_MAP(TOLD_AS)[TRIE_STEM] = SHUNT_NODE_FIELDS,
                                               [TRIE_ATTR] = SHUNT_NODE_ATTRS,
                                               [TRIE_OTHER] = SHUNT_NODE_OTHER,
                                               [TRIE_MODEL] = SHUNT_NODE_MODEL,
                                               [TRIE_RELATION] = SHUNT_NODE_RELATION,
                                               [TRIE_CLASS] = SHUNT_NODE_INSTANCE,
                                               [TRIE_OP] = SHUNT_NODE_OP,
                                               [TRIE_FLAG] = SHUNT_NODE_FLAG,
                                               [TRIE_SAID] = SHUNT_NODE_PREDICATE,
                                               [TRIE_DRAW] = SHUNT_NODE_PICK};
#undef TOLD_AS
  for (int kind = TRIE_STEM; kind < TRIE_NKINDS; kind++) stats->nodes[told_as[kind]] += t->nodes[kind];
}

void route_count(route *r, route_stats *stats) {
  sums s = {.hits = 0, .rules = NULL};
  trie_counts t = trie_count(&r->trie);
  find_lanes(r, &s);
  trie_each_leaf(&r->trie, add_leaf, &s);
  *stats = (route_stats){.hits = s.hits,
                         .entries = t.entries,
                         .decisions = t.leaves,
                         .bytes = t.bytes,
                         .refused_children = t.refused_children,
                         .refused_entries = t.refused_entries,
                         .lanes = s.nlanes};
  count_nodes(&t, stats);
  for (size_t i = 0; i < s.nlanes; i++) {
    stats->misses += tally_get(&s.lanes[i]->misses);
    stats->audits += tally_get(&s.lanes[i]->audits);
    stats->differences += tally_get(&s.lanes[i]->differences);
  }
  stats->hits += stats->audits; /* audited hits are counted by the rules, not by the leaves */
}

static void add_rule(route_rule_stats *to, const route_rule_stats *from) {
  to->asked += from->asked;
  to->selected += from->selected;
  to->passed += from->passed;
  to->denied += from->denied;
  to->failed += from->failed;
  to->timed += from->timed;
  to->timed_ns += from->timed_ns;
}

void route_count_rules(route *r, route_rule_stats *rules) {
  size_t n = r->catalog->nrules;
  sums s = {.rules = rules};
  find_lanes(r, &s);
  for (size_t i = 0; i < n; i++) rules[i] = (route_rule_stats){.asked = 0};
  for (size_t i = 0; i < s.nlanes; i++) {
    pthread_mutex_lock(&s.lanes[i]->lock);
    for (size_t k = 0; k < n; k++) add_rule(&rules[k], &s.lanes[i]->rules[k]);
    pthread_mutex_unlock(&s.lanes[i]->lock);
  }
  trie_each_leaf(&r->trie, add_leaf, &s);
}

bool route_counts(route *r, cat_rule_counts *counts) {
  size_t n = r->catalog->nrules;
  route_rule_stats *rules = base_alloc(n * sizeof *rules);
  if (!rules) return false;
  route_count_rules(r, rules);
  for (size_t i = 0; i < n; i++) counts[i] = (cat_rule_counts){rules[i].asked, rules[i].selected + rules[i].denied};
  base_free(rules);
  return true;
}
