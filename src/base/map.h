/* For: a map from text to pointers, iterated in the order of insertion. Keys are borrowed and must outlive the map.
 * Owner: the caller that has the map; it owns neither keys nor values. Source: open addressing with linear probing.
 * Use: map m = {0}; if (!map_put(&m, name, thing)) return error_memory(err); thing = map_get(&m, name); map_free(&m);
 */
#ifndef SHUNT_BASE_MAP_H
#define SHUNT_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct map_entry {
  const char *key;
  size_t size;
  uint64_t hash;
  void *value;
} map_entry;

typedef struct map {
  map_entry *entries;
  size_t count;
  size_t capacity;
  uint32_t *slots; /* position in entries + 1; 0: free */
  size_t nslots;   /* a power of two */
} map;

/* FNV-1a (Fowler, Noll, Vo), with a final mix, so that the low bits depend on all of the key. */
uint64_t map_hash(const char *key, size_t size);

void *map_get(const map *m, const char *key);
void *map_get_n(const map *m, const char *key, size_t size);
/* Adds a key, or replaces its value. False when out of memory: nothing changed. */
bool map_put(map *m, const char *key, void *value);
bool map_put_n(map *m, const char *key, size_t size, void *value);
void map_reset(map *m); /* empties it, and keeps the memory */
void map_free(map *m);

#endif
