/* For: a cache of the descriptions of a client's tables. Any thread.
 * Owner: the cache owns every description until tables_end, replaced ones too, because a session may still use them.
 * Equal descriptions are kept once.
 * Use: tables_init(&c); t = tables_known(&c, name); if (!t) t = tables_remember(&c, name, fresh); */
#ifndef SHUNT_POOL_TABLES_H
#define SHUNT_POOL_TABLES_H

#include <pthread.h>

#include "driver/driver.h"

typedef struct table_cache {
  pthread_mutex_t lock;
  map names; /* as callers spell them, in the arenas of the tables. The value is NULL for a table that is gone */
  driver_table **all; /* all that were ever cached, each once */
  size_t count, capacity;
} table_cache;

bool tables_init(table_cache *cache);
void tables_end(table_cache *cache);
/* NULL: not in the cache. */
const driver_table *tables_known(table_cache *cache, const char *name);
/* Takes fresh over, and returns the description that is kept: an equal one, if there is one under any name. NULL when
 * out of memory. */
const driver_table *tables_remember(table_cache *cache, const char *name, driver_table *fresh);
void tables_forget(table_cache *cache, const char *name);
void tables_forget_all(table_cache *cache);

#endif
