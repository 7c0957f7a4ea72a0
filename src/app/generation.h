/* For: one loaded set of configuration and rules, with the pools of its clients.
 * Owner: shared. Each user has one share; the last drop frees the generation. The app has a share of the newest
 * generation, each session one of its own generation. Any thread.
 * Use: generation_new(&from, options, &g, err); generation_share(g); generation_drop(g); */
#ifndef SHUNT_APP_GENERATION_H
#define SHUNT_APP_GENERATION_H

#include <stdatomic.h>

#include "app/difference.h"
#include "app/history.h"
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
  handle_results results; /* the results of handle lookups */
  arena arena;            /* of the folders */
  const char **folders;   /* of the files that it was read from */
  size_t nfolders;        /* 0: the folders are not watched */
  bool inherited;         /* catalog and folders are those of the generation before a fork, which is never freed */
  history_member history;
} generation;

typedef struct generation_source {
  const char *path, *env;   /* as in shunt_open */
  const generation *before; /* the previous generation; clients with unchanged settings keep its pools. NULL: this is
                               the first generation */
  differences *differences; /* receives the differences that audits find */
  const handles *handles;   /* the app's */
  history *history;         /* the app's */
  event_sink *events;       /* where reloads, pools and rules report */
} generation_source;

/* Reads and checks everything, and runs the self-test. Errors: as for shunt_open. */
shunt_status generation_new(const generation_source *from, const shunt_options *options, generation **out,
                            shunt_error *err);
/* In the child of a fork: the same catalog and number, with a cache, rule states and pools of its own. Any thread of
 * the parent may have been in `parent`, so nothing else of it is used, and it is never freed. Errors: LIMIT, MEMORY. */
shunt_status generation_again(const generation *parent, const generation_source *from, generation **out,
                              shunt_error *err);
static inline generation *generation_share(generation *g) {
  atomic_fetch_add(&g->shares, 1);
  return g;
}
void generation_drop(generation *g); /* accepts NULL */

#endif
