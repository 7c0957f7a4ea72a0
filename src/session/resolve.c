/* shunt_resolve: a decision without an access. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/sized.h"
#include "session/transaction.h"
#include "session/visit.h"

/* ---- what is named ---- */

static inline shunt_status thing(const shunt_session *s, cat_kind kind, shunt_handle handle, const void **out,
                                 shunt_error *err) {
  return handle_find(s->generation.results, kind, handle, out, err);
}

static inline shunt_status find_relation(const shunt_session *s, const shunt_request *q, const cat_relation **relation,
                                         shunt_error *err) {
  const void *found;
  if (!q->relation_handle) return catalog_find_relation(s->generation.catalog, q->relation, relation, err);
  shunt_status status = thing(s, CAT_KIND_RELATION, q->relation_handle, &found, err);
  if (!status) *relation = found;
  return status;
}

static inline shunt_status find_model(const shunt_session *s, const shunt_request *q, const cat_model **model,
                                      shunt_error *err) {
  const void *found;
  if (!q->model_handle) return catalog_find_model(s->generation.catalog, q->model, model, err);
  shunt_status status = thing(s, CAT_KIND_MODEL, q->model_handle, &found, err);
  if (!status) *model = found;
  return status;
}

static shunt_status check_model(const cat_model *model, const cat_relation *r, shunt_error *err) {
  if (model == r->target || model == r->through) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "relation '%s' leads to model '%s', not to '%s'; leave the model out",
                   r->full_name, r->target->name, model->name);
}

static inline shunt_status find_target(const shunt_session *s, const shunt_request *q, const cat_model **model,
                                       const cat_relation **relation, shunt_error *err) {
  bool named = q->model || q->model_handle;
  if (!q->relation && !q->relation_handle) {
    if (named) return find_model(s, q, model, err);
    if (q->no_model) return SHUNT_OK;
    return error_set(err, SHUNT_E_USAGE, "the request must name a model or a relation, or say no_model");
  }
  shunt_status status = find_relation(s, q, relation, err);
  if (status) return status;
  *model = (*relation)->target;
  if (!named) return SHUNT_OK;
  status = find_model(s, q, model, err);
  return status ? status : check_model(*model, *relation, err);
}

/* The constant for a word that stands for a client, or NULL. */
static const char *find_word(const char *given, bool modes) {
  static const char *const words[] = {CATALOG_DEFAULT, CATALOG_INHERIT, CATALOG_INITIAL, CATALOG_AUTO};
  for (size_t i = 0; i < (modes ? sizeof words / sizeof *words : 1); i++)
    if (strcmp(given, words[i]) == 0) return words[i];
  return NULL;
}

/* The name as the catalog has it: it outlives the caller's, and equal names have the same address. */
static shunt_status find_named(const shunt_session *s, const char *given, bool modes, const char **name,
                               shunt_error *err) {
  const cat_client *client = catalog_client(s->generation.catalog, given);
  *name = client ? client->name : find_word(given, modes);
  return *name ? SHUNT_OK : catalog_find_client(s->generation.catalog, given, &client, err);
}

/* Leaves the name as it is where none is given. */
static inline shunt_status find_client(const shunt_session *s, const char *given, shunt_handle handle,
                                       const char **name, shunt_error *err) {
  const void *found;
  if (!handle) return given ? find_named(s, given, false, name, err) : SHUNT_OK;
  shunt_status status = thing(s, CAT_KIND_CLIENT, handle, &found, err);
  if (!status) *name = ((const cat_client *)found)->name;
  return status;
}

/* How a name of each kind of field is looked up; the others are no names, or find_target has them. */
#define FIND_MODEL(member)
#define FIND_RELATION(member)
#define FIND_CLIENT(member)                                                                                            \
  if (!status) status = find_client(s, q->member, q->member##_handle, &k->member, err);
#define FIND_MODE(member)                                                                                              \
  if (!status && q->member) status = find_named(s, q->member, true, &k->member, err);
#define FIND_OP(member)
#define FIND_LEVEL(member)
#define FIND_VALUES(member)
#define FIND(kind, id, member, name, option) FIND_##kind(member)

static inline shunt_status find_clients(const shunt_session *s, const shunt_request *q, memo_key *k, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  SHUNT_REQUEST_MAP(FIND)
  return status;
}

/* ---- what follows from it ---- */

/* Where the rows are that the relation starts from; NULL if that is denied. */
static shunt_status find_parent(shunt_session *s, const route_request *request, const char **parent, shunt_error *err) {
  route_request of_source = session_request(s, request->relation->source, SHUNT_READ);
  of_source.current = request->current;
  of_source.level = request->level;
  shunt_status status = route_decide(s->generation.route, &of_source, &s->resolved, err);
  if (status && status != SHUNT_E_DENIED) return status;
  *parent = s->resolved.client ? s->resolved.client->name : NULL;
  return SHUNT_OK;
}

static shunt_status find_for_relation(shunt_session *s, route_request *r, shunt_error *err) {
  const cat_relation *relation = r->relation;
  if (r->model == relation->through && r->model != relation->target && !r->relation_client)
    r->relation_client = relation->as.through_client;
  return r->parent ? SHUNT_OK : find_parent(s, r, &r->parent, err);
}

/* NaN equals nothing, so no rule could match it. */
static shunt_status check_where(const shunt_request *q, shunt_error *err) {
  for (size_t i = 0; i < q->nwhere; i++)
    if (q->where[i].value.type == SHUNT_FLOAT && isnan(q->where[i].value.as.number))
      return error_set(err, SHUNT_E_USAGE, "where.%s is NaN (not a number), which rules can't compare",
                       q->where[i].name);
  return SHUNT_OK;
}

static shunt_status go_up(const shunt_session *s, int by, int *level, shunt_error *err) {
  int most = s->generation.catalog->settings.max_level;
  if (by >= -*level && by <= (most ? most - *level : INT_MAX)) {
    *level += most ? by : 0;
    return SHUNT_OK;
  }
  return error_set(err, SHUNT_E_USAGE,
                   "a level must be from 0 to %d (database.maxLevel), so %d more than %d is not possible", most, by,
                   *level);
}

/* ---- what holds it ---- */

/* Adds a step to the trace that says why the access can't go elsewhere. The trace may belong to the cache, so it is
 * copied. */
static shunt_status pin(shunt_session *s, const char *by, shunt_error *err) {
  shunt_decision *d = &s->resolved.as;
  arena_reset(&s->lent.memory);
  shunt_trace *trace = arena_array(&s->lent.memory, shunt_trace, d->ntrace + 1);
  const char *what = arena_printf(&s->lent.memory, "%s, level %d", d->client, d->level);
  if (!trace || !what) return error_memory(err);
  if (d->ntrace) memcpy(trace, d->trace, d->ntrace * sizeof *trace);
  trace[d->ntrace++] = (shunt_trace){"session", by, "", SHUNT_VERDICT_PINNED, what};
  d->trace = trace;
  d->pinned_by = by;
  return SHUNT_OK;
}

static shunt_status find_pin(shunt_session *s, shunt_error *err) {
  const cat_client *client = s->resolved.client;
  if (s->transactions && transaction_peek(s, client, s->resolved.as.level)) return pin(s, "transaction", err);
  return s->job.name ? pin(s, "job", err) : SHUNT_OK;
}

/* The column without a value by which the rules chose; with every_rule also the rule that reads it. */
static shunt_status find_unfixed(shunt_session *s, const route_request *request, shunt_error *err) {
  shunt_decision *d = &s->resolved.as;
  const rule_read *open = route_unfixed(request, &s->resolved);
  const cat_rule *rule = NULL;
  if (!open) return SHUNT_OK;
  shunt_status status = SHUNT_OK;
  if (request->every_rule) {
    status = route_find_reader(s->generation.route, request, open->name, &s->resolved, &rule, err);
    open = status ? NULL : route_unfixed(request, &s->resolved); /* the read ended with the decision */
  }
  d->unfixed = open ? open->display : NULL;
  d->unfixed_rule = rule ? rule->name : NULL;
  d->unfixed_source = rule && !rule->standard ? rule->source : NULL;
  return status;
}

/* ---- all of it ---- */

/* Whether a key has all that the decision can depend on, if that does not depend on more. */
static inline bool may_repeat(const shunt_session *s, const shunt_request *q) {
  return !s->scopes && !s->units && !s->transactions && !s->job.name && !q->explicit_table && !q->every_rule;
}

/* Decides, and keeps a decision that repeats. */
static shunt_status decide(shunt_session *s, const shunt_request *q, const memo_key *k, shunt_error *err) {
  const struct trie_leaf *parent = NULL;
  route_request request = session_request(s, k->model, k->op);
  request.relation = k->relation;
  request.explicit_client = k->explicit_client;
  request.relation_client = k->relation_client;
  request.parent = k->parent;
  request.current = k->current;
  request.level = k->level;
  request.explicit_table = q->explicit_table;
  request.every_rule = q->every_rule;
  request.where = q->where;
  request.nwhere = q->nwhere;
  shunt_status status = SHUNT_OK;
  bool keeps = may_repeat(s, q);
  if (k->relation) {
    status = find_for_relation(s, &request, err);
    parent = k->parent ? NULL : s->resolved.repeats;
    keeps = keeps && (k->parent || parent);
  }
  if (!status) status = route_decide(s->generation.route, &request, &s->resolved, err);
  if (!status && keeps && s->resolved.repeats) memo_keep(&s->memo, k, &s->resolved, parent);
  if (!status && s->resolved.nplacing) status = find_unfixed(s, &request, err);
  if (!status && (s->transactions || s->job.name)) status = find_pin(s, err);
  return status;
}

/* In a visit of the session. */
static inline shunt_status resolve(shunt_session *s, const shunt_request *q, const shunt_decision **decision,
                                   shunt_error *err) {
  memo_key key = {.instance = s->instance, .current = session_current(s), .level = s->level.now, .op = q->op};
  shunt_status status = find_target(s, q, &key.model, &key.relation, err);
  if (!status) status = find_clients(s, q, &key, err);
  if (!status) status = check_where(q, err);
  if (!status && q->level_up) status = go_up(s, q->level_up, &key.level, err);
  if (status) return status;
  if (may_repeat(s, q) && (*decision = memo_find(s->memo, &key, s->generation.route))) return SHUNT_OK;
  status = decide(s, q, &key, err);
  if (!status || status == SHUNT_E_DENIED) *decision = &s->resolved.as;
  return status;
}

shunt_status shunt_resolve(shunt_session *s, const shunt_request *q, const shunt_decision **decision,
                           shunt_error *err) {
  VISIT(v);
  shunt_request room;
  if (!decision) return error_null(err, "decision");
  *decision = NULL;
  if (!q) return error_null(err, "request");
  q = SIZED(shunt_request, q, &room, err);
  if (!q) return SHUNT_E_USAGE;
  shunt_status status = visit_begin(&v, s, err);
  if (!status) status = session_follow(s, err);
  return status ? status : resolve(s, q, decision, err);
}

shunt_status shunt_resolve_all(shunt_session *s, const shunt_request *const *requests, size_t n,
                               void (*each)(void *ud, size_t i, const shunt_decision *decision,
                                            const shunt_error *failure),
                               void *ud, shunt_error *err) {
  VISIT(v);
  shunt_error failure;
  if (n && !requests) return error_null(err, "requests");
  if (n && !each) return error_null(err, "each");
  shunt_status status = visit_begin(&v, s, err);
  if (!status) status = session_follow(s, err);
  for (size_t i = 0; i < n && !status; i++) {
    shunt_request room;
    const shunt_decision *decision = NULL;
    const shunt_request *q = SIZED(shunt_request, requests[i], &room, &failure);
    const shunt_status of_one = q ? resolve(s, q, &decision, &failure) : SHUNT_E_USAGE;
    each(ud, i, decision, of_one ? &failure : NULL);
  }
  return status;
}
