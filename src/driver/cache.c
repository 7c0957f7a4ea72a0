#include "driver/cache.h"

#include <stdbool.h>
#include <string.h>

/* Eight bytes a step: every execution hashes its text, and FNV's one byte a step shows in the benchmark. */
static uint64_t hash_sql(const char *sql, size_t size) {
  uint64_t hash = size * 0x9E3779B97F4A7C15u;
  while (size >= 8) {
    uint64_t word;
    memcpy(&word, sql, 8);
    hash = (hash ^ word) * 0x9FB21C651E98DF25u;
    hash ^= hash >> 32;
    sql += 8;
    size -= 8;
  }
  uint64_t last = 0;
  if (size) memcpy(&last, sql, size);
  hash = (hash ^ last) * 0x9FB21C651E98DF25u;
  return hash ^ (hash >> 29);
}

static cache_entry **bucket(sql_cache *c, uint64_t hash) { return &c->buckets[hash % CACHE_SLOTS]; }

static void unlink_from_age(sql_cache *c, cache_entry *e) {
  *(e->newer ? &e->newer->older : &c->newest) = e->older;
  *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void make_newest(sql_cache *c, cache_entry *e) {
  e->newer = NULL;
  e->older = c->newest;
  *(c->newest ? &c->newest->newer : &c->oldest) = e;
  c->newest = e;
}

static bool is_of(const cache_entry *e, const char *sql, size_t size) {
  return e->size == size && memcmp(e->sql, sql, size) == 0;
}

/* The newest entry is often the next one too: it is found without a hash. */
cache_entry *cache_find(sql_cache *c, const char *sql, size_t size) {
  if (c->newest && is_of(c->newest, sql, size)) return c->newest;
  uint64_t hash = hash_sql(sql, size);
  cache_entry *e = *bucket(c, hash);
  while (e && !(e->hash == hash && is_of(e, sql, size))) e = e->chain;
  if (e) {
    unlink_from_age(c, e);
    make_newest(c, e);
  }
  return e;
}

void cache_remove(sql_cache *c, cache_entry *e) {
  cache_entry **at = bucket(c, e->hash);
  while (*at != e) at = &(*at)->chain;
  *at = e->chain;
  unlink_from_age(c, e);
  c->count--;
  c->bytes -= e->size;
}

cache_entry *cache_surplus(sql_cache *c, size_t more) {
  cache_entry *oldest = c->oldest;
  if (!oldest || (c->count < CACHE_MOST && c->bytes + more <= (size_t)CACHE_MOST_BYTES)) return NULL;
  cache_remove(c, oldest);
  return oldest;
}

void cache_add(sql_cache *c, cache_entry *e) {
  e->hash = hash_sql(e->sql, e->size);
  cache_entry **at = bucket(c, e->hash);
  e->chain = *at;
  *at = e;
  make_newest(c, e);
  c->count++;
  c->bytes += e->size;
}
