/* shunt_each. */
#include "base/sized.h"
#include "model/read.h"
#include "query/order_rank.h"
#include "query/stream.h"
#include "session/visit.h"

static shunt_status refuse_relations(const call *c, const cat_model *model, const plan *p) {
  if (!p->count) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': a stream includes no relations, and '%s' would be one of them; read in pages instead",
                   model->name, p->list[0].relation->as.name);
}

static shunt_status stream_at(call *c, const site *at, select_spec *q, bool whole, shunt_stream **out) {
  stream_start_options o = {.columns = rows_new(), .whole = whole};
  sql_text *sql = NULL;
  shunt_status status = o.columns ? select_write(c, at, q, o.columns, &sql) : error_memory(c->err);
  if (status) {
    shunt_rows_free(o.columns);
    return status;
  }
  o.sql = sql;
  return stream_start(c, at, &o, out);
}

static shunt_status start_once(call *c, const cat_model *model, const shunt_query *query, shunt_stream **out) {
  access a = {.decision = NULL};
  plan p;
  select_spec q = {0};
  shunt_status status = plan_make(c, model, query->include, query->ninclude, true, &p);
  if (!status) status = refuse_relations(c, model, &p);
  if (!status) status = read_spec(c, model, query, &p, &q);
  if (!status) status = read_access(c, model, query, &a);
  if (!status) status = read_together(c, &a, "a stream");
  if (!status && order_needs_rank(&q)) status = order_rank_access(c, &a, &q);
  return status ? status : stream_at(c, access_only_site(&a), &q, query->timeout_ms > 0, out);
}

/* As for select: repeated if a column was dropped that the caller never named. */
shunt_status shunt_each(shunt_session *s, const char *name, const shunt_query *query, shunt_stream **out,
                        shunt_error *err) {
  VISIT(v);
  call c;
  const cat_model *model;
  shunt_query room;
  if (!out) return error_null(err, "stream");
  *out = NULL;
  query = SIZED(shunt_query, query, &room, err);
  if (!query) return SHUNT_E_USAGE;
  shunt_status status = call_enter(&v, &c, s, query->timeout_ms, err);
  if (!status) status = read_model(&c, name, query->client, &model);
  if (!status) status = read_check(&c, model, query, READ_DISTINCT | READ_LOCK);
  if (status) return status;
  unsigned before = s->tables.outdated;
  status = start_once(&c, model, query, out);
  if (status != SHUNT_E_NOT_FOUND || s->tables.outdated == before || s->transactions) return status;
  return start_once(&c, model, query, out);
}
