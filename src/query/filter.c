#include "query/filter.h"

#include "query/related.h"
#include "query/sql.h"

shunt_status filter_condition(call *c, sql_text *sql, const site *at, const shunt_where *where) {
  const comparison w = {.c = c, .at = at, .q = sql};
  return condition_write(&w, &related_columns, where);
}

static bool is_empty(const shunt_where *c) { return !c || (c->op == SHUNT_AND && c->nitems == 0); }

shunt_status filter_conditions(call *c, sql_text *sql, const site *at, const filter *f) {
  const comparison w = {.c = c, .at = at, .q = sql};
  const char *word = " WHERE ";
  for (size_t i = 0; i < FILTER_WHERES; i++) {
    if (is_empty(f->where[i])) continue;
    condition_join(&w, &word);
    shunt_status status = condition_write(&w, &related_columns, f->where[i]);
    if (status) return status;
  }
  shunt_status status = condition_always(&w, f->deleted, &word);
  if (status) return status;
  if (f->also) {
    condition_join(&w, &word);
    if (f->also->count)
      key_sql_among(c, sql, at, f->also, 0, f->also->count);
    else
      sql_puts(sql, "1 = 0");
  }
  if (filter_has_keys(f)) condition_join(&w, &word);
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
