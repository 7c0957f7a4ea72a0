/* For: the values of fields, as the edges of the trie compare them: by type and bits, since a rule can tell 1 from 1.0.
 * Owner: a key borrows the request's text until trie_key_keep. Use: key = trie_key_of(t, request, read); … */
#ifndef SHUNT_ROUTE_TRIE_KEY_H
#define SHUNT_ROUTE_TRIE_KEY_H

#include "route/trie.h"

typedef struct trie_key {
  uint64_t bits;    /* of the value; of a text its bytes, or where they are too many, a hash */
  const char *text; /* where bits is a hash; else NULL */
  uint32_t size;    /* of a text */
  uint8_t type;     /* a shunt_type; things of the catalog are their numbers */
} trie_key;

trie_key trie_key_of(const trie *t, const route_request *q, const rule_read *read);

/* Whether the field can have only so many values as the catalog has things. */
bool trie_key_closed(const rule_read *read);

static inline trie_key trie_key_client(const cat_client *client) {
  return (trie_key){client->id, NULL, 0, SHUNT_INTEGER};
}

static inline bool trie_key_same(const trie_key *a, const trie_key *b) {
  return a->bits == b->bits && a->type == b->type && a->size == b->size &&
         (!a->text || memcmp(a->text, b->text, a->size) == 0);
}

#endif
