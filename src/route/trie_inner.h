/* For: what the files of the trie share, and nobody else sees. Under the trie's lock. */
#ifndef SHUNT_ROUTE_TRIE_INNER_H
#define SHUNT_ROUTE_TRIE_INNER_H

#include "route/trie.h"

/* The trie's own copy of the bytes; of the same it is the same one. NULL when out of memory. */
const void *trie_keep(trie *t, const void *bytes, size_t size);

/* The leaf that says what d does, made where there is none yet. NULL when out of memory. */
trie_leaf *trie_leaf_for(trie *t, const route_decision *d, bool level_given, const char *denial);

#endif
