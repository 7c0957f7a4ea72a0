/* The public reads: shunt_select, shunt_mget, shunt_count. */
#include "relate/read.h"

#include <string.h>

#include "query/statement.h"
#include "relate/load.h"
#include "relate/sort.h"

static const shunt_query everything;

shunt_status read_model(shunt_session *s, const char *name, const char *client, int64_t timeout_ms,
                        const cat_model **out, shunt_error *err) {
  session_enter(s, timeout_ms);
  if (timeout_ms < 0)
    return error_set(err, SHUNT_E_USAGE, "a timeout is 0 (the session's) or more, and this is %lld ms",
                     (long long)timeout_ms);
  if (!name) return error_set(err, SHUNT_E_USAGE, "there is no model's name");
  shunt_status status = catalog_find_model(s->home.catalog, name, out, err);
  return status ? status : session_check_client(s, client, false, err);
}

static route_request request_of(const shunt_session *s, const cat_model *model, const shunt_query *query) {
  route_request request = session_request(s, model, SHUNT_READ);
  request.explicit_client = query->client;
  request.explicit_table = query->table;
  return request;
}

static shunt_status find_rows(shunt_session *s, const cat_model *model, const shunt_query *query, const shunt_value *id,
                              access *out, shunt_error *err) {
  route_request request = request_of(s, model, query);
  s->where.count = 0;
  if ((id && !equalities_add(&s->where, model->primary_key, id)) || !equalities_of_where(&s->where, query->where))
    return error_memory(err);
  request.where = s->where.list;
  request.nwhere = s->where.count;
  return access_find(s, &request, out, err);
}

shunt_status read_access(shunt_session *s, const cat_model *model, const shunt_query *query, access *out,
                         shunt_error *err) {
  return find_rows(s, model, query, NULL, out, err);
}

/* ---- select ---- */

/* Every field is named, so that the whole is not zeroed first: this is on the way of every get. */
static shunt_status spec_of(shunt_session *s, const cat_model *model, const shunt_query *query, const plan *p,
                            select_spec *out, shunt_error *err) {
  *out = (select_spec){.filter = {.where = {query->where, NULL, NULL},
                                  .key = NULL,
                                  .keys = NULL,
                                  .nkeys = 0,
                                  .key2 = NULL,
                                  .keys2 = NULL,
                                  .nkeys2 = 0},
                       .columns = query->columns,
                       .ncolumns = query->ncolumns,
                       .needed = plan_parent_keys(s, p),
                       .nneeded = p->count,
                       .order = query->order,
                       .norder = query->norder,
                       .by_key = query->limited || query->offset,
                       .limited = query->limited,
                       .limit = query->limit,
                       .offset = query->offset,
                       .per_key = false,
                       .at_once = 0,
                       .origins = p->count > 0,
                       .statements = 0};
  if (!out->needed) return error_memory(err);
  return select_check_limits(model->name, query->limited, query->limit, query->offset, err);
}

/* The form in which the column may hold the id, if it can. */
static shunt_status set_id(shunt_session *s, filter *f, const shunt_value *id, shunt_error *err) {
  f->keys = id;
  f->nkeys = 1;
  if (driver_column_holds(f->key, id)) return SHUNT_OK;
  shunt_value *forms = arena_array(&s->call, shunt_value, MATCH_FORMS);
  match_set m;
  if (!forms || !match_init(&m, &s->call, match_rule_of(NULL, f->key), 1)) return error_memory(err);
  f->keys = forms;
  return match_forms(&m, match_add(&m, 0, id), f->key, forms, &f->nkeys) ? SHUNT_OK : error_memory(err);
}

static bool says_key(const access *a, const shunt_where *w) {
  if (w->op != SHUNT_EQ || w->nvalues != 1 || w->values[0].type == SHUNT_NULL) return false;
  const driver_column *key = a->table->shape->sole_key;
  return key && w->column && strcmp(w->column, key->name) == 0;
}

/* Whether a condition holds of one row at most, so that there is nothing to order and to cut off. */
static bool is_of_one(const access *a, const shunt_where *w) {
  if (!w) return false;
  for (size_t i = 0; w->op == SHUNT_AND && i < w->nitems; i++)
    if (says_key(a, &w->items[i])) return true;
  return says_key(a, w);
}

/* id: of the one row, or NULL. */
static shunt_status select_into(shunt_session *s, const cat_model *model, const shunt_query *query,
                                const shunt_value *id, shunt_rows *rows, shunt_error *err) {
  plan p;
  select_spec q;
  access a;
  shunt_status status = plan_make(s, model, query->include, query->ninclude, true, &p, err);
  if (!status) status = spec_of(s, model, query, &p, &q, err);
  if (!status) status = find_rows(s, model, query, id, &a, err);
  if (!status && id) {
    status = access_key(s, &a, &q.filter.key, err);
    if (!status) status = set_id(s, &q.filter, id, err);
  }
  if (!status && query->limit > 0 && !query->offset && is_of_one(&a, query->where)) q.limited = q.by_key = false;
  if (!status) status = select_run(s, &a, &q, rows, err);
  return status || !p.count ? status : load_relations(s, rows, a.table->shape, &p, SHUNT_READ, err);
}

/* Takes rows over. */
static shunt_status hand_out(shunt_status status, shunt_rows *rows, shunt_rows **out) {
  if (status) {
    shunt_rows_free(rows);
    rows = NULL;
  }
  *out = rows;
  return status;
}

/* ---- mget ---- */

/* Rows in the order of the keys, a key that was given twice twice. */
static shunt_status in_order(const grouped *k, const uint32_t *by_key, const uint32_t *positions, size_t nids,
                             shunt_rows *rows, arena *scratch, shunt_error *err) {
  uint64_t n = 0, at = 0;
  bool same = true;
  for (size_t i = 0; i < nids; i++)
    if (k->of_entry[i] != MATCH_NONE) n += by_key[k->of_entry[i] + 1] - by_key[k->of_entry[i]];
  if (n > SIZE_MAX / sizeof(uint32_t)) return error_memory(err);
  uint32_t *order = arena_alloc(scratch, (size_t)n * sizeof *order);
  if (!order) return error_memory(err);
  for (size_t i = 0; i < nids; i++) {
    uint32_t key = k->of_entry[i];
    for (uint32_t r = key == MATCH_NONE ? 0 : by_key[key]; key != MATCH_NONE && r < by_key[key + 1]; r++) {
      same = same && positions[r] == at;
      order[at++] = positions[r];
    }
  }
  return same && n == rows->count ? SHUNT_OK : sort_pick(rows, order, (size_t)n, scratch, err);
}

static shunt_status mget_groups(shunt_session *s, const cat_model *model, const shunt_value *ids, size_t nids,
                                const shunt_query *query, select_spec *q, shunt_rows *rows, arena *scratch,
                                const driver_table **shape, shunt_error *err) {
  group_spec g = {.entries = {.count = nids, .list = ids},
                  .key = model->primary_key,
                  .request = request_of(s, model, query),
                  .where = {query->where}};
  loading l = {.s = s, .err = err, .scratch = scratch};
  grouped k;
  uint32_t *by_key, *positions;
  shunt_status status = group_keys(s, scratch, &g, &k, err);
  if (status) return status;
  if (k.ngroups == 0) { /* only the columns are asked for */
    access a;
    status = read_access(s, model, query, &a, err);
    if (!status) *shape = a.table->shape;
    return status ? status : select_columns(s, &a, q, rows, err);
  }
  *shape = k.groups[0].at.table->shape;
  status = load_groups_now(&l, &k, q, rows);
  if (!status) status = load_by_key(&l, &k, rows, &by_key, &positions);
  return status ? status : in_order(&k, by_key, positions, nids, rows, scratch, err);
}

static shunt_status mget_many(shunt_session *s, const cat_model *model, const shunt_value *ids, size_t nids,
                              const shunt_query *query, shunt_rows *rows, shunt_error *err) {
  plan p;
  select_spec q;
  const driver_table *shape = NULL;
  shunt_status status = plan_make(s, model, query->include, query->ninclude, true, &p, err);
  if (!status) status = spec_of(s, model, query, &p, &q, err);
  if (status) return status;
  const char **needed = arena_array(&s->call, const char *, q.nneeded + 1);
  if (!needed) return error_memory(err);
  if (q.nneeded) memcpy(needed, q.needed, q.nneeded * sizeof *needed);
  needed[q.nneeded++] = model->primary_key;
  q.needed = needed;
  arena scratch = {0};
  status = mget_groups(s, model, ids, nids, query, &q, rows, &scratch, &shape, err);
  arena_free(&scratch);
  return status ? status : load_relations(s, rows, shape, &p, SHUNT_READ, err);
}

/* ---- both ---- */

typedef struct reading {
  const cat_model *model;
  const shunt_query *query;
  bool by_ids;
  const shunt_value *ids;
  size_t nids;
} reading;

static shunt_status read_once(shunt_session *s, const reading *r, shunt_rows **out, shunt_error *err) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(err);
  shunt_status status;
  if (!r->by_ids || (r->nids == 1 && r->ids[0].type != SHUNT_NULL))
    status = select_into(s, r->model, r->query, r->ids, rows, err);
  else
    status = mget_many(s, r->model, r->ids, r->nids, r->query, rows, err);
  return hand_out(status, rows, out);
}

/* Somebody else may have taken a column away that the caller never named: what is there now is read then. A transaction
 * may have failed with the statement, and is left alone. */
static shunt_status read_rows(shunt_session *s, const reading *r, shunt_rows **out, shunt_error *err) {
  unsigned before = s->outdated;
  shunt_status status = read_once(s, r, out, err);
  if (status != SHUNT_E_NOT_FOUND || s->outdated == before || s->transactions) return status;
  arena_reset(&s->call);
  return read_once(s, r, out, err);
}

shunt_status shunt_mget(shunt_session *s, const char *model, const shunt_value *ids, size_t nids,
                        const shunt_query *query, shunt_rows **out, shunt_error *err) {
  const cat_model *m;
  *out = NULL;
  if (!query) query = &everything;
  shunt_status status = read_model(s, model, query->client, query->timeout_ms, &m, err);
  if (status) return status;
  if (query->norder || query->limited || query->offset)
    return error_set(
        err, SHUNT_E_USAGE,
        "model '%s': rows are got by their keys in the order of these, so that order, limit and offset say "
        "nothing; select by a list of keys instead",
        m->name);
  reading r = {.model = m, .query = query, .by_ids = true, .ids = ids, .nids = nids};
  return read_rows(s, &r, out, err);
}

shunt_status shunt_select(shunt_session *s, const char *model, const shunt_query *query, shunt_rows **out,
                          shunt_error *err) {
  const cat_model *m;
  *out = NULL;
  if (!query) query = &everything;
  shunt_status status = read_model(s, model, query->client, query->timeout_ms, &m, err);
  if (status) return status;
  reading r = {.model = m, .query = query};
  return read_rows(s, &r, out, err);
}

/* ---- count ---- */

static shunt_status write_count(shunt_session *s, const access *a, const shunt_query *query, shunt_error *err) {
  filter f = {.where = {query->where}};
  size_t room;
  shunt_value limit = shunt_integer(query->limited ? query->limit : INT64_MAX), offset = shunt_integer(query->offset);
  bool cut = query->limited || query->offset;
  sql_reset(&s->sql);
  sql_puts(&s->sql, cut ? "SELECT COUNT(*) FROM (SELECT 1 FROM " : "SELECT COUNT(*) FROM ");
  sql_name(&s->sql, a->engine, a->table->name);
  shunt_status status = filter_conditions(s, a, &f, err);
  if (!status) status = filter_room(s, a, &f, cut ? 2 : 0, &room, err);
  if (status || !cut) return status;
  sql_puts(&s->sql, " LIMIT ");
  sql_param(&s->sql, &limit);
  sql_puts(&s->sql, " OFFSET ");
  sql_param(&s->sql, &offset);
  sql_puts(&s->sql, ") AS counted");
  return SHUNT_OK;
}

shunt_status shunt_count(shunt_session *s, const char *model, const shunt_query *query, int64_t *count,
                         shunt_error *err) {
  const cat_model *m;
  access a;
  *count = 0;
  if (!query) query = &everything;
  shunt_status status = read_model(s, model, query->client, query->timeout_ms, &m, err);
  if (!status && query->ninclude)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': a count includes no relations", m->name);
  if (!status) status = select_check_limits(m->name, query->limited, query->limit, query->offset, err);
  if (!status) status = read_access(s, m, query, &a, err);
  if (!status) status = write_count(s, &a, query, err);
  if (!status) status = sql_status(&s->sql, err);
  if (status) return status;
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(err);
  status = statement_read(s, a.client, a.level, rows, err);
  if (!status) *count = rows_row(rows, 0)[0].as.integer;
  shunt_rows_free(rows);
  return status;
}
