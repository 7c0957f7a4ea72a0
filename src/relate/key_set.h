/* For: distinct keys with numbers. Keys are equal if their values have the same types and the same bytes; what compares
 * otherwise is left to the engine (query/key_sql.c).
 * Owner: a key_set lives in its arena and borrows the bytes of the values.
 * Use: key_set k; key_set_init(&k, &arena, width, most); i = key_set_add(&k, tag, values); … key_set_find(&k, tag,
 * values). */
#ifndef SHUNT_RELATE_KEY_SET_H
#define SHUNT_RELATE_KEY_SET_H

#include "query/key.h"

#define KEY_NONE UINT32_MAX

typedef struct key_entry {
  uint32_t tag;
  uint32_t next; /* in its slot's chain */
} key_entry;

typedef struct key_set {
  size_t width; /* values of a key */
  key_entry *entries;
  shunt_value *values;
  size_t count;
  uint32_t *slots;
  size_t nslots; /* a power of two */
} key_set;

/* Makes room for `most` keys. False when out of memory. */
bool key_set_init(key_set *k, arena *a, size_t width, size_t most);
/* The number of the key, from 0 in the order of adding. Keys with different tags differ. */
uint32_t key_set_add(key_set *k, uint32_t tag, const shunt_value *values);
/* KEY_NONE: no such key. */
uint32_t key_set_find(const key_set *k, uint32_t tag, const shunt_value *values);
static inline const shunt_value *key_set_values(const key_set *k, uint32_t key) { return k->values + key * k->width; }

#endif
