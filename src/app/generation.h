/* For: one loaded set of configuration and rules, with the pools of its clients.
 * Owner: whoever uses one has a share of it, and the last one ends it: the app has one of the newest, each session one
 * of the generation that it is in. Any thread.
 * Use: generation_new(&from, options, &g, err); … generation_share(g); … generation_drop(g). */
#ifndef SHUNT_APP_GENERATION_H
#define SHUNT_APP_GENERATION_H

#include <stdatomic.h>

#include "app/difference.h"
#include "base/arena.h"
#include "catalog/handle.h"
#include "pool/pool.h"
#include "route/route.h"

typedef struct generation {
  atomic_int shares;
  uint64_t number; /* from 1 */
  catalog *catalog;
  route *route;
  pools *pools;
  things things;        /* what the app's handles are here */
  arena arena;          /* of the folders */
  const char **folders; /* what it was read from lies in these */
  size_t nfolders;      /* 0: they are not to be watched */
} generation;

typedef struct generation_source {
  const char *path, *env;   /* as shunt_open takes them */
  const generation *before; /* whose pools live on where their settings are the same; NULL: this is the first one */
  differences *differences; /* told of those that audits find */
  event_sink *events;
} generation_source;

/* Reads and checks everything, and asks the rules' selftest. Errors: those of shunt_open. */
shunt_status generation_new(const generation_source *from, const shunt_options *options, generation **out,
                            shunt_error *err);
static inline generation *generation_share(generation *g) {
  atomic_fetch_add(&g->shares, 1);
  return g;
}
void generation_drop(generation *g); /* accepts NULL */

#endif
