/* For: what the rules and the caches of all generations have counted: counters never go back, whatever a reload
 * changes. Owner: the app owns the history, which outlives its generations. Each generation that lives is in its list;
 * when it ends, its counts are kept, those of a rule as long as the next generations have a rule of that name and
 * stage. Any thread. Use: history_join(h, g, before, err); … history_leave(g); history_read(h, g, &counts, err);
 * history_free_counts(&counts);
 */
#ifndef SHUNT_APP_HISTORY_H
#define SHUNT_APP_HISTORY_H

#include <pthread.h>

#include "route/route.h"

struct generation;
struct history_rule;

typedef struct history {
  pthread_mutex_t lock;
  struct generation *alive; /* by next_alive */
  uint64_t hits, misses;    /* of those that have ended */
} history;

/* A generation's part. */
typedef struct history_member {
  history *of; /* NULL: it has not joined */
  struct history_rule **rules;
  size_t nrules;
  uint64_t hits, misses; /* that do not count: of the selftest */
  struct generation *next_alive;
} history_member;

bool history_init(history *h);
void history_end(history *h);

/* What the generation has counted until now does not count. before: the newest until now; NULL: none. Errors: MEMORY.
 */
shunt_status history_join(history *h, struct generation *g, const struct generation *before, shunt_error *err);
/* Before its route ends. No-op if it has not joined. */
void history_leave(struct generation *g);

typedef struct history_counts {
  uint64_t hits, misses;
  route_rule_stats *rules; /* of all generations, by the rules of the one that was asked for */
} history_counts;

/* The caller has a share of the generation. Errors: MEMORY. */
shunt_status history_read(history *h, const struct generation *g, history_counts *out, shunt_error *err);
void history_free_counts(history_counts *c);

#endif
