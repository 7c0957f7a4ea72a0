/* For: where an access goes: the decision, joined with the descriptions of the tables that it leads to.
 * Owner: an access is a value; its decision and its sites are the call's. Zeroed it is ready to be found, and found
 * once more it uses again what it has.
 * Use: access a = {0}; access_find(c, &request, &a); for each a.sites[i]: … */
#ifndef SHUNT_QUERY_ACCESS_H
#define SHUNT_QUERY_ACCESS_H

#include <assert.h>

#include "query/site.h"

/* A decision leads to one site today. Whatever runs statements goes through the list, and whatever can't do with
 * several asks access_only_site. */
typedef struct access {
  route_decision *decision;
  site *sites;
  size_t nsites;
} access;

/* Takes the decision and describes the tables that it leads to. Errors: those of route_decide, NOT_FOUND, DATASOURCE,
 * TIMEOUT. */
shunt_status access_find(call *c, const route_request *request, access *a);
bool access_same(const access *a, const access *b);

static inline const site *access_only_site(const access *a) {
  assert(a->nsites == 1);
  return a->sites;
}

#endif
