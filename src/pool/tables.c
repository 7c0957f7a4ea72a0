#include "pool/tables.h"

#include <string.h>

#include "base/alloc.h"

bool tables_init(table_cache *cache) {
  memset(cache, 0, sizeof *cache);
  return pthread_mutex_init(&cache->lock, NULL) == 0;
}

void tables_end(table_cache *cache) {
  for (size_t i = 0; i < cache->count; i++) driver_table_free(cache->all[i]);
  base_free(cache->all);
  map_free(&cache->names);
  pthread_mutex_destroy(&cache->lock);
}

const driver_table *tables_known(table_cache *cache, const char *name) {
  pthread_mutex_lock(&cache->lock);
  const driver_table *known = map_get(&cache->names, name);
  pthread_mutex_unlock(&cache->lock);
  return known;
}

/* Equal descriptions are kept once: those of the parts of a table, or of a table that changes back and forth. NULL when
 * out of memory. */
static driver_table *keep(table_cache *cache, driver_table *fresh) {
  for (size_t i = 0; i < cache->count; i++) {
    if (!driver_table_equal(cache->all[i], fresh)) continue;
    driver_table_free(fresh);
    return cache->all[i];
  }
  if (!base_grow(&cache->all, &cache->capacity, cache->count + 1, sizeof(driver_table *))) {
    driver_table_free(fresh);
    return NULL;
  }
  return cache->all[cache->count++] = fresh;
}

static driver_table *remember(table_cache *cache, const char *name, driver_table *fresh) {
  driver_table *known = map_get(&cache->names, name);
  driver_table *kept = keep(cache, fresh);
  if (!kept || kept == known) return kept;
  char *key = arena_strdup(&kept->arena, name);
  return key && map_put(&cache->names, key, kept) ? kept : NULL;
}

const driver_table *tables_remember(table_cache *cache, const char *name, driver_table *fresh) {
  pthread_mutex_lock(&cache->lock);
  const driver_table *kept = remember(cache, name, fresh);
  pthread_mutex_unlock(&cache->lock);
  return kept;
}

void tables_forget_all(table_cache *cache) {
  pthread_mutex_lock(&cache->lock);
  map_reset(&cache->names);
  pthread_mutex_unlock(&cache->lock);
}

void tables_forget(table_cache *cache, const char *name) {
  pthread_mutex_lock(&cache->lock);
  if (map_get(&cache->names, name)) (void)map_put(&cache->names, name, NULL); /* replacing takes no memory */
  pthread_mutex_unlock(&cache->lock);
}
