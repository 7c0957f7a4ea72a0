/* For: where an access goes: the decision, and the tables that it leads to.
 * Owner: an access is a value; its decision and its sites belong to the call. A zeroed access is empty. Finding it
 * again reuses its memory. Use: access a = {0}; access_find(c, &request, &a); for each a.sites[i]: … */
#ifndef SHUNT_QUERY_ACCESS_H
#define SHUNT_QUERY_ACCESS_H

#include <assert.h>

#include "query/site.h"

/* A decision leads to one site today. Code that runs statements goes through the list; code that needs exactly one site
 * calls access_only_site. */
typedef struct access {
  route_decision *decision;
  site *sites;
  size_t nsites;
} access;

/* Asks the rules and describes the tables of their decision. Errors: those of route_decide, NOT_FOUND, DATASOURCE,
 * TIMEOUT. */
shunt_status access_find(call *c, const route_request *request, access *a);
bool access_same(const access *a, const access *b);
/* Gives the decision back, before the end of the call; the sites stay. */
static inline void access_end_decision(call *c, access *a) {
  call_end_decision(c, a->decision);
  a->decision = NULL;
}

static inline const site *access_only_site(const access *a) {
  assert(a->nsites == 1);
  return a->sites;
}

#endif
