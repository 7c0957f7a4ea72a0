/* For: the decisions that a session has asked for more than once. shunt_resolve gives them again without a walk through
 * the cache of the route, and without a copy.
 *
 * Idea. Nothing has to be forgotten when the session changes, because the key has all that such a decision can depend
 * on and that can differ between two calls: names (by address: they are the catalog's), op, level and instance. Left
 * out are attributes and environment, which a session keeps; what such a decision does not depend on (columns, what was
 * written: see route_decision.repeats); and transactions and jobs, during which the memo isn't used. A session that
 * moves to another generation drops it: other names may then have the same addresses.
 *
 * Owner: the session. What an entry points to lives as long as the route; an entry stays until the next memo_keep.
 * Use: d = memo_find(s->memo, &key, route); if (!d) { …decide…; memo_keep(&s->memo, &key, …); } … memo_drop(&s->memo);
 */
#ifndef SHUNT_SESSION_MEMO_H
#define SHUNT_SESSION_MEMO_H

#include "route/route.h"

typedef struct memo_key {
  const cat_model *model;
  const cat_relation *relation;
  const cat_instance *instance; /* NULL: the entry is free */
  const char *explicit_client, *relation_client, *parent, *current;
  int level;
  shunt_op op;
} memo_key;

typedef struct memo_entry {
  memo_key key;
  const struct trie_leaf *leaf, *parent; /* for route_repeat; parent: of the decision about the parent, or NULL */
  shunt_decision decision;
} memo_entry;

enum { MEMO_SETS = 16, MEMO_WAYS = 2, MEMO_PATIENCE = 8 };

typedef struct memo {
  memo_entry sets[MEMO_SETS][MEMO_WAYS]; /* a key belongs to one set, in which the newest entry comes first */
  unsigned refused;                      /* entries for which there was no place */
} memo;

static inline size_t memo_set(const memo_key *k) {
  const uint64_t sum = (uintptr_t)k->model + 3 * (uint64_t)(uintptr_t)k->relation +
                       5 * (uint64_t)(uintptr_t)k->explicit_client + 7 * (uint64_t)k->op;
  return (size_t)(sum * 0x9E3779B97F4A7C15u >> 32) % MEMO_SETS;
}

/* Field by field: a comparison of bytes would have to wait until a key that was just written has left the processor. */
static inline bool memo_same(const memo_key *a, const memo_key *b) {
  return a->model == b->model && a->relation == b->relation && a->instance == b->instance && a->op == b->op &&
         a->level == b->level && a->explicit_client == b->explicit_client && a->current == b->current &&
         a->relation_client == b->relation_client && a->parent == b->parent;
}

/* The decision, counted as a hit in the cache; NULL: it has to be decided. */
static inline const shunt_decision *memo_find(const memo *m, const memo_key *key, route *r) {
  if (!m) return NULL;
  const memo_entry *e = m->sets[memo_set(key)];
  for (const memo_entry *end = e + MEMO_WAYS; !memo_same(&e->key, key);)
    if (++e == end) return NULL;
  return (!e->parent || route_repeat(r, e->parent)) && route_repeat(r, e->leaf) ? &e->decision : NULL;
}

/* Keeps d, whose field repeats is not NULL, and which followed from another decision (parent) that repeats, or from
 * none (NULL). Where the set is full, only each MEMO_PATIENCE-th entry finds a place: a session that asks for more than
 * fits does not copy all the time. Without memory nothing is kept. */
void memo_keep(memo **m, const memo_key *key, const route_decision *d, const struct trie_leaf *parent);
void memo_drop(memo **m);

#endif
