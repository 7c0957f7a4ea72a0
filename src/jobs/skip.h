/* For: the jobs that this process can't run now, by instance and name: the tenant is unknown here, or the handler needs
 * a model that is. The worker released one of them and takes no more, until a reload, or for a while. Owner: the
 * worker, under its lock. Use: skips_add(&w->skips, "acme", "mail", generation); … if (skips_expire(&w->skips,
 * generation)) … */
#ifndef SHUNT_JOBS_SKIP_H
#define SHUNT_JOBS_SKIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct skip {
  const char *instance, *name;
} skip;

typedef struct skips {
  arena memory;
  skip *list;
  size_t count;
  uint64_t generation; /* in which they were found */
  int64_t since_ns;    /* of the first one */
} skips;

/* The texts are copied. Nothing is added when out of memory: then such a job is claimed and released once more. */
void skips_add(skips *s, const char *instance, const char *name, uint64_t generation);
/* True: it was time to try all of them again, and the list is empty now. */
bool skips_expire(skips *s, uint64_t generation);

#endif
