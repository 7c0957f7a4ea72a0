/* For: the jobs that this process can't run now. By instance and name: the tenant is unknown here, or the handler needs
 * a model that is. By number: what is unknown is only in that job's envelope. The worker released one of them and takes
 * no more, until a reload, or for a while. Owner: the worker, under its lock. Use: skips_add(&w->skips,
 * &(skip){"acme", "mail"}, generation); … if (skips_expire(&w->skips, generation)) … */
#ifndef SHUNT_JOBS_SKIP_H
#define SHUNT_JOBS_SKIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct skip {
  const char *instance, *name;
  int64_t id; /* of the one job; 0: all of them */
} skip;

typedef struct skips {
  arena memory;
  skip *list; /* of those by instance and name */
  size_t count;
  int64_t *ids;
  size_t nids;
  uint64_t generation; /* in which they were found */
  int64_t since_ns;    /* of the first one */
} skips;

/* The texts are copied. Nothing is added when out of memory: then such a job is claimed and released once more. */
void skips_add(skips *s, const skip *job, uint64_t generation);
/* True: it was time to try all of them again, and the list is empty now. */
bool skips_expire(skips *s, uint64_t generation);

#endif
