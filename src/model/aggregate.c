/* shunt_aggregate. */
#include <string.h>

#include "base/suggest.h"
#include "model/aggregate_kind.h"
#include "model/combine.h"
#include "model/merge.h"
#include "model/read.h"
#include "query/condition.h"
#include "query/filter.h"
#include "query/order.h"
#include "query/select.h"
#include "query/statement.h"
#include "query/types.h"
#include "query/value.h"

static const shunt_query everything;
static const shunt_aggregates nothing;
static const struct {
  const char *sql, *name;
} functions[] = {[SHUNT_COUNT] = {"COUNT", "count"},
                 [SHUNT_SUM] = {"SUM", "sum"},
                 [SHUNT_AVG] = {"AVG", "avg"},
                 [SHUNT_MIN] = {"MIN", "min"},
                 [SHUNT_MAX] = {"MAX", "max"}};

/* A column of the result. */
typedef struct result {
  const char *name;
  const driver_column *column; /* NULL: COUNT(*) */
  bool grouped;
  shunt_function function;
  operand value; /* how it is written and compared */
} result;

typedef struct aggregation {
  call *c;
  sql_text *sql;
  const site *at;
  const shunt_query *query;
  result *results; /* the columns of group, then the aggregates */
  size_t nresults, ngroup;
  bool partial; /* of one of several sites: sums in place of averages, and after the results the count of each */
} aggregation;

/* ---- what is asked for ---- */

static shunt_status find_group(aggregation *g, const char *name) {
  result *r = &g->results[g->nresults];
  shunt_status status = site_column(g->c, g->at, name, &r->column);
  if (status) return status;
  r->grouped = true;
  r->name = r->column->name;
  r->value = (operand){.column = r->column};
  g->nresults++;
  g->ngroup++;
  return SHUNT_OK;
}

static void write_function(const aggregation *g, sql_text *sql, const result *r) {
  sql_puts(sql, functions[g->partial && r->function == SHUNT_AVG ? SHUNT_SUM : r->function].sql);
  sql_puts(sql, "(");
  if (r->column)
    sql_name(sql, g->at->engine, r->column->name);
  else
    sql_puts(sql, "*");
  sql_puts(sql, ")");
}

/* "SUM("total")" */
static const char *expression(aggregation *g, const result *r) {
  sql_text *sql = call_sql(g->c);
  if (!sql) return NULL;
  if (!g->partial && aggregate_is_mean(g->at, r->function, r->column))
    aggregate_write_mean(sql, g->at, r->column);
  else
    write_function(g, sql, r);
  const char *text = sql->text.failed ? NULL : arena_strndup(g->c->arena, sql->text.data, sql->text.size);
  call_end_sql(g->c, sql);
  return text;
}

/* MIN and MAX have the kind of their column; the other results are numbers. */
static shunt_status describe_value(aggregation *g, result *r) {
  driver_column *number = arena_new(g->c->arena, driver_column);
  bool same = r->function == SHUNT_MIN || r->function == SHUNT_MAX;
  r->value.sql = expression(g, r);
  if (!number || !r->value.sql) return error_memory(g->c->err);
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

static shunt_status find_aggregate(aggregation *g, const shunt_aggregation *from) {
  result *r = &g->results[g->nresults];
  if (from->function > SHUNT_MAX)
    return error_set(g->c->err, SHUNT_E_USAGE, "unknown function %d", (int)from->function);
  r->function = from->function;
  if (!from->column && from->function != SHUNT_COUNT)
    return error_set(g->c->err, SHUNT_E_USAGE, "%s needs a column", functions[from->function].name);
  if (from->column) {
    shunt_status status = site_column(g->c, g->at, from->column, &r->column);
    if (!status) status = aggregate_takes(g->c, g->at, r->function, r->column);
    if (status) return status;
    r->name = arena_printf(g->c->arena, "%s_%s", functions[from->function].name, r->column->name);
  } else {
    r->name = functions[SHUNT_COUNT].name;
  }
  g->nresults++;
  return r->name ? describe_value(g, r) : error_memory(g->c->err);
}

/* An aggregate may have the name of a column. */
static shunt_status check_names(const aggregation *g) {
  for (size_t i = g->ngroup; i < g->nresults; i++)
    for (size_t k = 0; k < g->ngroup; k++)
      if (strcmp(g->results[i].name, g->results[k].name) == 0)
        return error_set(g->c->err, SHUNT_E_USAGE,
                         "model '%s': the result would have two columns '%s', a group and an aggregate%s",
                         g->at->model->name, g->results[k].name,
                         g->results[i].column ? "" : "; count a column that is never null, such as the primary key");
  return SHUNT_OK;
}

static shunt_status find_results(aggregation *g, const shunt_aggregates *what) {
  g->results = arena_array(g->c->arena, result, what->n * 2 + what->ngroup);
  if (!g->results) return error_memory(g->c->err);
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < what->ngroup && !status; i++) status = find_group(g, what->group[i]);
  for (size_t i = 0; i < what->n && !status; i++) status = find_aggregate(g, &what->list[i]);
  return status ? status : check_names(g);
}

/* ---- the statement ---- */

static comparison written_to(const aggregation *g) { return (comparison){.c = g->c, .at = g->at, .q = g->sql}; }

static void write_result(const aggregation *g, const result *r) {
  const comparison w = written_to(g);
  compare_name(&w, &r->value);
}

static void write_term(const aggregation *g, const result *r, const order_term *term) {
  const comparison w = written_to(g);
  order_write(&w, &r->value, r->grouped ? r->column->nullable : r->function != SHUNT_COUNT, term);
}

static void write_group(const aggregation *g, const char *words, bool ordered) {
  static const order_term ascending;
  for (size_t i = 0; i < g->ngroup; i++) {
    sql_puts(g->sql, i ? ", " : words);
    if (ordered)
      write_term(g, &g->results[i], &ascending);
    else
      write_result(g, &g->results[i]);
  }
}

static const result *result_named(const aggregation *g, const char *name) {
  for (size_t i = 0; i < g->nresults; i++)
    if (strcmp(g->results[i].name, name) == 0) return &g->results[i];
  const driver_column *column = driver_table_column(g->at->table->shape, name);
  for (size_t i = 0; i < g->ngroup && column; i++)
    if (g->results[i].column == column) return &g->results[i];
  return NULL;
}

static shunt_status find_result(const aggregation *g, const char *clause, const char *name, const result **out) {
  *out = result_named(g, name);
  if (*out) return SHUNT_OK;
  suggest near = suggest_for(name);
  for (size_t k = 0; k < g->nresults; k++) suggest_try(&near, g->results[k].name);
  return error_set(g->c->err, SHUNT_E_NOT_FOUND, "%s: '%.128s' is not a column of the result%s", clause, name,
                   suggest_text(&near));
}

static shunt_status write_order(const aggregation *g) {
  const shunt_query *query = g->query;
  if (query->norder == 0) write_group(g, " ORDER BY ", true);
  for (size_t i = 0; i < query->norder; i++) {
    const result *r = NULL;
    order_term term;
    shunt_status status = order_read(g->c, query->order[i], &term);
    if (!status) status = find_result(g, "order", term.name, &r);
    if (!status && r->grouped && g->at->table->parts) status = order_merges(g->c, g->at, r->column);
    if (status) return status;
    sql_puts(g->sql, i ? ", " : " ORDER BY ");
    write_term(g, r, &term);
  }
  return SHUNT_OK;
}

/* ---- having ---- */

typedef struct result_names {
  condition_names names; /* must be the first field: it is cast back */
  const aggregation *g;
} result_names;

static shunt_status find_operand(const condition_names *names, const comparison *w, const char *name, operand *out) {
  const result *r = NULL;
  (void)w;
  if (!name) return error_set(w->c->err, SHUNT_E_USAGE, "having: a column has no name");
  shunt_status status = find_result(((const result_names *)names)->g, names->clause, name, &r);
  if (!status) *out = r->value;
  return status;
}

static shunt_status write_having(const aggregation *g) {
  const result_names names = {{"having", find_operand, NULL}, g};
  const comparison w = written_to(g);
  if (!g->query->having) return SHUNT_OK;
  sql_puts(g->sql, " HAVING ");
  return condition_write(&w, &names.names, g->query->having);
}

/* ---- all of it ---- */

static bool is_cut(const aggregation *g) { return g->query->limited || g->query->offset; }

static void write_limit(aggregation *g) {
  const shunt_query *query = g->query;
  if (!is_cut(g)) return;
  shunt_value limit = shunt_integer(query->limited ? query->limit : INT64_MAX), offset = shunt_integer(query->offset);
  sql_puts(g->sql, " LIMIT ");
  sql_param(g->sql, &limit);
  sql_puts(g->sql, " OFFSET ");
  sql_param(g->sql, &offset);
}

static shunt_status write_statement(aggregation *g) {
  filter f = {.where = {g->query->where}, .deleted = g->query->deleted};
  size_t room;
  for (size_t i = 0; i < g->nresults; i++) {
    sql_puts(g->sql, i ? ", " : "SELECT ");
    write_result(g, &g->results[i]);
    if (g->results[i].grouped) continue;
    sql_puts(g->sql, " AS "); /* COUNT's own name, count, may be a column in the order */
    sql_name(g->sql, g->at->engine, g->results[i].name);
  }
  select_from(g->sql, g->at);
  shunt_status status = filter_conditions(g->c, g->sql, g->at, &f);
  if (status) return status;
  write_group(g, " GROUP BY ", false);
  status = write_having(g);
  if (!status) status = write_order(g);
  write_limit(g);
  return status ? status : filter_room(g->c, g->sql, g->at, &f, 0, &room);
}

/* Engines return decimals for sums and averages of integers; callers expect plain numbers. */
static void plain_numbers(const aggregation *g, shunt_rows *rows) {
  for (size_t i = 0; i < g->nresults; i++) {
    const result *r = &g->results[i];
    if (r->grouped || !r->column || !aggregate_is_integer(r->column)) continue;
    if (r->function != SHUNT_SUM && r->function != SHUNT_AVG) continue;
    bool is_sum = r->function == SHUNT_SUM || g->partial;
    for (size_t row = 0; row < rows->count; row++) {
      shunt_value *cell = &rows_row(rows, row)[i];
      if (cell->type != SHUNT_TEXT) continue;
      shunt_value number = is_sum ? value_exact(cell) : value_canonical(cell, true);
      if (number.type == SHUNT_INTEGER && !is_sum) number = shunt_float((double)number.as.integer);
      *cell = number;
    }
  }
}

/* The least and the greatest value have the type of their column. */
static shunt_status give_types(const aggregation *g, shunt_rows *rows) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < g->nresults; i++) {
    const result *r = &g->results[i];
    if (!r->grouped && r->function != SHUNT_MIN && r->function != SHUNT_MAX) continue;
    for (size_t row = 0; row < rows->count && !status; row++)
      status = types_give_cell(g->c, g->at, r->column, rows, &rows_row(rows, row)[i]);
  }
  return status;
}

static bool name_columns(const aggregation *g, shunt_rows *rows) {
  const char **names = arena_array(g->c->arena, const char *, g->nresults);
  for (size_t i = 0; names && i < g->nresults; i++) names[i] = g->results[i].name;
  return names && rows_set_columns(rows, names, g->nresults);
}

static shunt_status run(aggregation *g, shunt_rows **out) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(g->c->err);
  shunt_status status = name_columns(g, rows) ? SHUNT_OK : error_memory(g->c->err);
  if (!status) status = statement_read(g->c, g->sql, g->at, rows);
  if (!status) plain_numbers(g, rows);
  if (!status) status = give_types(g, rows);
  if (status) {
    shunt_rows_free(rows);
    return status;
  }
  *out = rows;
  return SHUNT_OK;
}

/* ---- several sites ---- */

static shunt_query all_rows_of(const shunt_query *query) {
  return (shunt_query){.where = query->where, .timeout_ms = query->timeout_ms};
}

/* Adds a count after the results for each average. */
static shunt_status add_counts(aggregation *g, combine_column *columns) {
  size_t n = g->nresults;
  for (size_t i = 0; i < n; i++) {
    const result *r = &g->results[i];
    columns[i] = (combine_column){r->column, r->grouped, r->function, -1};
    if (r->grouped || r->function != SHUNT_AVG) continue;
    columns[i].count = (int)g->nresults;
    const char *name = arena_printf(g->c->arena, "count %zu", i);
    if (!name) return error_memory(g->c->err);
    result *added = &g->results[g->nresults++];
    *added = (result){.name = name, .column = r->column, .function = SHUNT_COUNT};
    shunt_status status = describe_value(g, added);
    if (status) return status;
  }
  return SHUNT_OK;
}

/* The aggregates of one site, appended to rows. */
static shunt_status read_part(aggregation *g, const shunt_aggregates *what, combine_column *columns, shunt_rows *rows) {
  g->nresults = g->ngroup = 0;
  g->sql = call_sql(g->c);
  shunt_status status = g->sql ? find_results(g, what) : error_memory(g->c->err);
  if (!status) status = add_counts(g, columns);
  if (!status) status = write_statement(g);
  if (!status && !rows->columns && !name_columns(g, rows)) status = error_memory(g->c->err);
  if (!status) status = statement_read(g->c, g->sql, g->at, rows);
  call_end_sql(g->c, g->sql);
  return status;
}

/* The order of query, by the results; without one the groups' order stays. */
static shunt_status arrange(aggregation *g, const shunt_query *query, shunt_rows *rows, arena *scratch) {
  sort_by *by = arena_array(scratch, sort_by, query->norder + 1);
  sort_spec spec = {.at = g->at, .by = by, .rows = rows};
  sort_ranks ranks;
  size_t first, n = merge_cut(rows->count, query->limited, query->limit, query->offset, &first);
  if (!by) return error_memory(g->c->err);
  for (size_t i = 0; i < query->norder; i++) {
    const result *r = NULL;
    order_term term;
    shunt_status status = order_read(g->c, query->order[i], &term);
    if (!status) status = find_result(g, "order", term.name, &r);
    if (!status && r->grouped) status = order_merges(g->c, g->at, r->column);
    if (status) return status;
    bool compared = r->grouped || r->function == SHUNT_MIN || r->function == SHUNT_MAX;
    by[spec.n++] = (sort_by){.of = compared ? r->column : NULL,
                             .column = (int)(r - g->results),
                             .descending = term.descending,
                             .nulls_moved = term.nulls_moved};
  }
  shunt_status status = sort_rows(g->c, &spec, scratch, &ranks);
  return status ? status : sort_pick(g->c, rows, ranks.row + first, n, scratch);
}

static shunt_status combine(aggregation *g, const shunt_aggregates *what, const access *a, shunt_rows *rows,
                            arena *scratch) {
  const shunt_query *query = g->query, each = all_rows_of(query);
  combine_column *columns = arena_array(scratch, combine_column, what->n + what->ngroup);
  shunt_status status = columns ? SHUNT_OK : error_memory(g->c->err);
  g->query = &each;
  g->partial = true;
  for (size_t i = a->nsites; i-- > 0 && !status;) {
    g->at = &a->sites[i];
    status = read_part(g, what, columns, rows);
  }
  if (status) return status;
  plain_numbers(g, rows);
  rows->visible = what->n + what->ngroup;
  combine_spec spec = {g->at, columns, rows->visible, g->ngroup};
  status = combine_rows(g->c, &spec, rows, scratch);
  return status ? status : arrange(g, query, rows, scratch);
}

static shunt_status run_parts(aggregation *g, const shunt_aggregates *what, const access *a, shunt_rows **out) {
  arena scratch = {0};
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? combine(g, what, a, rows, &scratch) : error_memory(g->c->err);
  if (!status) status = give_types(g, rows);
  arena_free(&scratch);
  if (status) {
    shunt_rows_free(rows);
    return status;
  }
  *out = rows;
  return SHUNT_OK;
}

shunt_status shunt_aggregate(shunt_session *s, const char *model, const shunt_aggregates *what,
                             const shunt_query *query, shunt_rows **out, shunt_error *err) {
  call c;
  const cat_model *m;
  access a = {.decision = NULL};
  aggregation g = {.c = &c, .query = query ? query : &everything};
  *out = NULL;
  if (!what) what = &nothing;
  shunt_status status = call_begin(&c, s, g.query->timeout_ms, err);
  if (!status) status = read_model(&c, model, g.query->client, &m);
  if (!status && g.query->ninclude)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': aggregates include no relations", m->name);
  if (!status && what->n + what->ngroup == 0)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': name something to compute, or columns to group by", m->name);
  if (!status && g.query->having && !what->ngroup)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': having chooses among groups, and there is no group", m->name);
  if (!status) status = read_check(&c, m, g.query, READ_HAVING);
  if (!status) status = select_check_limits(m->name, g.query->limited, g.query->limit, g.query->offset, err);
  if (!status) status = read_access(&c, m, g.query, &a);
  if (status) return status;
  if (g.query->having) status = read_together(&c, &a, "having");
  if (status) return status;
  if (a.nsites > 1) return run_parts(&g, what, &a, out);
  g.at = access_only_site(&a);
  g.sql = call_sql(&c);
  status = g.sql ? find_results(&g, what) : error_memory(err);
  if (!status) status = write_statement(&g);
  return status ? status : run(&g, out);
}
