/* For: what the files of route share, and nobody else sees. */
#ifndef SHUNT_ROUTE_ROUTE_INNER_H
#define SHUNT_ROUTE_ROUTE_INNER_H

#include <pthread.h>

#include "route/index.h"
#include "route/pick.h"
#include "route/route.h"
#include "route/trie.h"
#include "rule/host.h"

struct route {
  const catalog *catalog;
  rule_host *host;
  uint64_t generation;
  stage_index stages[CAT_NSTAGES];
  index_cursor *cursors; /* for a walk of any stage, and for the one inside it that "default" asks for */
  size_t most_lists;
  cat_rule_counts *counts; /* of what the rules were asked themselves, not of what was remembered */
  picker picker;
  trie trie;
  bool remembers;
  bool relations_have_tables; /* so that the table depends on the relation */
  pthread_mutex_t lock;       /* one evaluation at a time: there is one rule state */
};

typedef struct route_outcome {
  bool level_given; /* by a rule; else it is the request's */
  bool drawn;       /* by pick: to be drawn anew each time */
} route_outcome;

/* Asks the rules. Under the route's lock; err is not NULL. */
shunt_status route_evaluate(route *r, const route_request *q, route_decision *d, route_outcome *outcome,
                            shunt_error *err);

/* Fills err with the refusal, which it returns. */
shunt_status route_denial(shunt_error *err, const cat_rule *rule, const char *why);

#endif
