/* For: the prepared statement cache of a connection: finds a statement by its text, keeps the most recently used.
 * Owner: the driver owns the entries, and frees one that cache_surplus or cache_remove has taken out.
 * Use: e = cache_find(&c, sql, size); if (!e) { prepare e; while ((old = cache_surplus(&c, size))) free old;
 * cache_add(&c, e); } The engine's own statement has the entry as its first member. */
#ifndef SHUNT_DRIVER_CACHE_H
#define SHUNT_DRIVER_CACHE_H

#include <stddef.h>
#include <stdint.h>

typedef struct cache_entry {
  const char *sql; /* lives as long as the entry */
  size_t size;
  uint64_t hash;
  struct cache_entry *chain; /* next in the bucket */
  struct cache_entry *newer, *older;
} cache_entry;

enum { CACHE_MOST = 128, CACHE_MOST_BYTES = 256 * 1024 /* of SQL */, CACHE_SLOTS = 256 };

typedef struct sql_cache {
  cache_entry *buckets[CACHE_SLOTS];
  cache_entry *newest, *oldest;
  size_t count;
  size_t bytes;
} sql_cache;

/* Makes the entry the newest. NULL: not found. */
cache_entry *cache_find(sql_cache *c, const char *sql, size_t size);
/* Takes out the oldest entry if `more` bytes of SQL need its room; otherwise NULL. */
cache_entry *cache_surplus(sql_cache *c, size_t more);
/* The entry's sql and size are set. */
void cache_add(sql_cache *c, cache_entry *e);
void cache_remove(sql_cache *c, cache_entry *e);

#endif
