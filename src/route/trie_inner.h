/* For: what the files of the trie share, and nobody else sees.
 * Owner: the trie's arena owns all of it. Readers load and follow; those who add publish what is complete. */
#ifndef SHUNT_ROUTE_TRIE_INNER_H
#define SHUNT_ROUTE_TRIE_INNER_H

#include "route/trie_key.h"

/* Fields one after the other, where all that came by had the same values so far. */
typedef struct trie_stem_step {
  const rule_read *read;
  trie_key key;
} trie_stem_step;

typedef struct trie_stem {
  _Atomic trie_ref to;
  uint32_t n;
  trie_stem_step steps[]; /* and after them, in a byte each, their kinds */
} trie_stem;

/* A field of which several values were seen, or a draw. It is followed by its slots: edges, in an open-addressing table
 * with linear probing; or where the values are small numbers, only where they lead, by number. One that is too small is
 * replaced by a bigger copy: a reader in the old one sees what was there when it came. */
typedef struct trie_branch {
  uint32_t nslots;
  uint32_t count;          /* of edges, for those who add */
  const void *on;          /* the rule_read; of TRIE_DRAW the pick_choice */
  _Atomic trie_ref absent; /* where absence leads, which is number 0 among numbers */
  uint8_t shift;           /* of a hash, to the position of a slot */
} trie_branch;

/* to is TRIE_NOTHING in a free slot; the key is written before it. */
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

/* Where the key leads, for who holds no lock. What a slot leads to is loaded once: a free one may be another key's by
 * the next time. */
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

/* trie_leaf.c: the trie's own copy of the bytes; of the same it is the same one. NULL when out of memory. */
const void *trie_keep(trie *t, const void *bytes, size_t size);
/* The leaf for the decision, made if there is none yet. NULL if memory runs out. */
trie_leaf *trie_leaf_for(trie *t, const trie_entry *entry);

#endif
