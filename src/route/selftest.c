#include "route/selftest.h"

#include <string.h>

#include "catalog/report.h"
#include "route/route_inner.h"

typedef struct selftest {
  route *r;
  const node *test;
  problems *found;
  route_decision decision; /* reused */
  arena arena;             /* of one test */
} selftest;

static const char *text_of(const node *of, const char *key) {
  const node *n = node_get(of, key);
  return node_is_text(n) ? n->value.as.bytes : NULL;
}

/* ---- the request ---- */

static shunt_status read_model(const selftest *t, const char *key, const cat_model **model, shunt_error *err) {
  const char *name = text_of(t->test, key);
  return name ? catalog_find_model(t->r->catalog, name, model, err) : SHUNT_OK;
}

static shunt_status read_relation(const selftest *t, const char *key, const cat_relation **relation, shunt_error *err) {
  const char *name = text_of(t->test, key);
  return name ? catalog_find_relation(t->r->catalog, name, relation, err) : SHUNT_OK;
}

static shunt_status read_client(const selftest *t, const char *key, const char **name, shunt_error *err) {
  const cat_client *client;
  *name = text_of(t->test, key);
  if (!*name || strcmp(*name, CATALOG_DEFAULT) == 0) return SHUNT_OK;
  return catalog_find_client(t->r->catalog, *name, &client, err);
}

static shunt_status read_values(selftest *t, const char *key, const shunt_field **list, size_t *count,
                                shunt_error *err) {
  const node *given = node_get(t->test, key);
  *count = given ? given->count : 0;
  shunt_field *fields = arena_array(&t->arena, shunt_field, *count);
  *list = fields;
  for (size_t i = 0; fields && i < *count; i++)
    fields[i] = (shunt_field){given->entries[i].key, given->entries[i].value->value};
  return fields ? SHUNT_OK : error_memory(err);
}

/* A value that came from a file or a secret variable is not shown. */
static shunt_status check_attrs(const selftest *t, const route_request *q, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; !status && i < q->nattrs; i++) {
    status = catalog_check_attribute(t->r->catalog, q->attrs[i].name, &q->attrs[i].value, err);
    if (status && node_get(node_get(t->test, "attrs"), q->attrs[i].name)->secret)
      error_set(err, status, "the app config does not allow the attribute '%s', or its value", q->attrs[i].name);
  }
  return status;
}

static shunt_op read_op(const selftest *t, const char *key) {
  const char *op = text_of(t->test, key);
  return op && strcmp(op, "write") == 0 ? SHUNT_WRITE : SHUNT_READ;
}

static int read_level(const selftest *t, const char *key) {
  const node *level = node_get(t->test, key);
  return node_is_null(level) ? 0 : (int)level->value.as.integer;
}

/* How each kind of field is read. */
#define READ_MODEL(member, option)                                                                                     \
  if (!status) status = read_model(t, option, &q->member, err);
#define READ_RELATION(member, option)                                                                                  \
  if (!status) status = read_relation(t, option, &q->member, err);
#define READ_CLIENT(member, option)                                                                                    \
  if (!status) status = read_client(t, option, &q->member, err);
#define READ_MODE(member, option) q->member = text_of(t->test, option);
#define READ_OP(member, option) q->member = read_op(t, option);
#define READ_LEVEL(member, option) q->level = read_level(t, option);
#define READ_VALUES(member, option)                                                                                    \
  if (!status) status = read_values(t, option, &q->member, &q->n##member, err);
#define READ(kind, id, member, name, option) READ_##kind(member, option)

static shunt_status request_of(selftest *t, route_request *q, shunt_error *err) {
  const char *instance = text_of(t->test, "instance");
  *q = (route_request){.model = NULL};
  shunt_status status = catalog_find_instance(t->r->catalog, instance ? instance : "", &q->instance, err);
  SHUNT_REQUEST_MAP(READ)
  if (!status) status = read_values(t, "attrs", &q->attrs, &q->nattrs, err);
  if (!status) status = check_attrs(t, q, err);
  if (status || q->model) return status;
  if (!q->relation)
    return error_set(err, SHUNT_E_CONFIG,
                     "the test names neither a model nor a relation: add the model that is asked for");
  q->model = q->relation->target;
  return SHUNT_OK;
}

/* The parent's datasource, unless the test gives one. */
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
