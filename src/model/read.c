/* The public reads of rows: shunt_select, shunt_mget. */
#include "model/read.h"

#include <string.h>

#include "base/sized.h"
#include "model/merge.h"
#include "query/order_rank.h"
#include "query/statement.h"
#include "query/types.h"
#include "query/value.h"
#include "relate/load.h"
#include "relate/sort.h"
#include "session/visit.h"

shunt_status read_model(call *c, const char *name, const char *client, const cat_model **out) {
  if (!name) return error_set(c->err, SHUNT_E_USAGE, "the model's name is missing");
  c->explicit_client = client;
  shunt_status status = catalog_find_model(c->s->generation.catalog, name, out, c->err);
  return status ? status : session_check_client(c->s, client, false, c->err);
}

static shunt_status refuse(const call *c, const cat_model *model, const char *option) {
  return error_set(c->err, SHUNT_E_USAGE, "model '%s': this call does not take the option %s", model->name, option);
}

shunt_status read_check(const call *c, const cat_model *model, const shunt_query *query, int takes) {
  if (query->distinct && !(takes & READ_DISTINCT)) return refuse(c, model, "distinct");
  if (query->having && !(takes & READ_HAVING)) return refuse(c, model, "having");
  if (query->lock && !(takes & READ_LOCK)) return refuse(c, model, "lock");
  if (query->lock > SHUNT_LOCK_UPDATE)
    return error_set(c->err, SHUNT_E_USAGE, "model '%s': unknown lock %d", model->name, (int)query->lock);
  if (!query->lock && (query->nowait || query->skip_locked))
    return error_set(c->err, SHUNT_E_USAGE, "model '%s': %s says how rows are locked, and needs lock", model->name,
                     query->nowait ? "nowait" : "skip_locked");
  if (query->nowait && query->skip_locked)
    return error_set(c->err, SHUNT_E_USAGE, "model '%s': nowait and skip_locked exclude each other", model->name);
  return SHUNT_OK;
}

static inline void make_request(const call *c, const cat_model *model, const shunt_query *query, route_request *out) {
  *out = session_request(c->s, model, query->lock ? SHUNT_WRITE : SHUNT_READ);
  out->explicit_client = query->client;
  out->explicit_table = query->table;
}

/* id: of the one row, or NULL. */
static shunt_status find_rows(call *c, const cat_model *model, const shunt_query *query, const shunt_value *id,
                              access *out) {
  route_request request;
  make_request(c, model, query, &request);
  equalities where = {.a = c->arena};
  bool ok = true;
  for (size_t i = 0; id && i < KEY_MOST && model->primary_key[i] && ok; i++)
    ok = equalities_add(&where, model->primary_key[i], &id[i]);
  if (!ok || !equalities_of_where(&where, query->where)) return error_memory(c->err);
  equalities_into(&where, &request);
  shunt_status status = access_find_all(c, &request, query->where, out);
  if (status || out->nsites == 1 || query->lock) return status; /* rows of UNION ALL can't be locked */
  return access_unite(c, out);
}

shunt_status read_together(const call *c, const access *a, const char *what) {
  if (a->nsites == 1) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': its rows lie on several datasources, and %s needs them on one; give a condition on the "
                   "column that routes them, or ask each datasource",
                   a->sites[0].model->name, what);
}

shunt_status read_access(call *c, const cat_model *model, const shunt_query *query, access *out) {
  return find_rows(c, model, query, NULL, out);
}

/* ---- select ---- */

/* A read of rows by conditions or, with by_ids, by their primary keys. */
typedef struct reading {
  const cat_model *model;
  const shunt_query *query;
  bool by_ids;
  const shunt_value *ids;
  size_t nids;
} reading;

/* Every field is set, but no room for keys, which is faster than zeroing the whole: every get comes here. */
static void fill_spec(const shunt_query *query, select_spec *out) {
  out->filter.where[0] = query->where;
  out->filter.where[1] = out->filter.where[2] = NULL;
  out->filter.keys.columns.n = out->filter.keys.count = 0;
  out->filter.keys.values = NULL;
  out->filter.keys.numbers = NULL;
  out->filter.deleted = query->deleted;
  out->filter.also = NULL;
  out->columns = query->columns;
  out->ncolumns = query->ncolumns;
  out->order = query->order;
  out->norder = query->norder;
  out->ranks.list = NULL;
  out->ranks.n = 0;
  out->by_key = query->limit || query->offset;
  out->distinct = query->distinct;
  out->limited = query->limit != 0;
  out->limit = select_most(query->limit);
  out->offset = query->offset;
  out->per_key = out->numbered = false;
  out->aggregates = NULL;
  out->lock = lock_of(query);
  out->statements = 0;
}

shunt_status read_spec(call *c, const cat_model *model, const shunt_query *query, const plan *p, select_spec *out) {
  fill_spec(query, out);
  out->origins = p->count > 0;
  out->needed = plan_parent_keys(c, p, &out->nneeded);
  if (!out->needed) return error_memory(c->err);
  if (query->distinct && p->count)
    return error_set(c->err, SHUNT_E_USAGE,
                     "model '%s': distinct rows include no relations, and '%s' would be one of them", model->name,
                     p->list[0].relation->as.name);
  return select_check_limits(model->name, query->limit, query->offset, c->err);
}

static shunt_status set_id(call *c, const site *at, const shunt_value *id, key_list *keys) {
  static const key_columns unknown;
  key_names names = key_names_of(at->model->primary_key);
  return key_one(c, at, &names, &unknown, id, keys);
}

static const driver_column *says_column(const site *at, const shunt_where *w) {
  bool equal = w->op == SHUNT_EQ && w->nvalues == 1 && w->values[0].type != SHUNT_NULL && w->column;
  return equal ? driver_table_column(at->table->shape, w->column) : NULL;
}

/* Whether a condition holds for one row at most, so that order and limit don't matter. A key may occur in each part. */
static bool is_of_one(const access *a, const shunt_where *w) {
  const site *at = a->sites;
  const driver_column *said[KEY_MOST];
  size_t n = 0, nitems = w && w->op == SHUNT_AND ? w->nitems : w ? 1 : 0;
  for (size_t i = 0; i < nitems && n < KEY_MOST; i++) {
    said[n] = says_column(at, w->op == SHUNT_AND ? &w->items[i] : w);
    n += said[n] != NULL;
  }
  return a->nsites == 1 && !at->table->parts && driver_table_unique(at->table->shape, said, n);
}

/* Rules see the key as its columns hold it, which the table of the first decision shows. */
static shunt_status find_fitted(call *c, const reading *r, const shunt_value *id, access *a, key_list *keys) {
  key_names key = key_names_of(r->model->primary_key);
  bool other = false;
  for (size_t i = 0; i < key.n && keys->count; i++)
    other = other || (!value_same(&id[i], &keys->values[i]) && route_depends_on_where(a->decision, key.list[i]));
  if (!other) return SHUNT_OK;
  const shunt_value *fitted = keys->values;
  shunt_status status = find_rows(c, r->model, r->query, fitted, a);
  return status ? status : set_id(c, &a->sites[0], fitted, keys);
}

/* Takes over the rows. */
static shunt_status hand_out(shunt_status status, shunt_rows *rows, shunt_rows **out) {
  if (status) {
    shunt_rows_free(rows);
    rows = NULL;
  }
  *out = rows;
  return status;
}

/* ---- mget ---- */

/* Brings the rows into the order of the keys; a key that was given twice has its rows twice. */
static shunt_status in_order(const fetch *f, size_t nids, shunt_rows *rows) {
  const uint32_t *positions;
  uint64_t n = 0, at = 0;
  bool same = true;
  for (size_t i = 0; i < nids; i++) n += fetch_of_entry(f, i, &positions);
  if (n > SIZE_MAX / sizeof(uint32_t)) return error_memory(f->c->err);
  uint32_t *order = arena_alloc(f->scratch, (size_t)n * sizeof *order);
  if (!order) return error_memory(f->c->err);
  for (size_t i = 0; i < nids; i++) {
    uint32_t count = fetch_of_entry(f, i, &positions);
    for (uint32_t k = 0; k < count; k++) {
      same = same && positions[k] == at;
      order[at++] = positions[k];
    }
  }
  return same && n == rows->count ? SHUNT_OK : sort_pick(f->c, rows, order, (size_t)n, f->scratch);
}

/* Without keys only the columns are needed, and what the query asks for is checked. */
static shunt_status mget_nothing(call *c, const reading *r, select_spec *q, parents *read) {
  access a = {.decision = NULL};
  shunt_status status = read_access(c, r->model, r->query, &a);
  if (status) return status;
  read->shape = a.sites[0].table->shape;
  q->limited = true;
  q->limit = 0;
  return select_at(c, &a.sites[0], q, read->rows);
}

static shunt_status mget_groups(call *c, const reading *r, select_spec *q, parents *read, arena *scratch) {
  group_spec g = {.entries = {.count = r->nids, .list = r->ids},
                  .key = key_names_of(r->model->primary_key),
                  .where = {r->query->where}};
  make_request(c, r->model, r->query, &g.request);
  fetch f = {.c = c, .scratch = scratch};
  shunt_status status = group_keys(c, scratch, &g, &f.k);
  if (status) return status;
  if (f.k.ngroups == 0) return mget_nothing(c, r, q, read);
  read->shape = access_only_site(&f.k.groups[0].at)->table->shape;
  status = fetch_now(&f, q, read->rows);
  if (!status) status = fetch_by_key(&f, read->rows);
  return status ? status : in_order(&f, r->nids, read->rows);
}

static shunt_status mget_many(call *c, const reading *r, shunt_rows *rows) {
  key_names key = key_names_of(r->model->primary_key);
  parents read = {rows, NULL};
  plan p;
  select_spec q;
  shunt_status status = plan_make(c, r->model, r->query->include, r->query->ninclude, true, &p);
  if (!status) status = read_spec(c, r->model, r->query, &p, &q);
  if (!status) status = select_need(c, &q, key.list, key.n);
  if (status) return status;
  arena scratch = {0};
  status = mget_groups(c, r, &q, &read, &scratch);
  arena_free(&scratch);
  return status ? status : load_relations(c, &read, &p, SHUNT_READ);
}

/* ---- both ---- */

/* id: of the one row, or NULL. */
static shunt_status select_into(call *c, const reading *r, const shunt_value *id, shunt_rows *rows) {
  const shunt_query *query = r->query;
  plan p;
  select_spec q;
  access a = {.decision = NULL};
  shunt_status status = plan_make(c, r->model, query->include, query->ninclude, true, &p);
  if (!status) status = read_spec(c, r->model, r->query, &p, &q);
  if (!status) status = find_rows(c, r->model, query, id, &a);
  if (!status && query->distinct) status = read_together(c, &a, "distinct");
  if (status) return status;
  if (id && a.nsites > 1) return mget_many(c, r, rows); /* each site has its own form of the key */
  if (id) status = set_id(c, &a.sites[0], id, &q.filter.keys);
  if (id && !status) status = find_fitted(c, r, id, &a, &q.filter.keys);
  const site *first = &a.sites[0];
  if (!status && query->limit > 0 && !query->offset && is_of_one(&a, query->where)) {
    q.limited = q.by_key = false;
    rows->sole = query->limit == 1;
  }
  if (!status && order_needs_rank(&q)) status = order_rank_access(c, &a, &q);
  if (!status) status = merge_select(c, &a, &q, rows);
  access_end_decision(c, &a);
  return status || !p.count ? status : load_relations(c, &(parents){rows, first->table->shape}, &p, SHUNT_READ);
}

/* Whether no part of the first key is null. */
static bool is_whole(const reading *r) {
  size_t n = key_names_of(r->model->primary_key).n;
  for (size_t i = 0; i < n; i++)
    if (r->ids[i].type == SHUNT_NULL) return false;
  return true;
}

static shunt_status read_once(call *c, const reading *r, shunt_rows **out) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(c->err);
  shunt_status status;
  if (!r->by_ids || (r->nids == 1 && is_whole(r)))
    status = select_into(c, r, r->ids, rows);
  else
    status = mget_many(c, r, rows);
  if (!status) status = types_give(c, rows);
  return hand_out(status, rows, out);
}

/* Another program may have dropped a column that the caller never named: the read is repeated with the columns of now.
 * In a transaction the failed statement may have ended it, so nothing is repeated. */
static shunt_status read_rows(call *c, const reading *r, shunt_rows **out) {
  unsigned before = c->s->tables.outdated;
  shunt_status status = read_once(c, r, out);
  if (status != SHUNT_E_NOT_FOUND || c->s->tables.outdated == before || c->s->transactions) return status;
  return read_once(c, r, out);
}

static shunt_status refuse_columns(call *c, const cat_model *model) {
  key_names key = key_names_of(model->primary_key);
  return error_set(c->err, SHUNT_E_USAGE, "model '%s': a primary key has the columns '%s', each once", model->name,
                   key_names_text(c->arena, &key));
}

/* Brings the values of the keys into the order of the primary key's columns. */
static shunt_status order_ids(call *c, reading *r, const shunt_keys *ids) {
  key_names key = key_names_of(r->model->primary_key);
  size_t at[KEY_MOST];
  if ((ids->columns || ids->ncolumns) && ids->ncolumns != key.n) return refuse_columns(c, r->model);
  if (!ids->columns) return SHUNT_OK;
  for (size_t i = 0; i < key.n; i++) {
    at[i] = 0;
    while (at[i] < key.n && !cat_same_column(ids->columns[at[i]], key.list[i])) at[i]++;
    if (at[i] == key.n) return refuse_columns(c, r->model);
  }
  shunt_value *values = arena_array(c->arena, shunt_value, ids->n * key.n);
  if (!values) return error_memory(c->err);
  for (size_t k = 0; k < ids->n; k++)
    for (size_t i = 0; i < key.n; i++) values[k * key.n + i] = ids->values[k * key.n + at[i]];
  r->ids = values;
  return SHUNT_OK;
}

shunt_status shunt_mget(shunt_session *s, const char *model, const shunt_keys *ids, const shunt_query *query,
                        shunt_rows **out, shunt_error *err) {
  VISIT(v);
  call c;
  shunt_query room;
  if (!out) return error_null(err, "rows");
  *out = NULL;
  query = SIZED(shunt_query, query, &room, err);
  if (!query) return SHUNT_E_USAGE;
  reading r = {.query = query, .by_ids = true, .ids = ids ? ids->values : NULL, .nids = ids ? ids->n : 0};
  shunt_status status = call_enter(&v, &c, s, query->timeout_ms, err);
  if (!status) status = read_model(&c, model, query->client, &r.model);
  if (!status && ids) status = order_ids(&c, &r, ids);
  if (status) return status;
  if (query->norder || query->limit || query->offset)
    return error_set(
        err, SHUNT_E_USAGE,
        "model '%s': rows are returned in the order of the keys, so order, limit and offset are not possible "
        "here; use select with a list of keys",
        r.model->name);
  status = read_check(&c, r.model, query, READ_LOCK);
  return status ? status : read_rows(&c, &r, out);
}

shunt_status shunt_select(shunt_session *s, const char *model, const shunt_query *query, shunt_rows **out,
                          shunt_error *err) {
  VISIT(v);
  call c;
  shunt_query room;
  if (!out) return error_null(err, "rows");
  *out = NULL;
  query = SIZED(shunt_query, query, &room, err);
  if (!query) return SHUNT_E_USAGE;
  reading r = {.query = query};
  shunt_status status = call_enter(&v, &c, s, query->timeout_ms, err);
  if (!status) status = read_model(&c, model, query->client, &r.model);
  if (!status) status = read_check(&c, r.model, query, READ_DISTINCT | READ_LOCK);
  return status ? status : read_rows(&c, &r, out);
}
