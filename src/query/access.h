/* For: where an access goes: the decision, and the tables that it leads to.
 * Owner: an access is a value; its decision and its sites belong to the call. A zeroed access is empty. Finding it
 * again reuses its memory. Use: access a = {0}; access_find(c, &request, &a); for each a.sites[i]: … */
#ifndef SHUNT_QUERY_ACCESS_H
#define SHUNT_QUERY_ACCESS_H

#include <assert.h>

#include "query/site.h"

typedef struct access {
  route_decision *decision;
  site *sites;
  size_t nsites, room;
  /* The rows of a relation are read from the explicit client of the call. Other parents and other values of where may
   * lead elsewhere, though the decision does not depend on them any more. */
  bool held;
  bool loose; /* all parts, though the sharding key has a value: rows of several parts may equal it */
} access;

/* Finds the one site where a row with these values is stored. The rules may have chosen it by a column (the sharding
 * key); then the request must have a value for that column, because the rows of other values lie elsewhere. Errors:
 * USAGE if it has none; RULE if the site is not one of the model's parts; those of route_decide, NOT_FOUND, DATASOURCE,
 * TIMEOUT. */
shunt_status access_find(call *c, const route_request *request, access *a);
/* Finds the one site of all rows that equal these values. Errors: the same; USAGE if rows of several parts may equal a
 * sharding key, because its column compares texts otherwise than byte by byte. */
shunt_status access_find_only(call *c, const route_request *request, access *a);
/* Errors: USAGE if rows of other parts may have the same key as a row for the site that was found. */
shunt_status access_check_conflict(call *c, const access *a, const shunt_conflict *conflict);

/* Finds all sites that may have rows for which the condition holds: of each value in a list of sharding keys, otherwise
 * of all parts of the model. They are different. Errors: those of access_find; USAGE if the model declares no parts. */
shunt_status access_find_all(call *c, const route_request *request, const shunt_where *where, access *a);
/* Makes one site of those on the same client and level: its table stands for all of them (UNION ALL). For reading. */
shunt_status access_unite(call *c, access *a);
#define ACCESS_UNITED "parts" /* the name of that table in a statement */

/* DENIED if the client is a replica, which takes no writes; else OK. */
shunt_status access_refuse_replica(const cat_client *client, shunt_error *err);

bool access_same(const access *a, const access *b);
/* Gives the decision back, before the end of the call; the sites stay. */
static inline void access_end_decision(call *c, access *a) {
  call_end_decision(c, a->decision);
  a->decision = NULL;
}

/* The sites have another owner: the next search makes others. */
static inline void access_leave_sites(access *a) {
  a->sites = NULL;
  a->nsites = a->room = 0;
}

static inline const site *access_only_site(const access *a) {
  assert(a->nsites == 1);
  return a->sites;
}

#endif
