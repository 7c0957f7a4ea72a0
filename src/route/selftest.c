#include "route/selftest.h"

#include <string.h>

#include "catalog/report.h"
#include "route/route_inner.h"

typedef struct selftest {
  route *r;
  const node *test;
  problems *found;
  route_decision decision; /* used again and again */
  arena arena;             /* of one test */
} selftest;

static const char *text_of(const node *of, const char *key) {
  const node *n = node_get(of, key);
  return node_is_text(n) ? n->value.as.bytes : NULL;
}

/* ---- the request ---- */

static bool fields_of(selftest *t, const char *key, const shunt_field **list, size_t *count) {
  const node *given = node_get(t->test, key);
  *count = given ? given->count : 0;
  shunt_field *fields = arena_array(&t->arena, shunt_field, *count);
  *list = fields;
  for (size_t i = 0; fields && i < *count; i++)
    fields[i] = (shunt_field){given->entries[i].key, given->entries[i].value->value};
  return fields != NULL;
}

static shunt_status check_client(const selftest *t, const char *name, shunt_error *err) {
  const cat_client *client;
  if (!name || strcmp(name, CATALOG_DEFAULT) == 0) return SHUNT_OK;
  return catalog_find_client(t->r->catalog, name, &client, err);
}

static shunt_status find_names(const selftest *t, route_request *q, shunt_error *err) {
  const catalog *c = t->r->catalog;
  const char *model = text_of(t->test, "model"), *relation = text_of(t->test, "relation");
  const char *instance = text_of(t->test, "instance");
  shunt_status status = catalog_find_instance(c, instance ? instance : "", &q->instance, err);
  if (!status && !model && !relation)
    status = error_set(err, SHUNT_E_CONFIG, "a request names a model, or the relation that leads to it");
  if (!status && relation) status = catalog_find_relation(c, relation, &q->relation, err);
  if (!status && model) status = catalog_find_model(c, model, &q->model, err);
  if (!status && !model) q->model = q->relation->target;
  if (!status) status = check_client(t, q->explicit_client, err);
  if (!status) status = check_client(t, q->parent, err);
  return status ? status : check_client(t, q->current, err);
}

static shunt_status request_of(selftest *t, route_request *q, shunt_error *err) {
  const char *op = text_of(t->test, "op");
  const node *level = node_get(t->test, "level");
  *q = (route_request){.explicit_client = text_of(t->test, "client"),
                       .relation_client = text_of(t->test, "relation_client"),
                       .parent = text_of(t->test, "parent"),
                       .current = text_of(t->test, "current"),
                       .op = op && strcmp(op, "write") == 0 ? SHUNT_WRITE : SHUNT_READ,
                       .level = node_is_null(level) ? 0 : (int)level->value.as.integer};
  if (!fields_of(t, "where", &q->where, &q->nwhere) || !fields_of(t, "attrs", &q->attrs, &q->nattrs))
    return error_memory(err);
  return find_names(t, q, err);
}

/* Where the rows lie that the relation starts from, unless the test says. */
static shunt_status find_parent(selftest *t, route_request *q, shunt_error *err) {
  if (!q->relation || q->parent) return SHUNT_OK;
  route_request of_source = *q;
  of_source.model = q->relation->source;
  of_source.relation = NULL;
  of_source.explicit_client = of_source.relation_client = NULL;
  of_source.op = SHUNT_READ;
  of_source.nwhere = 0;
  shunt_status status = route_decide(t->r, &of_source, &t->decision, err);
  if (status && status != SHUNT_E_DENIED) return status;
  q->parent = t->decision.client ? t->decision.client->name : NULL;
  return SHUNT_OK;
}

/* ---- the answer ---- */

static void wrong(const selftest *t, const node *expected, const char *what, const char *is) {
  const shunt_decision *d = &t->decision.as;
  report(t->found, SHUNT_E_RULE, expected->at, "the rules' selftest: %s is %s, not '%s' (by the rule '%s' at %s)", what,
         is, node_is_text(expected) ? expected->value.as.bytes : "", d->rule ? d->rule : "",
         d->source ? d->source : "");
}

static void compare_text(const selftest *t, const node *expect, const char *key, const char *is) {
  const node *expected = node_get(expect, key);
  if (node_is_null(expected) || (is && strcmp(expected->value.as.bytes, is) == 0)) return;
  wrong(t, expected, key, is ? is : "none");
}

static void compare(const selftest *t, shunt_status status, const shunt_error *err) {
  const node *expect = node_get(t->test, "expect"), *denied = node_get(expect, "denied"),
             *level = node_get(expect, "level");
  const shunt_decision *d = &t->decision.as;
  bool refusal = !node_is_null(denied) && denied->value.as.boolean;
  if (status != SHUNT_OK && (status != SHUNT_E_DENIED || !refusal)) {
    report(t->found, status, t->test->at, "the rules' selftest: %s", err->message);
    return;
  }
  if (refusal && !status)
    report(t->found, SHUNT_E_RULE, denied->at,
           "the rules' selftest: it goes to '%s', and is not denied (by the rule '%s' at %s)", d->client, d->rule,
           d->source);
  if (status) return;
  compare_text(t, expect, "client", d->client);
  compare_text(t, expect, "table", d->table);
  if (!node_is_null(level) && level->value.as.integer != d->level)
    report(t->found, SHUNT_E_RULE, level->at, "the rules' selftest: level is %d, not %lld", d->level,
           (long long)level->value.as.integer);
}

void route_selftest(route *r, const node *tests, problems *found) {
  selftest t = {.r = r, .found = found};
  for (size_t i = 0; tests && i < tests->count; i++) {
    route_request q;
    shunt_error err;
    arena_reset(&t.arena);
    t.test = tests->items[i];
    shunt_status status = request_of(&t, &q, &err);
    if (!status) status = find_parent(&t, &q, &err);
    if (status)
      report(found, status, t.test->at, "the rules' selftest: %s", err.message);
    else
      compare(&t, route_decide(r, &q, &t.decision, &err), &err);
  }
  route_decision_clear(&t.decision);
  arena_free(&t.arena);
}
