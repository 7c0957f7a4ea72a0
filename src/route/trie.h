/* For: the cache of decisions.
 *
 * Idea. A rule is a function of the request, and the field that the rules read next follows from the values they have
 * read so far. So the decisions of one generation form a trie: an inner node names the field that is read next, an edge
 * is a value of that field (absence is a value too), and a leaf is a decision. A path from the root to a leaf is a
 * cache entry. Two requests that agree on every field that was read reach the same leaf, whatever else they contain. If
 * a rule leaves a choice to the core, a node names that choice, and an edge is the client that was drawn. Open
 * vSwitch's megaflow cache works in this way (Pfaff et al., "The Design and Implementation of Open vSwitch", NSDI
 * 2015): remember the fields that were looked at, not the whole key.
 *
 * Invariant. A published node never changes, except its references: each goes from nothing to a node, and later perhaps
 * to a copy of that node with more paths. No path ever disappears, and a new node is complete before it is published.
 * So a reader needs no lock, no retry and no hazard pointer: it follows references with acquire loads, which pair with
 * the release store of trie_publish, and it finds a whole path or nothing. Readers write nothing. Writers hold
 * trie.lock. Nodes are freed by trie_free alone, together with the generation; a node that was replaced by a larger
 * copy stays, so a reader inside it still sees valid edges.
 *
 * Not there: removal of single entries (a reload frees the whole trie; two limits, on entries and on the children of a
 * node, bound its size), and RCU or epochs, which only removal would need. A hash table over the whole request was the
 * alternative: it has one entry for each combination of all values, so a user's id in `where` would fill it, even if no
 * rule reads that column.
 *
 * Owner: the trie owns nodes and decisions. The names in reads (columns, lists) belong to the rule hosts, which must
 * outlive the trie.
 * Use: leaf = trie_find(t, request, picker, &draws); if (!leaf) { decide; trie_add(t, request, &entry); } */
#ifndef SHUNT_ROUTE_TRIE_H
#define SHUNT_ROUTE_TRIE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "route/pick.h"
#include "route/route.h"
#include "rule/host.h"

/* The names of clients that most decisions depend on, as X(ID, name in the request q). Each has a few instructions of
 * its own in trie_find. Any other field is TRIE_OTHER, unless measurements show that it deserves a kind. */
#define TRIE_NAME_MAP(X)                                                                                               \
  X(EXPLICIT, q->explicit_client)                                                                                      \
  X(RELATION_CLIENT, rule_relation_client(q))                                                                          \
  X(PARENT, q->parent)                                                                                                 \
  X(CURRENT, q->current)

/* The kind of a trie node: NOTHING is no node, LEAF a decision, STEM several fields in a row; the others are one field.
 * From TRIE_MODEL on, the values of the field are small numbers. TRIE_DRAW is a choice in place of a field. */
typedef enum trie_kind {
  TRIE_NOTHING,
  TRIE_LEAF,
  TRIE_STEM,
#define TRIE_NAME_ENUM(id, name) TRIE_##id,
  TRIE_NAME_MAP(TRIE_NAME_ENUM)
#undef TRIE_NAME_ENUM
      TRIE_ATTR,
  TRIE_OTHER,
  TRIE_MODEL,
  TRIE_RELATION,
  TRIE_CLASS,
  TRIE_OP,
  TRIE_FLAG, /* in_transaction, instance.isolate */
  TRIE_SAID, /* the answer of one_of or prefix */
  TRIE_DRAW
} trie_kind;
enum { TRIE_NKINDS = TRIE_DRAW + 1 };

/* A reference to a node: its address, with the kind in the low bits, which are free. So a reader knows how to continue
 * before the node has arrived from memory. */
typedef uintptr_t trie_ref;
enum { TRIE_KIND_MASK = 15 };

/* A decision. Several entries may share it. */
typedef struct trie_leaf {
  uint32_t id;       /* from 0, without gaps */
  bool levels;       /* the level is the request's */
  bool repeats;      /* it depends on no column and on nothing that the session has written */
  shunt_decision as; /* model, relation and op are the request's, and so is the level if `levels` is set */
  const cat_client *client, *selected;
  const rule_read *const *reads; /* of as.depends_on */
  const rule_read *const *placing;
  size_t nplacing;
  const cat_rule *const *rules; /* of as.trace */
  const char *denial;           /* the error's message, if the decision denies */
  uint64_t hash;
  struct trie_leaf *next; /* of the same hash */
} trie_leaf;

enum {
  TRIE_MOST_CHILDREN = 8192, /* of a node whose field can have any value */
  TRIE_HASH_WORDS = 128
};

typedef struct trie {
  _Atomic trie_ref root;
  uint64_t seed;                   /* odd */
  uint64_t words[TRIE_HASH_WORDS]; /* random */
  /* under the lock */
  const catalog *catalog;
  pthread_mutex_t lock;
  arena arena;
  map kept;   /* bytes to the copy that nodes share */
  map leaves; /* by hash */
  void *draft;
  size_t draft_capacity;
  size_t nleaves, nentries, most_entries, nodes[TRIE_NKINDS];
  uint64_t refused_children, refused_entries; /* not added: the node or the trie was full */
} trie;

typedef struct trie_counts {
  size_t entries, leaves, bytes;
  size_t nodes[TRIE_NKINDS];
  uint64_t refused_children, refused_entries;
} trie_counts;

void trie_init(trie *t, const catalog *c, size_t most_entries);
void trie_free(trie *t);
trie_counts trie_count(trie *t);
/* Holds the lock meanwhile. */
void trie_each_leaf(trie *t, void (*fn)(void *ud, const trie_leaf *leaf), void *ud);

/* NULL: ask the rules. draws then holds the clients that were drawn before the walk ended. */
const trie_leaf *trie_find(const trie *t, const route_request *q, picker *p, pick_draws *draws);
/* What is to be remembered: a decision and what it depends on. */
typedef struct trie_entry {
  const rule_read *const *reads; /* in their order */
  size_t nreads;
  const pick_draws *draws;
  const route_decision *decision;
  bool level_given;   /* a rule gave the level; otherwise it is the request's */
  const char *denial; /* the message, if the decision denies */
} trie_entry;

/* Remembers an entry. Nothing happens if memory is out, the trie is full, or the reads contradict earlier ones. Returns
 * why such a request won't be remembered later either, or NULL. */
const char *trie_add(trie *t, const route_request *q, const trie_entry *entry);

#endif
