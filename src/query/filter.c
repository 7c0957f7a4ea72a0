#include "query/filter.h"

#include <string.h>

#include "query/related.h"
#include "query/sql.h"
#include "query/types.h"
#include "query/value.h"

shunt_status filter_condition(call *c, sql_text *sql, const site *at, const shunt_where *where) {
  const comparison w = {.c = c, .at = at, .q = sql};
  return condition_write(&w, &related_columns, where);
}

static void next_term(sql_text *q, bool *first) {
  sql_puts(q, *first ? " WHERE " : " AND ");
  *first = false;
}

static bool is_empty(const shunt_where *c) { return !c || (c->op == SHUNT_AND && c->nitems == 0); }

shunt_status filter_conditions(call *c, sql_text *sql, const site *at, const filter *f) {
  const comparison w = {.c = c, .at = at, .q = sql};
  bool first = true;
  const driver_column *column;
  shunt_value value;
  for (size_t i = 0; i < FILTER_WHERES; i++) {
    if (is_empty(f->where[i])) continue;
    next_term(sql, &first);
    shunt_status status = condition_write(&w, &related_columns, f->where[i]);
    if (status) return status;
  }
  shunt_status status = site_instance(c, at, &column, &value);
  if (status) return status;
  if (column) {
    next_term(sql, &first);
    sql_name(sql, at->engine, column->name);
    sql_puts(sql, " = ");
    sql_param(sql, &value);
  }
  if (at->model->soft_delete && !f->deleted) {
    status = site_column(c, at, at->model->soft_delete, &column);
    if (status) return status;
    next_term(sql, &first);
    sql_name(sql, at->engine, column->name);
    sql_puts(sql, " IS NULL");
  }
  if (f->also.columns.n) {
    next_term(sql, &first);
    if (f->also.count)
      key_sql_among(c, sql, at, &f->also, 0, f->also.count);
    else
      sql_puts(sql, "1 = 0");
  }
  if (filter_has_keys(f)) next_term(sql, &first);
  return SHUNT_OK;
}

shunt_status filter_room(call *c, const sql_text *sql, const site *at, const filter *f, size_t more, size_t *room) {
  size_t max = site_max_params(c->s, at), used = sql->nparams + more, width = f->keys.columns.n;
  *room = used < max ? (max - used) / (width ? width : 1) : 0;
  if (used + width <= max) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': the conditions hold %zu values, and a statement of %s takes %zu; ask in several calls",
                   at->model->name, used, at->engine->name, max);
}
