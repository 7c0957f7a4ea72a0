/* The op of hand-written SQL can't be proven before it runs, so nothing depends on the text alone: where a write would
 * be denied, SQL that says it reads runs in a read-only transaction. */
#include "query/sql_place.h"

#include <string.h>

#include "driver/plain.h"
#include "query/access.h"
#include "session/transaction.h"

/* ---- its op ---- */

/* The client is not known before the rules are asked with the op: then all engines must read it in the same way. */
static bool says(bool (*test)(const lex_dialect *, const char *, size_t), const cat_client *client, const char *sql) {
  size_t size = strlen(sql);
  if (client) return test(driver_for(client->engine)->lex, sql, size);
  bool all = true;
  for (cat_engine e = 0; e < CAT_NENGINES && all; e++) all = test(driver_for(e)->lex, sql, size);
  return all;
}

/* named: NULL if no client is named. */
static shunt_status find_op(call *c, const char *sql, const shunt_sql_options *o, const cat_client *named,
                            shunt_op *op) {
  *op = SHUNT_WRITE;
  if (!o->op) {
    if (says(plain_reads, named, sql)) *op = SHUNT_READ;
    return SHUNT_OK;
  }
  if (strcmp(o->op, "write") == 0) return SHUNT_OK;
  if (strcmp(o->op, "read") != 0)
    return error_set(c->err, SHUNT_E_USAGE, "the op of a statement is 'read' or 'write', not '%s'", o->op);
  if (!says(plain_begins_read, named, sql))
    return error_set(c->err, SHUNT_E_USAGE,
                     "op = 'read' is for SELECT, WITH, VALUES, TABLE, SHOW, EXPLAIN, DESCRIBE and PRAGMA (in: %.100s)",
                     sql);
  *op = SHUNT_READ;
  return SHUNT_OK;
}

/* ---- its place ---- */

/* The request of which the guards are asked. */
static shunt_status request_of(call *c, const shunt_sql_options *o, shunt_op op, route_request *out) {
  const cat_model *model = NULL;
  equalities where = {.a = c->arena};
  const catalog *all = c->s->generation.catalog;
  shunt_status status = o->model ? catalog_find_model(all, o->model, &model, c->err) : SHUNT_OK;
  if (!status && model) status = session_check_client(c->s, o->client, false, c->err);
  if (!status && o->where && !model)
    status = error_set(c->err, SHUNT_E_USAGE, "where chooses the place of a model's rows, and needs the model");
  if (!status && !equalities_of_where(&where, o->where)) status = error_memory(c->err);
  if (status) return status;
  *out = session_request(c->s, model, op);
  out->explicit_client = o->client;
  equalities_into(&where, out);
  return SHUNT_OK;
}

static shunt_status ask_guards(call *c, const route_request *q, const cat_client *client, shunt_error *err) {
  route_decision *d = call_decision(c);
  if (!d) return error_memory(err);
  shunt_status status = route_guard(c->s->generation.route, q, client, d, err);
  call_end_decision(c, d);
  return status;
}

static shunt_status find_by_model(call *c, const route_request *q, sql_place *out) {
  access a = {.decision = NULL};
  shunt_status status = access_find(c, q, &a);
  if (status) return status;
  out->client = access_only_site(&a)->client;
  out->level = access_only_site(&a)->level;
  out->origin = execution_origin_of(access_only_site(&a));
  out->origin.table = NULL; /* the SQL says which */
  return SHUNT_OK;
}

/* A client that is named without a model is not moved by rules, but guards may deny it. */
static shunt_status find_client(call *c, const shunt_sql_options *o, const route_request *q, const cat_client *named,
                                sql_place *out) {
  if (q->model) return find_by_model(c, q, out);
  if (!named) return transaction_client(c, o->client, q->op, &out->client, &out->level);
  out->client = named;
  out->level = session_level_of(named, c->s->level.now);
  shunt_status status = session_check_isolation(c->s, named, c->err);
  return status ? status : ask_guards(c, q, named, c->err);
}

/* ---- refusals ---- */

/* *refused: the error that a write would get; its status is OK if it would be allowed. */
static shunt_status find_refusal(call *c, const shunt_sql_options *o, const route_request *q, sql_place *at) {
  shunt_error *refusal = &at->refusal;
  route_request write = *q;
  write.op = SHUNT_WRITE;
  refusal->status = SHUNT_OK;
  if (access_refuse_replica(at->client, refusal)) return SHUNT_OK;
  shunt_status status = ask_guards(c, &write, at->client, refusal);
  if (status && status != SHUNT_E_DENIED) {
    *c->err = *refusal;
    return status;
  }
  if (!status && o->op) {
    error_set(refusal, SHUNT_E_USAGE, "the statement was said to read (op = 'read'), and it writes");
    error_client(refusal, at->client->name);
  }
  return SHUNT_OK;
}

shunt_status sql_place_find(call *c, const char *sql, const shunt_sql_options *o, sql_place *out) {
  route_request q;
  const cat_client *named = o->client ? catalog_client(c->s->generation.catalog, o->client) : NULL;
  out->only_reads = out->pure = false;
  out->origin = (execution_origin){.model = NULL};
  shunt_status status = find_op(c, sql, o, named, &out->op);
  if (!status) status = request_of(c, o, out->op, &q);
  if (!status) status = find_client(c, o, &q, named, out);
  if (status) return status;
  if (out->op == SHUNT_WRITE) return access_refuse_replica(out->client, c->err);
  out->pure = plain_is(driver_for(out->client->engine)->lex, sql, strlen(sql));
  status = find_refusal(c, o, &q, out);
  out->only_reads = out->refusal.status != SHUNT_OK;
  return status;
}
