/* Ordering by a column of another row.
 *
 * Idea: the other row is one at most, so the term is a subselect: ORDER BY (SELECT name FROM users …). It is no join,
 * which could repeat rows, and in which the names of other conditions would become ambiguous. Its key is compared as
 * conditions over relations compare it (related.c), where the engine does that as an include does.
 *
 * Where the other rows are on another datasource, they have been ranked there (order_rank.c). The statement gets a
 * table of their keys and ranks, and the term is the rank. */
#include "query/order_path.h"

#include <string.h>

#include "query/key_sql.h"

bool order_is_path(const site *at, const char *name) {
  return strchr(name, '.') && !driver_table_column(at->table->shape, name);
}

/* ---- one step ---- */

static shunt_status no_relation(const comparison *w, const char *path, const char *name) {
  const cat_model *model = w->at->model;
  suggest near = cat_model_suggest(model, name);
  return error_set(w->c->err, SHUNT_E_NOT_FOUND,
                   "order: model '%s' has neither a column '%.128s' nor a relation '%s'%s", model->name, path, name,
                   suggest_text(&near));
}

static bool is_among(const key_columns *columns, const char *name) {
  for (size_t i = 0; i < columns->n; i++)
    if (cat_same_column(name, columns->list[i]->name)) return true;
  return false;
}

/* Whether a row has at most one other row: by a unique index, or because the model says so of its primary key. The
 * rows are those of one instance. */
static bool leads_to_one(const related_rows *x, const related_step *s) {
  const cat_model *target = x->r->target;
  key_names key = key_names_of(target->primary_key);
  const driver_column *fixed[KEY_MOST + 1], *of_instance = NULL;
  size_t n = s->inner.n;
  bool whole = key.n > 0;
  for (size_t i = 0; i < key.n && whole; i++) whole = is_among(&s->inner, key.list[i]);
  memcpy(fixed, s->inner.list, n * sizeof *fixed);
  if (target->instance_column) of_instance = driver_table_column(s->at.table->shape, target->instance_column);
  if (of_instance) fixed[n++] = of_instance;
  return whole || driver_table_identifies(s->at.table->shape, fixed, n);
}

static shunt_status refuse_many(const comparison *w, const char *path, const related_rows *x) {
  bool one = x->r->as.kind == SHUNT_HAS_ONE || x->r->as.kind == SHUNT_BELONGS_TO;
  return error_set(w->c->err, SHUNT_E_USAGE,
                   "order by '%s': relation '%s' may lead to several rows%s; only one that leads to one row at most "
                   "gives an order",
                   path, x->r->full_name, one ? ", because its key is not unique there" : "");
}

shunt_status order_path_step(const comparison *w, const char *path, related_rows *x, related_step *s,
                             const char **rest) {
  size_t size = strcspn(path, ".");
  const char *name = arena_strndup(w->c->arena, path, size);
  if (!name) return error_memory(w->c->err);
  *x = (related_rows){.names = &related_columns, .r = cat_model_relation(w->at->model, name)};
  *rest = path + size + 1;
  if (!x->r) return no_relation(w, path, name);
  if (x->r->as.kind != SHUNT_HAS_ONE && x->r->as.kind != SHUNT_BELONGS_TO) return refuse_many(w, path, x);
  if (w->depth >= RELATED_DEEPEST)
    return error_set(w->c->err, SHUNT_E_USAGE, "order by '%s': a path has at most %d relations", path, RELATED_DEEPEST);
  shunt_status status = related_find(w, x, s);
  return status || leads_to_one(x, s) ? status : refuse_many(w, path, x);
}

shunt_status order_path_joins(const comparison *w, const char *path, bool *joins) {
  related_rows x;
  related_step s;
  comparison in;
  *joins = true;
  if (!order_is_path(w->at, path)) return SHUNT_OK;
  shunt_status status = order_path_step(w, path, &x, &s, &path);
  if (!status) status = related_inside(w, &s, &in);
  if (status || !(*joins = related_joins(w, &s))) return status;
  return order_path_joins(&in, path, joins);
}

/* ---- the subselect ---- */

static const driver_column number_column = {
    .type = "integer", .kind = DRIVER_INTEGERS, .numeric = true, .exact = true, .least = INT64_MIN, .most = INT64_MAX};

/* MySQL orders labels by their numbers, which a subselect does not keep. */
static shunt_status write_column(const comparison *w, const char *name, driver_column *out) {
  const driver_column *column;
  shunt_status status = site_column(w->c, w->at, name, &column);
  if (status) return status;
  bool label = !column->rank && compare_is_label(column);
  related_write_column(w, column);
  if (label) sql_puts(w->q, " + 0");
  *out = label ? number_column : *column;
  return SHUNT_OK;
}

static shunt_status refuse_elsewhere(const comparison *w, const char *path, const related_rows *x, const site *at) {
  return error_set(w->c->err, SHUNT_E_USAGE,
                   "order by '%s': the rows of relation '%s' are on '%s', and those before it on '%s'; an order leads "
                   "to one other datasource at most, and only in its first step",
                   path, x->r->full_name, at->client->name, w->at->client->name);
}

static shunt_status write_path(const comparison *w, const char *path, driver_column *out) {
  related_rows x;
  related_step s;
  comparison in;
  const char *rest;
  if (!order_is_path(w->at, path)) return write_column(w, path, out);
  shunt_status status = order_path_step(w, path, &x, &s, &rest);
  if (!status && !related_joins(w, &s)) status = refuse_elsewhere(w, path, &x, &s.at);
  if (!status) status = related_inside(w, &s, &in);
  if (status) return status;
  sql_puts(w->q, "(SELECT ");
  status = write_path(&in, rest, out);
  if (!status) status = related_write_from(w, &in, &s, &x);
  sql_puts(w->q, ")");
  return status;
}

static shunt_status copy_sql(call *c, const sql_text *sql, operand *o) {
  shunt_value *params = arena_alloc(c->arena, sql->nparams * sizeof *params);
  o->sql = sql->text.failed || sql->failed ? NULL : arena_strndup(c->arena, sql->text.data, sql->text.size);
  if (!o->sql || !params) return error_memory(c->err);
  if (sql->nparams) memcpy(params, sql->params, sql->nparams * sizeof *params);
  o->params = params;
  o->nparams = sql->nparams;
  return SHUNT_OK;
}

static shunt_status path_operand(const comparison *w, const char *path, driver_column *column, operand *o) {
  comparison in = *w;
  const char *const *collate = w->at->engine->collate;
  in.q = call_sql(w->c);
  shunt_status status = in.q ? write_path(&in, path, column) : error_memory(w->c->err);
  if (!status && collate) sql_puts(in.q, collate[column->collation]);
  if (!status) status = copy_sql(w->c, in.q, o);
  call_end_sql(w->c, in.q);
  return status;
}

/* ---- ranks ---- */

shunt_status order_rank_keys(call *c, const site *at, const order_rank *rank, key_list *out) {
  *out = (key_list){.columns = {.n = 1}, .values = rank->keys, .numbers = rank->places, .count = rank->n};
  return site_column(c, at, rank->column, &out->columns.list[0]);
}

int order_rank_of(const order_ranks *ranks, const char *path) {
  for (size_t i = 0; ranks && i < ranks->n; i++)
    if (strcmp(ranks->list[i].path, path) == 0) return (int)i;
  return -1;
}

static shunt_status rank_operand(const comparison *w, const order_ranks *ranks, int i, operand *o) {
  o->sql = ranks->list[i].n ? arena_printf(w->c->arena, KEY_RANK, (size_t)i)
                            : arena_printf(w->c->arena, "CAST(NULL AS %s)", w->at->engine->text_type);
  return o->sql ? SHUNT_OK : error_memory(w->c->err);
}

bool order_has_path(const char *const *order, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (order[i] && strchr(order[i], '.')) return true;
  return false;
}

shunt_status order_operand(const comparison *w, const order_ranks *ranks, const char *term, order_term *out,
                           operand *o) {
  *o = (operand){.column = NULL};
  shunt_status status = order_read(w->c, term, out);
  if (status || !order_is_path(w->at, out->name))
    return status ? status : site_column(w->c, w->at, out->name, &o->column);
  driver_column *column = arena_new(w->c->arena, driver_column);
  if (!column) return error_memory(w->c->err);
  *column = number_column;
  int rank = order_rank_of(ranks, out->name);
  status = rank < 0 ? path_operand(w, out->name, column, o) : rank_operand(w, ranks, rank, o);
  column->name = out->name;
  column->nullable = true;
  o->column = column;
  return status;
}
