/* For: what a client's tables look like, remembered. Any thread.
 * Owner: the cache owns every table it was given until tables_end, those that were replaced too: somebody may look at
 * them. Of those that look the same it keeps one.
 * Use: tables_init(&c); t = tables_known(&c, name); if (!t) t = tables_remember(&c, name, described anew); */
#ifndef SHUNT_POOL_TABLES_H
#define SHUNT_POOL_TABLES_H

#include <pthread.h>

#include "driver/driver.h"

typedef struct table_cache {
  pthread_mutex_t lock;
  map names; /* as they were asked for; the tables' arenas hold them. The value is NULL for a table that is gone */
  driver_table **all; /* ever remembered, none twice */
  size_t count, capacity;
} table_cache;

bool tables_init(table_cache *cache);
void tables_end(table_cache *cache);
/* NULL where it isn't known. */
const driver_table *tables_known(table_cache *cache, const char *name);
/* Takes over fresh, and gives back the one that is kept, by whatever name, where that looks the same. NULL when out of
 * memory. */
const driver_table *tables_remember(table_cache *cache, const char *name, driver_table *fresh);
void tables_forget(table_cache *cache, const char *name);

#endif
