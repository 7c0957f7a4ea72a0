#include "query/access.h"

#include "query/table.h"
#include "session/transaction.h"

shunt_status access_find(call *c, const route_request *request, access *a) {
  if (!a->decision) a->decision = call_decision(c);
  if (!a->sites) a->sites = arena_alloc(c->arena, sizeof *a->sites);
  if (!a->decision || !a->sites) return error_memory(c->err);
  shunt_status status = route_decide(c->s->generation.route, request, a->decision, c->err);
  if (status) return status;
  const cat_client *client = a->decision->client;
  site *at = a->sites;
  a->nsites = 1;
  *at = (site){request->model, client, driver_for(client->engine), a->decision->as.level, NULL};
  status = table_find(c, client, at->level, a->decision->as.table, false, &at->table);
  return status == SHUNT_E_NOT_FOUND ? site_without_table(c, at) : status;
}

bool access_same(const access *a, const access *b) {
  bool same = a->nsites == b->nsites;
  for (size_t i = 0; i < a->nsites && same; i++) same = site_same(&a->sites[i], &b->sites[i]);
  return same;
}
