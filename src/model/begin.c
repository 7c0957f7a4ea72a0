/* shunt_begin: where a transaction begins. */
#include <string.h>

#include "base/sized.h"
#include "query/access.h"
#include "session/propagation.h"
#include "session/visit.h"

static shunt_status place_of_client(call *c, const shunt_tx_options *o, const char *name, tx_place *out) {
  return transaction_client(c, name, o->read_only ? SHUNT_READ : SHUNT_WRITE, &out->client, &out->level);
}

/* Where an access to the model would go. */
static shunt_status place_of_model(call *c, const shunt_tx_options *o, tx_place *out) {
  const cat_model *model;
  equalities where = {.a = c->arena};
  access a = {.decision = NULL};
  shunt_status status = catalog_find_model(c->s->generation.catalog, o->model, &model, c->err);
  if (status) return status;
  if (!equalities_of_where(&where, o->where)) return error_memory(c->err);
  route_request request = session_request(c->s, model, o->read_only ? SHUNT_READ : SHUNT_WRITE);
  const rule_transaction own = {.isolation = o->isolation, .read_only = o->read_only};
  request.in_transaction = true;
  if (!request.transaction) request.transaction = &own; /* the one that is to begin */
  equalities_into(&where, &request);
  c->apart = true;
  status = access_find_only(c, &request, &a);
  c->apart = false;
  if (status) return status;
  *out = (tx_place){access_only_site(&a)->client, access_only_site(&a)->level};
  access_end_decision(c, &a);
  return SHUNT_OK;
}

static shunt_status check_places(const shunt_tx_options *o, shunt_error *err) {
  int named = (o->client != NULL) + (o->model != NULL) + (o->nclients > 0);
  if (named > 1) return error_set(err, SHUNT_E_USAGE, "a transaction takes one of client, clients and model");
  if (o->where && !o->model)
    return error_set(err, SHUNT_E_USAGE, "a transaction's where says where the rows of a model lie: name the model");
  if (o->retry) return error_set(err, SHUNT_E_USAGE, "retry is for shunt_transaction, which can repeat the work");
  return SHUNT_OK;
}

static shunt_status find_places(call *c, const shunt_tx_options *o, tx_place *places, size_t *n) {
  *n = o->client || o->model ? 1 : o->nclients;
  if (o->model) return place_of_model(c, o, places);
  if (o->client) return place_of_client(c, o, o->client, places);
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < o->nclients && !status; i++) status = place_of_client(c, o, o->clients[i], &places[i]);
  return status;
}

shunt_status shunt_begin(shunt_session *s, const shunt_tx_options *options, shunt_tx **out, shunt_error *err) {
  shunt_tx_options room;
  VISIT(v);
  call c;
  size_t n = 0;
  shunt_tx *h = NULL;
  if (!out) return error_null(err, "tx");
  *out = NULL;
  const shunt_tx_options *o = SIZED(shunt_tx_options, options, &room, err);
  if (!o) return SHUNT_E_USAGE;
  shunt_status status = call_enter(&v, &c, s, 0, err);
  if (!status) status = check_places(o, err);
  tx_place *places = status ? NULL : arena_alloc(c.arena, (o->nclients + 1) * sizeof *places);
  if (!places) return status ? status : error_memory(err);
  status = propagation_start(&c, o, &h);
  if (!status) status = find_places(&c, o, places, &n);
  if (!status) status = propagation_begin(&c, h, o, places, n);
  if (!status)
    *out = h;
  else if (h)
    propagation_drop(h);
  return status;
}
