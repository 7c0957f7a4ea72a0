#include "query/filter.h"

#include <string.h>

#include "query/related.h"
#include "query/sql.h"
#include "query/value.h"

static void next_term(sql_text *q, bool *first) {
  sql_puts(q, *first ? " WHERE " : " AND ");
  *first = false;
}

/* Keys may have any type. A column of another kind is compared as text. */
static void write_key(const comparison *w, const driver_column *key) {
  const operand o = {.column = key};
  if (key->kind == DRIVER_OTHERS)
    compare_text(w, &o);
  else
    compare_name(w, &o);
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
  if (f->also.columns.n) {
    next_term(sql, &first);
    filter_keys(c, sql, at, &f->also, 0, f->also.count);
  }
  if (filter_has_keys(f)) next_term(sql, &first);
  return SHUNT_OK;
}

/* {1,2,3}. NULL if a value is not an integer, and if there is no memory, which sets *no_memory. */
static char *list_of(arena *a, const shunt_value *values, size_t n, size_t *size, bool *no_memory) {
  enum { LONGEST = 21 /* -9223372036854775808 and a comma */ };
  for (size_t i = 0; i < n; i++)
    if (values[i].type != SHUNT_INTEGER) return NULL;
  char *list = arena_alloc(a, n * LONGEST + 3), *to = list;
  *no_memory = !list;
  if (!list) return NULL;
  for (size_t i = 0; i < n; i++) {
    *to++ = i ? ',' : '{';
    to += value_as_text(&values[i], to);
  }
  *to++ = '}';
  *size = (size_t)(to - list);
  return list;
}

/* Whether the keys were written as one list. */
static bool write_key_list(call *c, sql_text *sql, const driver_column *column, const shunt_value *keys, size_t n) {
  size_t size;
  bool no_memory = false;
  char *list = column->list && n > 1 ? list_of(c->arena, keys, n, &size, &no_memory) : NULL;
  if (no_memory) sql->failed = true;
  if (!list) return no_memory;
  const char *mark = strchr(column->list, '?');
  shunt_value as_text = shunt_text(list, size);
  sql_puts(sql, " = ANY (");
  sql_add(sql, column->list, (size_t)(mark - column->list));
  sql_param(sql, &as_text);
  sql_puts(sql, mark + 1);
  sql_puts(sql, ")");
  return true;
}

void filter_keys(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count) {
  _Static_assert(KEY_MOST == 1, "keys of several columns are written here: (a, b) IN ((?, ?), …)");
  const driver_column *column = keys->columns.list[0];
  const shunt_value *values = key_at(keys, from);
  const comparison w = {.c = c, .at = at, .q = sql};
  write_key(&w, column);
  if (write_key_list(c, sql, column, values, count)) return;
  sql_puts(sql, count == 1 ? " = " : " IN (");
  compare_held(&w, column, values, count);
  if (count != 1) sql_puts(sql, ")");
}

shunt_status filter_room(call *c, const sql_text *sql, const site *at, const filter *f, size_t more, size_t *room) {
  size_t max = site_max_params(c->s, at), used = sql->nparams + more, width = f->keys.columns.n;
  *room = used < max ? (max - used) / (width ? width : 1) : 0;
  if (used + width <= max) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': the conditions hold %zu values, and a statement of %s takes %zu; ask in several calls",
                   at->model->name, used, at->engine->name, max);
}
