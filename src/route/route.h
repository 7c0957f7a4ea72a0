/* For: turning a request into a decision: the client, table and level, the rule that chose them, and the fields that
 * the decision depends on. Owner: a route holds the rules of one generation over one catalog, which outlives it. Any
 * thread may ask; a cached decision is found without a lock. The data that a decision points to lives as long as the
 * route, or until the next route_decide with the same route_decision. Use: route_decision d = {0}; route_decide(r,
 * &request, &d, err); … d.client, d.as.table …; route_decision_clear(&d); */
#ifndef SHUNT_ROUTE_ROUTE_H
#define SHUNT_ROUTE_ROUTE_H

#include "base/arena.h"
#include "base/event.h"
#include "catalog/catalog.h"
#include "catalog/describe.h"
#include "route/pick.h"
#include "rule/request.h"
#include "shunt.h"

typedef struct route route;

typedef rule_request route_request;

/* Its owner reuses it, so that a decision costs no allocation once the buffers are large enough. */
typedef struct route_decision {
  shunt_decision as;
  const cat_client *client;        /* NULL if denied */
  const cat_client *selected;      /* the candidate before the refine stage; NULL if only guards were asked */
  const rule_read *const *reads;   /* the fields of as.depends_on, in the same order */
  const rule_read *const *placing; /* of reads, the columns that were read before the guards: they chose the place */
  size_t nplacing;
  const cat_rule *client_rule, *table_rule; /* the last that chose the client and the table; NULL: a rule did not */
  const cat_rule *outside_rule; /* with as.outside: which of them. NULL: the model's table or its function */
  shunt_trace *trace;
  const cat_rule **rules; /* of the trace */
  size_t trace_capacity, rules_capacity;
  const rule_read **fields; /* of reads, and of placing behind them */
  const char **depends_on;
  size_t fields_capacity, depends_capacity;
  arena texts;
  bool passing; /* some of the reads that it depends on end with it: it can't be remembered */
  /* Not NULL if it came from the cache, depends on no column and on nothing that the session has written, and no client
   * was drawn: another request with the same names, op, level, instance and attributes, and in the same transaction if
   * any, gets it again, by route_repeat. It lives as long as the route. */
  const struct trie_leaf *repeats;
} route_decision;

enum { ROUTE_REMEMBER = 1 << 16, ROUTE_MOST_REMEMBERED = CATALOG_MOST_REMEMBERED };

typedef struct route_settings {
  size_t remember; /* most cache entries; 0: no cache */
  double audit;    /* the share of hits for which the rules are asked again; 0: none */
} route_settings;

/* settings NULL: ROUTE_REMEMBER, no audit. Takes ownership of the host, also on failure; the calling thread uses it. */
shunt_status route_new(const catalog *c, rule_host *host, uint64_t generation, const route_settings *settings,
                       route **out, shunt_error *err);
/* No thread may be inside it. */
/* A host like the one that the route was made with. Any thread. Errors: those of rule_host_clone. */
shunt_status route_clone_host(const route *r, rule_host **out, shunt_error *err);
void route_free(route *r);

/* Makes the calling thread's rule state, so that its first decision does not wait for that. Each thread has its own.
 * Errors: LIMIT, MEMORY, INTERNAL. */
shunt_status route_prepare(route *r, shunt_error *err);
/* The same for every thread that has a state in before. No other thread may use r yet. */
shunt_status route_prepare_like(route *r, const route *before, shunt_error *err);

/* Sets how busy clients are, and which are down, for pick. */
void route_set_load(route *r, const pick_load *load);

/* Where slow rules are reported; NULL: nowhere. Set it before other threads ask. */
void route_set_events(route *r, event_sink *events);

/* On SHUNT_E_DENIED *d is filled too, with client NULL. Errors: DENIED, NOT_FOUND, RULE, LIMIT, MEMORY. */
shunt_status route_decide(route *r, const route_request *request, route_decision *d, shunt_error *err);
void route_decision_clear(route_decision *d);
/* Counts a decision that repeats as found in the cache once more. False: it must be decided anew, because the cache is
 * off or audited, or because the thread has no rule state yet. */
bool route_repeat(route *r, const struct trie_leaf *repeats);
/* Asks only the guards, whether the request may go to this client. d is for their use. Errors: DENIED and those of
 * route_decide. */
shunt_status route_guard(route *r, const route_request *request, const cat_client *client, route_decision *d,
                         shunt_error *err);
/* Fills err with the place and name of the rule. */
void route_blame(shunt_error *err, const cat_rule *rule);
/* Asks the rules again: *out is the first rule that reads the column, or NULL: a table function of the model does. */
shunt_status route_find_reader(route *r, const route_request *request, const char *column, route_decision *d,
                               const cat_rule **out, shunt_error *err);

/* The read, or a copy of it where it would end with the decision. NULL if memory runs out. */
const rule_read *route_keep(arena *a, const route_decision *d, const rule_read *read);

/* Whether the decision depends on the field; for WHERE and ATTRS: on any column or attribute. */
bool route_depends_on(const route_decision *d, rule_field field);
/* Whether the decision depends on the column. */
bool route_depends_on_where(const route_decision *d, const char *column);
/* The request's value of the column, which may be a null; NULL: it has none. */
const shunt_value *route_value_of(const route_request *q, const char *column);
/* Whether the rules chose the place by the column. */
bool route_chose_by(const route_decision *d, const char *column);

/* A column by which the rules chose the place, and for which the request has no value (a null is one): the rows of its
 * values may lie elsewhere. NULL: no such column. */
const rule_read *route_unfixed(const route_request *q, const route_decision *d);

/* ---- what it did so far ---- */

/* Of one rule. A hit in the cache counts as if the rules had been asked. */
typedef struct route_rule_stats {
  uint64_t asked; /* its conditions held */
  uint64_t selected, passed, denied, failed;
  uint64_t timed,
      timed_ns; /* number of timed calls and their total (sampled: reading the clock costs more than most rules) */
} route_rule_stats;

typedef struct route_stats {
  uint64_t hits, misses;     /* found in the cache, and asked of the rules */
  size_t entries, decisions; /* cache entries, and their distinct decisions */
  size_t bytes, nodes[SHUNT_NNODES];
  uint64_t refused_children, refused_entries; /* not remembered: a node or the cache was full */
  uint64_t audits, differences;
  size_t lanes; /* rule states */
} route_stats;

void route_count(route *r, route_stats *stats);
/* rules has one element for each rule of the catalog. */
void route_count_rules(route *r, route_rule_stats *rules);
/* How often each rule was asked, and how often it decided. False if memory runs out. */
bool route_counts(route *r, cat_rule_counts *counts);

/* ---- checking it ---- */

/* fn is called by the thread whose audit found a difference; from then on the cache is off. Set it before other threads
 * ask. */
void route_on_difference(route *r, void (*fn)(void *ud, const shunt_difference *difference), void *ud);

/* Turns the cache on or off, for measurements and comparisons. It is on at first. */
void route_remember(route *r, bool on);
bool route_remembers(const route *r);
size_t route_remembered(route *r); /* how many */

#endif
