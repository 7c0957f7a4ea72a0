#include "route/trie.h"

#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "route/trie_inner.h"

enum { FEW = 4 /* edges that are compared by address first */ };

static inline trie_ref by_number(const trie_branch *b, uint32_t n) {
  return n < b->nslots ? trie_load(&trie_numbers(b)[n]) : TRIE_NOTHING;
}

static inline trie_ref by_key(const trie *t, const trie_branch *b, const trie_key *key) {
  return key->tag == TRIE_ABSENT ? trie_load(&b->absent) : trie_along_edge(t, b, key);
}

static trie_ref by_text(const trie *t, const trie_branch *b, const char *text) {
  trie_key key = trie_key_of_name(t, text);
  return by_key(t, b, &key);
}

/* Most names come from the catalog, so that equal names have the same address. */
static inline trie_ref by_name(const trie *t, const trie_branch *b, const char *name) {
  if (!name) return trie_load(&b->absent);
  const trie_edge *e = trie_edges(b);
  for (const trie_edge *end = e + (b->nslots < FEW ? b->nslots : FEW); e < end; e++) {
    trie_ref to = trie_load(&e->to);
    if (to && e->key.text == name) return to;
  }
  return by_text(t, b, name);
}

static inline trie_ref by_attr(const trie *t, const trie_branch *b, const route_request *q) {
  trie_key key = trie_key_of_attr(t, q, b->on);
  return by_key(t, b, &key);
}

static trie_ref by_other(const trie *t, const trie_branch *b, const route_request *q) {
  trie_key key = trie_key_of(t, q, b->on);
  return by_key(t, b, &key);
}

static trie_ref by_draw(const trie_branch *b, picker *p, pick_draws *draws) {
  const pick_choice *choice = b->on;
  pick_drawn *drawn = &draws->list[draws->count];
  drawn->from.rule = choice->rule;
  drawn->client = pick_held(choice, draws->held);
  if (!drawn->client) drawn->client = pick_draw(p, choice, draws->memo);
  if (!drawn->client) return TRIE_NOTHING; /* the rules draw again, and report that memory ran out */
  draws->count++;
  return by_number(b, drawn->client->id);
}

static inline bool step_holds(const trie *t, const route_request *q, trie_kind kind, const trie_stem_step *s) {
  if (trie_has_numbers(kind)) return trie_key_number(kind, q, s->read) == s->key.bits;
  trie_key key;
  if (trie_has_name(kind)) {
    const char *name = trie_key_name(kind, q);
    if (!name) return s->key.tag == TRIE_ABSENT;
    if (name == s->key.text) return true;
    key = trie_key_of_name(t, name);
  } else {
    key = kind == TRIE_ATTR ? trie_key_of_attr(t, q, s->read) : trie_key_of(t, q, s->read);
  }
  return trie_key_same(&key, &s->key);
}

static inline trie_ref along(const trie *t, const trie_stem *stem, const route_request *q) {
  const uint8_t *kinds = trie_stem_kinds(stem);
  for (uint32_t i = 0; i < stem->n; i++)
    if (!step_holds(t, q, (trie_kind)kinds[i], &stem->steps[i])) return TRIE_NOTHING;
  return trie_load(&stem->to);
}

/* The frequent kinds have a few instructions of their own here; trie_key_of and trie_key_number give the same values.
 */
const trie_leaf *trie_find(const trie *t, const route_request *q, picker *p, pick_draws *draws) {
  trie_ref s = trie_load(&t->root);
  for (;;) {
    const void *at = trie_node_of(s);
    const trie_branch *b = at;
    switch (trie_kind_of(s)) {
    case TRIE_NOTHING: /* its node is NULL */
    case TRIE_LEAF:
      return at;
    case TRIE_STEM:
      s = along(t, at, q);
      break;
#define BY_NAME(id, name)                                                                                              \
  case TRIE_##id:                                                                                                      \
    s = by_name(t, b, name);                                                                                           \
    break;
      TRIE_NAME_MAP(BY_NAME)
#undef BY_NAME
    case TRIE_ATTR:
      s = by_attr(t, b, q);
      break;
    case TRIE_MODEL:
      s = by_number(b, q->model ? q->model->id + 1 : 0);
      break;
    case TRIE_RELATION:
      s = by_number(b, q->relation ? q->relation->id + 1 : 0);
      break;
    case TRIE_CLASS:
      s = by_number(b, ((const rule_read *)b->on)->of.classes[q->instance->id] + 1);
      break;
    case TRIE_OP:
      s = by_number(b, (uint32_t)q->op + 1);
      break;
    case TRIE_FLAG:
    case TRIE_SAID:
      s = by_number(b, trie_key_number(trie_kind_of(s), q, b->on));
      break;
    case TRIE_DRAW:
      s = by_draw(b, p, draws);
      break;
    case TRIE_OTHER:
      s = by_other(t, b, q);
      break;
    }
  }
}

/* ---- making and freeing ---- */

void trie_init(trie *t, const catalog *c, size_t most_entries) {
  memset(t, 0, sizeof *t);
  t->catalog = c;
  atomic_init(&t->root, TRIE_NOTHING);
  pthread_mutex_init(&t->lock, NULL);
  t->most_entries = most_entries;
  bool random = getrandom(t->words, sizeof t->words, GRND_NONBLOCK) == (ssize_t)sizeof t->words &&
                getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) == (ssize_t)sizeof t->seed;
  if (!random) { /* early after boot; the limit on children bounds the cost of collisions */
    t->seed = (uint64_t)clock_monotonic_ns() * 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < TRIE_HASH_WORDS; i++) t->words[i] = t->seed = t->seed * 0xD1342543DE82EF95u + 1;
  }
  t->seed |= 1;
}

trie_counts trie_count(trie *t) {
  pthread_mutex_lock(&t->lock);
  size_t entries = t->kept.capacity + t->leaves.capacity, slots = t->kept.nslots + t->leaves.nslots;
  trie_counts counts = {.entries = t->nentries,
                        .leaves = t->nleaves,
                        .bytes = t->arena.total_bytes + entries * sizeof(map_entry) + slots * sizeof(uint32_t),
                        .refused_children = t->refused_children,
                        .refused_entries = t->refused_entries};
  memcpy(counts.nodes, t->nodes, sizeof counts.nodes);
  pthread_mutex_unlock(&t->lock);
  return counts;
}

void trie_free(trie *t) {
  map_free(&t->kept);
  map_free(&t->leaves);
  base_free(t->draft);
  arena_free(&t->arena);
  pthread_mutex_destroy(&t->lock);
}
