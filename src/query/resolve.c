/* shunt_resolve: a decision for its own sake. */
#include <string.h>

#include "query/session.h"

typedef struct names {
  const cat_model *model;
  const cat_relation *relation;
  const char *explicit_client, *parent, *current;
} names;

static shunt_status check_model(const names *n, const char *model, shunt_error *err) {
  const cat_relation *r = n->relation;
  if (n->model == r->target || n->model == r->through) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "relation '%s' leads to model '%s', not to '%s'; leave the model out",
                   r->full_name, r->target->name, model);
}

static shunt_status thing(const shunt_session *s, cat_kind kind, shunt_handle handle, const void **out,
                          shunt_error *err) {
  return things_find(s->home.things, s->home.handles, s->home.catalog, kind, handle, out, err);
}

static shunt_status find_relation(const shunt_session *s, const shunt_request *q, names *n, shunt_error *err) {
  const void *found;
  if (!q->relation_handle) return catalog_find_relation(s->home.catalog, q->relation, &n->relation, err);
  shunt_status status = thing(s, CAT_KIND_RELATION, q->relation_handle, &found, err);
  if (!status) n->relation = found;
  return status;
}

static shunt_status find_model(const shunt_session *s, const shunt_request *q, names *n, shunt_error *err) {
  const void *found;
  if (!q->model_handle) return catalog_find_model(s->home.catalog, q->model, &n->model, err);
  shunt_status status = thing(s, CAT_KIND_MODEL, q->model_handle, &found, err);
  if (!status) n->model = found;
  return status;
}

/* The client's name as the catalog has it, where a handle is given: rules compare it at no cost. */
static shunt_status find_client(const shunt_session *s, const char *given, shunt_handle handle, const char **name,
                                shunt_error *err) {
  const void *found;
  *name = given;
  if (!handle) return session_check_client(s, given, false, err);
  shunt_status status = thing(s, CAT_KIND_CLIENT, handle, &found, err);
  if (!status) *name = ((const cat_client *)found)->name;
  return status;
}

static shunt_status find_names(const shunt_session *s, const shunt_request *q, names *n, shunt_error *err) {
  bool model = q->model || q->model_handle, relation = q->relation || q->relation_handle;
  shunt_status status = SHUNT_OK;
  if (!model && !relation)
    return error_set(err, SHUNT_E_USAGE, "a request names a model, or the relation that leads to it");
  if (relation) status = find_relation(s, q, n, err);
  if (!status && model) status = find_model(s, q, n, err);
  if (!status && model && relation) status = check_model(n, n->model->name, err);
  if (!status && !model) n->model = n->relation->target;
  if (!status) status = find_client(s, q->explicit_client, q->explicit_client_handle, &n->explicit_client, err);
  if (!status) status = session_check_client(s, q->relation_client, true, err);
  if (!status) status = find_client(s, q->parent, q->parent_handle, &n->parent, err);
  return status ? status : find_client(s, q->current, q->current_handle, &n->current, err);
}

/* Where the rows lie that the relation starts from; one that is denied has none. */
static shunt_status find_parent(shunt_session *s, const route_request *request, const char **parent, shunt_error *err) {
  route_request of_source = session_request(s, request->relation->source, SHUNT_READ);
  of_source.current = request->current;
  of_source.level = request->level;
  shunt_status status = route_decide(s->home.route, &of_source, &s->parent, err);
  if (status && status != SHUNT_E_DENIED) return status;
  *parent = s->parent.client ? s->parent.client->name : NULL;
  return SHUNT_OK;
}

static shunt_status check_level(const route_request *request, shunt_error *err) {
  if (request->level >= 0) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "a level is 0 or more, and this is %d", request->level);
}

shunt_status shunt_resolve(shunt_session *s, const shunt_request *q, const shunt_decision **decision,
                           shunt_error *err) {
  names n = {.model = NULL};
  *decision = NULL;
  shunt_status status = session_enter(s, 0, err);
  if (!status) status = find_names(s, q, &n, err);
  if (status) return status;
  route_request request = session_request(s, n.model, q->op);
  request.relation = n.relation;
  request.explicit_client = n.explicit_client;
  request.explicit_table = q->explicit_table;
  request.relation_client = q->relation_client;
  request.parent = n.parent;
  if (n.current) request.current = n.current;
  request.level += q->level_up;
  request.every_rule = q->every_rule;
  request.where = q->where;
  request.nwhere = q->nwhere;
  if (n.relation && n.model == n.relation->through && n.model != n.relation->target && !q->relation_client)
    request.relation_client = n.relation->as.through_client;
  status = check_level(&request, err);
  if (!status && n.relation && !n.parent) status = find_parent(s, &request, &request.parent, err);
  if (!status) status = route_decide(s->home.route, &request, &s->shown, err);
  if (!status || status == SHUNT_E_DENIED) *decision = &s->shown.as;
  return status;
}
