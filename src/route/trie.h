/* For: remembering decisions exactly. Rules are functions of the request, and what they read next follows from what
 * they read so far; so a generation's decisions form a trie: a node is the field that is read next, an edge its value
 * (absence is one too), a leaf the decision. Two requests that agree on what was read get the same leaf, whatever else
 * they say. Source: the idea is that of Open vSwitch's megaflow cache (Pfaff et al., NSDI 2015). Owner: the trie owns
 * nodes and leaves; they stay until trie_free. Under the route's lock. Use: leaf = trie_find(t, request); if (!leaf) {
 * decide; trie_add(t, request, reads, n, decision, …); } */
#ifndef SHUNT_ROUTE_TRIE_H
#define SHUNT_ROUTE_TRIE_H

#include "route/route.h"
#include "rule/host.h"

typedef struct trie_leaf {
  shunt_decision as; /* of the request it was made for: model, relation, op and maybe level are the request's own */
  const cat_client *client;
  const cat_rule *const *rules; /* of as.trace */
  bool level_given;             /* by a rule; else it is the request's */
  uint64_t hits;
} trie_leaf;

typedef struct trie_node trie_node;

enum { TRIE_MOST_LEAVES = 1 << 16 }; /* after that the trie stays as it is */

typedef struct trie {
  arena arena;
  trie_node *root;
  trie_leaf **leaves;
  size_t nleaves, leaves_capacity;
  uint64_t misses;
} trie;

trie_leaf *trie_find(trie *t, const route_request *q); /* NULL where the rules have to be asked */
/* Remembers what d says. Nothing happens when memory is out, the trie is full, or the reads contradict those before. */
void trie_add(trie *t, const route_request *q, const rule_read *reads, size_t nreads, const route_decision *d,
              bool level_given);
void trie_free(trie *t);

#endif
