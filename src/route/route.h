/* For: from a request to a decision: which client, table and level, by which rule, depending on what.
 * Owner: a route is one generation's rules over one catalog; the catalog outlives it. Any thread may ask.
 * Use: route_decision d = {0}; route_decide(r, &request, &d, err); … d.client, d.as.table …; route_decision_clear(&d).
 */
#ifndef SHUNT_ROUTE_ROUTE_H
#define SHUNT_ROUTE_ROUTE_H

#include "base/arena.h"
#include "catalog/catalog.h"
#include "catalog/describe.h"
#include "shunt.h"

typedef struct route route;
typedef struct rule_host rule_host;

/* Names are those of the catalog, or "default" where a client may be named. Everything is borrowed for the call. */
typedef struct route_request {
  const cat_model *model;
  const cat_relation *relation; /* or NULL; one made on the spot has the id UINT32_MAX */
  const cat_instance *instance;
  const char *explicit_client; /* NULL: none */
  const char *explicit_table;
  const char *relation_client; /* NULL: the relation's own */
  const char *parent;          /* the parent's datasource; NULL where there is none */
  const char *current;         /* what the session was switched to, or NULL */
  shunt_op op;
  int level;
  bool in_transaction;
  bool every_rule; /* asks the rules, whatever is remembered */
  const shunt_field *where;
  size_t nwhere;
  const shunt_field *attrs;
  size_t nattrs;
} route_request;

/* Used again and again by its owner, so that deciding costs no allocation once it is warm. Its strings hold until the
 * next route_decide with it. */
typedef struct route_decision {
  shunt_decision as;
  const cat_client *client; /* NULL where denied */
  shunt_trace *trace;
  const cat_rule **rules; /* of the trace */
  size_t trace_capacity, rules_capacity;
  const char **depends_on;
  size_t depends_capacity;
  arena texts;
} route_decision;

/* Takes the host over, also when it fails. */
shunt_status route_new(const catalog *c, rule_host *host, uint64_t generation, route **out, shunt_error *err);
void route_free(route *r);

/* How busy a client is, for pick{policy = "least_busy"}: connections in use and callers waiting. */
void route_set_load(route *r, int (*load)(void *ud, const cat_client *client), void *ud);

/* On SHUNT_E_DENIED *d is filled too, its client NULL. Errors: DENIED, NOT_FOUND, RULE, LIMIT, MEMORY. */
shunt_status route_decide(route *r, const route_request *request, route_decision *d, shunt_error *err);
void route_decision_clear(route_decision *d);

/* Whether a field was read on the way, "parent" or "where.user_id". */
bool route_depends_on(const route_decision *d, const char *field);
/* The same for the value of a column. */
bool route_depends_on_where(const route_decision *d, const char *column);

/* Per rule how often it was asked and how often it decided, into as many as the catalog has rules. */
void route_counts(route *r, cat_rule_counts *counts);
/* Whether decisions are remembered, which they are from the start: for measuring, and for comparing. */
void route_remember(route *r, bool on);
size_t route_remembered(route *r); /* how many */

#endif
