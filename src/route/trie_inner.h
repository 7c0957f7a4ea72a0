/* For: the nodes of the trie, private to the files of the trie.
 * Owner: the trie's arena. Readers follow references with trie_load; writers complete a node, then trie_publish it. */
#ifndef SHUNT_ROUTE_TRIE_INNER_H
#define SHUNT_ROUTE_TRIE_INNER_H

#include "route/trie_key.h"

/* A field and the one value that it has had so far. */
typedef struct trie_stem_step {
  const rule_read *read;
  trie_key key;
} trie_stem_step;

/* Several fields in a row, each with one value so far: path compression, as in a radix tree. */
typedef struct trie_stem {
  _Atomic trie_ref to;
  uint32_t n;
  trie_stem_step steps[]; /* their kinds follow, one byte each */
} trie_stem;

/* A field that has had several values, or a choice. Its slots follow it: an open-addressing table of edges with linear
 * probing or, if the values are small numbers, an array of references. A branch that is too small is replaced by a
 * larger copy: a reader inside the old one sees the edges that it had. */
typedef struct trie_branch {
  uint32_t nslots;
  uint32_t count;          /* of edges; for writers */
  const void *on;          /* the rule_read; of TRIE_DRAW the pick_choice */
  _Atomic trie_ref absent; /* the edge of absence; among numbers, absence is number 0 */
  uint8_t shift;           /* of a hash, to the position of a slot */
} trie_branch;

/* In a free slot, to is TRIE_NOTHING. The key is written before to is published. */
typedef struct trie_edge {
  trie_key key;
  _Atomic trie_ref to;
} trie_edge;

static inline trie_ref trie_load(const _Atomic trie_ref *at) { return atomic_load_explicit(at, memory_order_acquire); }
static inline void trie_publish(_Atomic trie_ref *at, trie_ref s) {
  atomic_store_explicit(at, s, memory_order_release);
}

static inline trie_kind trie_kind_of(trie_ref s) { return (trie_kind)(s & TRIE_KIND_MASK); }
static inline void *trie_node_of(trie_ref s) { return (void *)(s & ~(trie_ref)TRIE_KIND_MASK); }
static inline trie_ref trie_ref_to(trie_kind kind, const void *thing) { return (uintptr_t)thing | kind; }

static inline bool trie_has_numbers(trie_kind kind) { return kind >= TRIE_MODEL; }

static inline uint8_t *trie_stem_kinds(const trie_stem *stem) { return (uint8_t *)&stem->steps[stem->n]; }
static inline trie_edge *trie_edges(const trie_branch *b) { return (trie_edge *)(b + 1); }
static inline _Atomic trie_ref *trie_numbers(const trie_branch *b) { return (_Atomic trie_ref *)(b + 1); }

static inline uint32_t trie_first_slot(const trie *t, const trie_branch *b, const trie_key *key) {
  return (uint32_t)((key->bits * t->seed) >> b->shift) & (b->nslots - 1);
}

/* Finds the edge of the key without the lock. Each slot is loaded once: a free slot may belong to another key at the
 * next load. */
static inline trie_ref trie_along_edge(const trie *t, const trie_branch *b, const trie_key *key) {
  const trie_edge *e = trie_edges(b);
  uint32_t last = b->nslots - 1, i = trie_first_slot(t, b, key);
  for (uint32_t n = 0; n <= last; n++) {
    trie_ref to = trie_load(&e[i].to);
    if (!to || trie_key_same(key, &e[i].key)) return to;
    i = (i + 1) & last;
  }
  return TRIE_NOTHING;
}

/* trie_leaf.c: the trie's own copy of the bytes; equal bytes share one copy. NULL if memory runs out. */
const void *trie_keep(trie *t, const void *bytes, size_t size);
/* Finds or makes the leaf for the decision. NULL if memory runs out. */
trie_leaf *trie_leaf_for(trie *t, const trie_entry *entry);

#endif
