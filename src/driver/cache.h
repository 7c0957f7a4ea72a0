/* For: a connection's prepared statements, found again by their text: those used last, within bounds.
 * Owner: whoever holds the cache owns the entries, and ends one when the cache gives it up.
 * Use: e = cache_find(&c, sql, size); if (!e) { prepare it; while ((old = cache_surplus(&c, e))) end(old);
 * cache_add(&c, e); } An engine's own struct has the entry as its first member. */
#ifndef SHUNT_DRIVER_CACHE_H
#define SHUNT_DRIVER_CACHE_H

#include <stddef.h>
#include <stdint.h>

typedef struct cache_entry {
  const char *sql; /* lives as long as the entry */
  size_t size;
  uint64_t hash;
  struct cache_entry *chain; /* the next one in its bucket */
  struct cache_entry *newer, *older;
} cache_entry;

enum { CACHE_MOST = 128, CACHE_MOST_BYTES = 256 * 1024 /* of SQL */, CACHE_SLOTS = 256 };

typedef struct sql_cache {
  cache_entry *buckets[CACHE_SLOTS];
  cache_entry *newest, *oldest;
  size_t count;
  size_t bytes;
} sql_cache;

/* Makes it the newest. NULL where there is none. */
cache_entry *cache_find(sql_cache *c, const char *sql, size_t size);
/* The oldest, no longer in the cache, where one has to go for `more` bytes of SQL to come in; else NULL. */
cache_entry *cache_surplus(sql_cache *c, size_t more);
/* sql and size are set. */
void cache_add(sql_cache *c, cache_entry *e);
void cache_remove(sql_cache *c, cache_entry *e);

#endif
