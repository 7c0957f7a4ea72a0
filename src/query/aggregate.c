#include "query/aggregate.h"

#include "query/key_sql.h"
#include "query/types.h"
#include "query/value.h"

static const struct {
  const char *sql, *name;
} functions[] = {[SHUNT_COUNT] = {"COUNT", "count"},
                 [SHUNT_SUM] = {"SUM", "sum"},
                 [SHUNT_AVG] = {"AVG", "avg"},
                 [SHUNT_MIN] = {"MIN", "min"},
                 [SHUNT_MAX] = {"MAX", "max"}};

/* ---- kinds of columns ---- */

bool aggregate_is_integer(const driver_column *column) {
  return column->kind == DRIVER_INTEGERS || (column->kind == DRIVER_NUMBERS && column->most > 0);
}

static bool is_numeric(const driver_column *column) {
  switch (column->kind) {
  case DRIVER_INTEGERS:
  case DRIVER_NUMBERS:
    return true;
  case DRIVER_ANYTHING:
    return !column->text && column->form != DRIVER_FORM_SPELLED;
  case DRIVER_OTHERS: /* of those without a form, PostgreSQL knows which it adds: intervals, for example */
    return column->form == DRIVER_FORM_ANY || column->form == DRIVER_FORM_AMOUNT;
  default:
    return false;
  }
}

static shunt_status check_column(call *c, const site *at, const result *r) {
  if ((r->function != SHUNT_SUM && r->function != SHUNT_AVG) || is_numeric(r->column)) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE, "model '%s': %s takes numbers, and column '%s' (%s) holds others",
                   at->model->name, functions[r->function].name, r->column->name, r->column->type);
}

/* ---- SQL ---- */

static void write_function(sql_text *sql, const site *at, shunt_function function, const driver_column *column) {
  sql_puts(sql, functions[function].sql);
  sql_puts(sql, "(");
  if (column)
    sql_name(sql, at->engine, column->name);
  else
    sql_puts(sql, "*");
  sql_puts(sql, ")");
}

/* Whether the engine's own AVG would round. */
static bool is_mean(const site *at, const result *r) {
  return r->function == SHUNT_AVG && !r->count && at->engine->mean_type && aggregate_is_integer(r->column);
}

static void write_mean(sql_text *sql, const site *at, const driver_column *column) {
  sql_puts(sql, "CAST(");
  write_function(sql, at, SHUNT_SUM, column);
  sql_puts(sql, " AS ");
  sql_puts(sql, at->engine->mean_type);
  sql_puts(sql, ") / ");
  write_function(sql, at, SHUNT_COUNT, column);
}

/* "SUM("total")" */
static const char *expression(call *c, const site *at, const result *r) {
  sql_text *sql = call_sql(c);
  if (!sql) return NULL;
  if (is_mean(at, r))
    write_mean(sql, at, r->column);
  else
    write_function(sql, at, r->count ? SHUNT_SUM : r->function, r->column);
  const char *text = sql->text.failed ? NULL : arena_strndup(c->arena, sql->text.data, sql->text.size);
  call_end_sql(c, sql);
  return text;
}

/* ---- results ---- */

/* MIN and MAX have the kind of their column; the other results are numbers. */
static shunt_status describe_value(call *c, const site *at, result *r) {
  driver_column *number = arena_new(c->arena, driver_column);
  bool same = r->function == SHUNT_MIN || r->function == SHUNT_MAX;
  r->value.sql = expression(c, at, r);
  if (!number || !r->name || !r->value.sql) return error_memory(c->err);
  *number = (driver_column){.name = r->name,
                            .type = "number",
                            .kind = DRIVER_NUMBERS,
                            .numeric = true,
                            .exact = r->column && r->column->exact,
                            .nullable = r->function != SHUNT_COUNT};
  r->value.wide = !same;
  r->value.column = same ? r->column : number;
  return SHUNT_OK;
}

shunt_status aggregate_check(call *c, const shunt_aggregation *from) {
  if (from->function > SHUNT_MAX) return error_set(c->err, SHUNT_E_USAGE, "unknown function %d", (int)from->function);
  if (!from->column && from->function != SHUNT_COUNT)
    return error_set(c->err, SHUNT_E_USAGE, "%s needs a column", functions[from->function].name);
  return SHUNT_OK;
}

const char *aggregate_name(arena *a, const shunt_aggregation *from, const char *column) {
  const char *function = functions[from->function].name;
  return column ? arena_printf(a, "%s_%s", function, column) : function;
}

static shunt_status find_one(call *c, const site *at, const shunt_aggregation *from, result *r) {
  shunt_status status = aggregate_check(c, from);
  if (status) return status;
  r->function = from->function;
  if (from->column) status = site_column(c, at, from->column, &r->column);
  if (!status && r->column) status = check_column(c, at, r);
  if (!status) r->name = aggregate_name(c->arena, from, r->column ? r->column->name : NULL);
  return status;
}

static shunt_status find_count(call *c, const site *at, const result *of, result *r) {
  *r = (result){.name = arena_printf(c->arena, "count of %s", of->name), .column = of->column, .function = SHUNT_COUNT};
  return describe_value(c, at, r);
}

shunt_status aggregate_find(call *c, const site *at, const aggregate_list *list, result_list *out) {
  size_t first = out->n, ncounts = 0;
  for (size_t i = 0; i < list->n; i++) {
    result *r = &out->list[out->n++];
    *r = (result){.name = NULL};
    shunt_status status = find_one(c, at, &list->list[i], r);
    if (list->names) r->name = list->names[i];
    if (!status && list->apart && r->function == SHUNT_AVG) r->count = first + list->n + ncounts++;
    if (!status) status = describe_value(c, at, r);
    if (status) return status;
  }
  for (size_t i = first; i < first + list->n; i++) {
    if (!out->list[i].count) continue;
    shunt_status status = find_count(c, at, &out->list[i], &out->list[out->n++]);
    if (status) return status;
  }
  return SHUNT_OK;
}

/* ---- for each key ---- */

static shunt_status find_all(call *c, const site *at, const aggregate_list *list, result_list *out) {
  *out = (result_list){arena_array(c->arena, result, 2 * list->n), 0};
  return out->list ? aggregate_find(c, at, list, out) : error_memory(c->err);
}

shunt_status aggregate_columns(call *c, const site *at, const aggregate_list *list, shunt_rows *rows) {
  result_list r;
  shunt_status status = find_all(c, at, list, &r);
  if (status) return status;
  const char **names = arena_array(c->arena, const char *, r.n + 1);
  for (size_t i = 0; names && i < r.n; i++) names[i] = r.list[i].name;
  if (names) names[r.n] = KEY_NUMBER;
  if (!names || !rows_set_columns(rows, names, r.n + 1)) return error_memory(c->err);
  rows->visible = list->n;
  return SHUNT_OK;
}

shunt_status aggregate_write(call *c, sql_text *sql, const site *at, const aggregate_list *list) {
  result_list r;
  shunt_status status = find_all(c, at, list, &r);
  for (size_t i = 0; i < r.n && !status; i++) {
    sql_puts(sql, r.list[i].value.sql);
    sql_puts(sql, ", ");
  }
  sql_puts(sql, KEY_NUMBER);
  return status;
}

static bool is_first(const result_list *r, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (r->list[k].column == r->list[i].column) return false;
  return true;
}

shunt_status aggregate_write_needed(call *c, sql_text *sql, const site *at, const aggregate_list *list) {
  result_list r;
  shunt_status status = find_all(c, at, list, &r);
  for (size_t i = 0; i < r.n && !status; i++) {
    if (!r.list[i].column || !is_first(&r, i)) continue;
    sql_name(sql, at->engine, r.list[i].column->name);
    sql_puts(sql, ", ");
  }
  sql_puts(sql, KEY_NUMBER);
  return status;
}

/* ---- values ---- */

static bool is_number_of_integers(const result *r) {
  bool added = r->function == SHUNT_SUM || r->function == SHUNT_AVG;
  return !r->grouped && added && aggregate_is_integer(r->column);
}

void aggregate_plain(const result_list *r, shunt_rows *rows, row_range range) {
  for (size_t i = 0; i < r->n; i++) {
    if (!is_number_of_integers(&r->list[i])) continue;
    bool is_sum = r->list[i].function == SHUNT_SUM || r->list[i].count;
    for (size_t row = range.first; row < range.end; row++) {
      shunt_value *cell = &rows_row(rows, row)[i];
      if (cell->type != SHUNT_TEXT) continue;
      shunt_value number = is_sum ? value_exact(cell) : value_canonical(cell, true);
      if (number.type == SHUNT_INTEGER && !is_sum) number = shunt_float((double)number.as.integer);
      *cell = number;
    }
  }
}

shunt_status aggregate_give_types(call *c, const site *at, const result_list *r, shunt_rows *rows, row_range range) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < r->n; i++) {
    const result *of = &r->list[i];
    if (!of->grouped && of->function != SHUNT_MIN && of->function != SHUNT_MAX) continue;
    for (size_t row = range.first; row < range.end && !status; row++)
      status = types_give_cell(c, at, of->column, rows, &rows_row(rows, row)[i]);
  }
  return status;
}
