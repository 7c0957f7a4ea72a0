/* The leaves of the trie. Each decision is kept once, even if many entries lead to it. */
#include <string.h>

#include "base/text.h"
#include "route/trie_inner.h"

/* ---- copies that the trie owns ---- */

const void *trie_keep(trie *t, const void *bytes, size_t size) {
  const void *kept = map_get_n(&t->kept, bytes, size);
  if (kept) return kept;
  char *copy = arena_strndup(&t->arena, bytes, size);
  return copy && map_put_n(&t->kept, copy, size, copy) ? copy : NULL;
}

static const char *keep_text(trie *t, const char *text, bool *fine) {
  const char *kept = text ? trie_keep(t, text, strlen(text) + 1) : NULL;
  if (text && !kept) *fine = false;
  return kept;
}

static const void *keep_list(trie *t, const void *list, size_t size, bool *fine) {
  const void *kept = size ? trie_keep(t, list, size) : NULL;
  if (size && !kept) *fine = false;
  return kept;
}

/* The lists of a decision. Many decisions have the same lists, which then share one copy. */
static void keep_lists(trie *t, trie_leaf *leaf, const route_decision *d, bool *fine) {
  shunt_trace *trace = arena_array(&t->arena, shunt_trace, d->as.ntrace);
  if (!trace) {
    *fine = false;
    return;
  }
  for (size_t i = 0; i < d->as.ntrace; i++) {
    trace[i] = d->as.trace[i];
    trace[i].detail = keep_text(t, trace[i].detail, fine);
  }
  leaf->as.trace = trace;
  leaf->as.depends_on = keep_list(t, d->as.depends_on, d->as.ndepends_on * sizeof *d->as.depends_on, fine);
  leaf->reads = keep_list(t, d->reads, d->as.ndepends_on * sizeof *d->reads, fine);
  leaf->placing = keep_list(t, d->placing, d->nplacing * sizeof *d->placing, fine);
  leaf->rules = keep_list(t, d->rules, d->as.ntrace * sizeof *d->rules, fine);
}

/* ---- which decisions are the same ---- */

static bool same_lists(const shunt_decision *a, const shunt_decision *b) {
  if (a->ntrace != b->ntrace || a->ndepends_on != b->ndepends_on) return false;
  for (size_t i = 0; i < a->ntrace; i++) {
    const shunt_trace *l = &a->trace[i], *r = &b->trace[i];
    if (l->verdict != r->verdict || l->source != r->source || !text_same(l->detail, r->detail)) return false;
  }
  for (size_t i = 0; i < a->ndepends_on; i++)
    if (!text_same(a->depends_on[i], b->depends_on[i])) return false;
  return true;
}

/* The remaining fields follow from these: engine and role from the client, the message from the rule and its reason. */
static bool same_leaf(const trie_leaf *leaf, const route_decision *d, bool levels) {
  if (leaf->client != d->client || leaf->levels != levels || leaf->as.source != d->as.source) return false;
  if (leaf->nplacing != d->nplacing) return false;
  if (!levels && leaf->as.level != d->as.level) return false;
  if (!text_same(leaf->as.table, d->as.table) || !text_same(leaf->as.denied, d->as.denied)) return false;
  return same_lists(&leaf->as, &d->as) &&
         (d->as.ntrace == 0 || memcmp(leaf->rules, d->rules, d->as.ntrace * sizeof *d->rules) == 0);
}

static uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 32);
}

static uint64_t mix_text(uint64_t hash, const char *text) {
  return text ? mix(hash, map_hash(text, strlen(text))) : hash;
}

static uint64_t hash_of(const trie *t, const route_decision *d, bool levels) {
  uint64_t hash = t->seed ^ (uintptr_t)d->client;
  for (size_t i = 0; i < d->as.ntrace; i++) hash = mix(hash, (uintptr_t)d->rules[i] + (uint64_t)d->as.trace[i].verdict);
  if (!levels) hash = mix(hash, (uint64_t)d->as.level);
  return mix_text(mix_text(hash, d->as.table), d->as.denied);
}

/* ---- making them ---- */

static bool repeats(const route_decision *d) {
  return !route_depends_on(d, RULE_FIELD_WHERE) && !route_depends_on(d, RULE_FIELD_WROTE);
}

static trie_leaf *new_leaf(trie *t, const route_decision *d, bool levels, const char *denial) {
  trie_leaf *leaf = arena_new(&t->arena, trie_leaf);
  if (!leaf) return NULL;
  bool fine = true;
  leaf->levels = levels;
  leaf->repeats = repeats(d);
  leaf->client = d->client;
  leaf->selected = d->selected; /* follows from the trace, which shows the rule that chose it */
  leaf->nplacing = d->nplacing;
  leaf->as = d->as;
  leaf->as.remembered = true;
  leaf->as.table = keep_text(t, d->as.table, &fine);
  leaf->as.denied = keep_text(t, d->as.denied, &fine);
  leaf->denial = keep_text(t, denial, &fine);
  keep_lists(t, leaf, d, &fine);
  return fine ? leaf : NULL;
}

trie_leaf *trie_leaf_for(trie *t, const trie_entry *entry) {
  const route_decision *d = entry->decision;
  bool levels = !entry->level_given && (!d->client || cat_engine_of(d->client->engine)->levels);
  uint64_t hash = hash_of(t, d, levels);
  trie_leaf *first = map_get_n(&t->leaves, (const char *)&hash, sizeof hash), *leaf = first;
  while (leaf && !same_leaf(leaf, d, levels)) leaf = leaf->next;
  if (leaf) return leaf;
  if (t->nleaves >= t->most_entries) return NULL; /* there are no counters for more */
  leaf = new_leaf(t, d, levels, entry->denial);
  if (!leaf) return NULL;
  leaf->id = (uint32_t)t->nleaves;
  leaf->hash = hash;
  leaf->next = first;
  if (first && !map_put_n(&t->leaves, (const char *)&first->hash, sizeof hash, leaf)) return NULL;
  if (!first && !map_put_n(&t->leaves, (const char *)&leaf->hash, sizeof hash, leaf)) return NULL;
  t->nleaves++;
  return leaf;
}

void trie_each_leaf(trie *t, void (*fn)(void *ud, const trie_leaf *leaf), void *ud) {
  pthread_mutex_lock(&t->lock);
  for (size_t i = 0; i < t->leaves.count; i++)
    for (const trie_leaf *leaf = t->leaves.entries[i].value; leaf; leaf = leaf->next) fn(ud, leaf);
  pthread_mutex_unlock(&t->lock);
}
