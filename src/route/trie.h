/* For: remembering decisions exactly. Rules are functions of the request, and what they read next follows from what
 * they read so far; so a generation's decisions form a trie: a branch says which field is read next, an edge is its
 * value (absence is one too), a leaf the decision, which many entries may share. Two requests that agree on what was
 * read get the same leaf, whatever else they say. Where a rule leaves a choice to the core, a branch says what is drawn
 * from, and an edge is the client drawn. Source: the idea is that of Open vSwitch's megaflow cache (Pfaff et al., NSDI
 * 2015). Owner: the trie owns branches and leaves; they stay where they are, and as they are, until trie_free. Any
 * number of threads may find while any number add: finding takes no lock and writes nothing. What reads name (columns,
 * lists) belongs to the rule hosts, which must outlive the trie. Use: leaf = trie_find(t, request, picker, &draws); if
 * (!leaf) { decide; trie_add(t, request, reads, n, …); } */
#ifndef SHUNT_ROUTE_TRIE_H
#define SHUNT_ROUTE_TRIE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "route/pick.h"
#include "route/route.h"
#include "rule/host.h"

/* The clients' names that most requests are told apart by, as X(ID, name in the request q): each is found by a few
 * instructions of its own. Any other field is TRIE_OTHER until it is measured to be worth a kind. */
#define TRIE_NAME_MAP(X)                                                                                               \
  X(EXPLICIT, q->explicit_client)                                                                                      \
  X(RELATION_CLIENT, rule_relation_client(q))                                                                          \
  X(PARENT, q->parent)                                                                                                 \
  X(CURRENT, q->current)

/* What a way through the trie comes to next: nothing yet, the decision, some fields one after the other, or one. From
 * TRIE_MODEL on a field has few values, which are small numbers; the last is no field, but a draw. */
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
  TRIE_SAID, /* what one_of or prefix says */
  TRIE_DRAW
} trie_kind;
enum { TRIE_NKINDS = TRIE_DRAW + 1 };

/* The address of the leaf or branch, and in the low bits, which are free, the kind: so that what is to be done there is
 * known before it has come from memory. */
typedef uintptr_t trie_ref;
enum { TRIE_KIND_MASK = 15 };

/* A decision, for as many entries as lead to it. */
typedef struct trie_leaf {
  uint32_t id;       /* from 0, without gaps */
  bool levels;       /* the level is the request's */
  shunt_decision as; /* but for model, relation and op, which are the request's, and maybe the level */
  const cat_client *client;
  const rule_read *const *reads; /* of as.depends_on */
  const cat_rule *const *rules;  /* of as.trace */
  const char *denial;            /* the message, where it is one */
  uint64_t hash;
  struct trie_leaf *next; /* of the same hash */
} trie_leaf;

enum {
  TRIE_MOST_CHILDREN = 8192, /* of a branch whose field can have any value */
  TRIE_HASH_WORDS = 128
};

typedef struct trie {
  _Atomic trie_ref root;
  uint64_t seed;                   /* odd */
  uint64_t words[TRIE_HASH_WORDS]; /* random */
  /* of those who add */
  const catalog *catalog;
  pthread_mutex_t lock;
  arena arena;
  map kept;   /* bytes to the copy that branches and leaves share */
  map leaves; /* by hash */
  void *draft;
  size_t draft_capacity;
  size_t nleaves, nentries, most_entries, nodes[TRIE_NKINDS];
  uint64_t refused_children, refused_entries; /* that were not added, because the branch or the trie was full */
} trie;

typedef struct trie_counts {
  size_t entries, leaves, bytes;
  size_t nodes[TRIE_NKINDS];
  uint64_t refused_children, refused_entries;
} trie_counts;

void trie_init(trie *t, const catalog *c, size_t most_entries);
void trie_free(trie *t);
trie_counts trie_count(trie *t);
/* Nothing is added meanwhile. */
void trie_each_leaf(trie *t, void (*fn)(void *ud, const trie_leaf *leaf), void *ud);

/* NULL where the rules have to be asked. draws then has what was drawn on the way. */
const trie_leaf *trie_find(const trie *t, const route_request *q, picker *p, pick_draws *draws);
/* What is to be remembered: a decision and what it depends on. */
typedef struct trie_entry {
  const rule_read *const *reads; /* in their order */
  size_t nreads;
  const pick_draws *draws;
  const route_decision *decision;
  bool level_given;   /* by a rule; else the level is the request's */
  const char *denial; /* the message, if the decision denies */
} trie_entry;

/* Remembers an entry. Nothing happens if memory is out, the trie is full, or the reads contradict earlier ones. Returns
 * why such a request won't be remembered later either, or NULL. */
const char *trie_add(trie *t, const route_request *q, const trie_entry *entry);

#endif
