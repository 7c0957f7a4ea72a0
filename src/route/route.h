/* For: from a request to a decision: which client, table and level, by which rule, depending on what.
 * Owner: a route is one generation's rules over one catalog; the catalog outlives it. Any thread may ask; what is
 * remembered is found without a lock. What a decision points to lives as long as the route, or until the next
 * route_decide with the same route_decision.
 * Use: route_decision d = {0}; route_decide(r, &request, &d, err); … d.client, d.as.table …; route_decision_clear(&d).
 */
#ifndef SHUNT_ROUTE_ROUTE_H
#define SHUNT_ROUTE_ROUTE_H

#include "base/arena.h"
#include "base/event.h"
#include "catalog/catalog.h"
#include "catalog/describe.h"
#include "rule/request.h"
#include "shunt.h"

typedef struct route route;

typedef rule_request route_request;

/* Used again and again by its owner, so that deciding costs no allocation once it is warm. */
typedef struct route_decision {
  shunt_decision as;
  const cat_client *client;      /* NULL if denied */
  const rule_read *const *reads; /* the fields of as.depends_on, in the same order */
  shunt_trace *trace;
  const cat_rule **rules; /* of the trace */
  size_t trace_capacity, rules_capacity;
  const rule_read **fields; /* of reads */
  const char **depends_on;
  size_t fields_capacity, depends_capacity;
  arena texts;
} route_decision;

enum { ROUTE_REMEMBER = 1 << 16, ROUTE_MOST_REMEMBERED = CATALOG_MOST_REMEMBERED };

typedef struct route_settings {
  size_t remember; /* so many at most, of what route_stats calls entries; 0: none */
  double audit;    /* the share of what is remembered that the rules are asked again about; 0: none */
} route_settings;

/* settings NULL: ROUTE_REMEMBER, no audit. Takes the host over, also when it fails; it is the calling thread's. */
shunt_status route_new(const catalog *c, rule_host *host, uint64_t generation, const route_settings *settings,
                       route **out, shunt_error *err);
/* When no thread is in it any more. */
void route_free(route *r);

/* Makes what the calling thread needs to ask the rules, so that its first decision does not wait for it. Each thread
 * has a rule state of its own. Errors: LIMIT, MEMORY, INTERNAL. */
shunt_status route_prepare(route *r, shunt_error *err);
/* The same for every thread that has asked the one before, as long as nobody asks this one yet. */
shunt_status route_prepare_like(route *r, const route *before, shunt_error *err);

/* How busy a client is, for pick{policy = "least_busy"}: connections in use and callers waiting. */
void route_set_load(route *r, int (*load)(void *ud, const cat_client *client), void *ud);

/* Where slow rules are reported; NULL: nowhere. Set it before other threads ask. */
void route_set_events(route *r, event_sink *events);

/* On SHUNT_E_DENIED *d is filled too, its client NULL. Errors: DENIED, NOT_FOUND, RULE, LIMIT, MEMORY. */
shunt_status route_decide(route *r, const route_request *request, route_decision *d, shunt_error *err);
void route_decision_clear(route_decision *d);

/* Whether the field was read on the way; WHERE and ATTRS: any column or attribute. */
bool route_depends_on(const route_decision *d, rule_field field);
/* Whether this column was read on the way. */
bool route_depends_on_where(const route_decision *d, const char *column);

/* ---- what it did so far ---- */

/* Of a rule, whatever was remembered counted as asked. */
typedef struct route_rule_stats {
  uint64_t asked; /* its conditions held */
  uint64_t selected, passed, denied, failed;
  uint64_t timed, timed_ns; /* so many times it was timed, and took that long in all: not each time is a look at the
                               clock worth its price */
} route_rule_stats;

typedef struct route_stats {
  uint64_t hits, misses;     /* what was remembered, and what the rules were asked for */
  size_t entries, decisions; /* remembered: combinations of values, and what they come to */
  size_t bytes, nodes[SHUNT_NNODES];
  uint64_t refused_children, refused_entries; /* that were not remembered: a branch or all of it was full */
  uint64_t audits, differences;
  size_t lanes; /* rule states */
} route_stats;

void route_count(route *r, route_stats *stats);
/* Into as many as the catalog has rules. */
void route_count_rules(route *r, route_rule_stats *rules);
/* Of each rule how often it was asked and how often it decided, as describe tells. False when out of memory. */
bool route_counts(route *r, cat_rule_counts *counts);

/* ---- checking it ---- */

/* Called by the thread that found a difference in an audit; after it nothing is remembered any more. Set it before
 * other threads ask. */
void route_on_difference(route *r, void (*fn)(void *ud, const shunt_difference *difference), void *ud);

/* Whether decisions are remembered, which they are from the start: for measuring, and for comparing. */
void route_remember(route *r, bool on);
bool route_remembers(const route *r);
size_t route_remembered(route *r); /* how many */

#endif
