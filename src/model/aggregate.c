/* shunt_aggregate. */
#include <string.h>

#include "base/sized.h"
#include "base/suggest.h"
#include "model/merge.h"
#include "model/read.h"
#include "query/aggregate.h"
#include "query/condition.h"
#include "query/filter.h"
#include "query/order.h"
#include "query/select.h"
#include "query/statement.h"
#include "relate/combine.h"
#include "session/visit.h"

static const shunt_aggregates nothing;

typedef struct aggregation {
  call *c;
  sql_text *sql;
  const site *at;
  const shunt_query *query;
  result_list results; /* the columns of group, then the aggregates */
  size_t ngroup;
  bool apart; /* the rows of one of several sites */
} aggregation;

/* ---- what is asked for ---- */

static shunt_status find_group(aggregation *g, const char *name) {
  result *r = &g->results.list[g->results.n];
  shunt_status status = site_column(g->c, g->at, name, &r->column);
  if (status) return status;
  r->grouped = true;
  r->name = r->column->name;
  r->value = (operand){.column = r->column};
  g->results.n++;
  g->ngroup++;
  return SHUNT_OK;
}

/* An aggregate may have the name of a column. */
static shunt_status check_names(const aggregation *g) {
  for (size_t i = g->ngroup; i < g->results.n; i++)
    for (size_t k = 0; k < g->ngroup; k++)
      if (strcmp(g->results.list[i].name, g->results.list[k].name) == 0)
        return error_set(
            g->c->err, SHUNT_E_USAGE, "model '%s': the result would have two columns '%s', a group and an aggregate%s",
            g->at->model->name, g->results.list[k].name,
            g->results.list[i].column ? "" : "; count a column that is never null, such as the primary key");
  return SHUNT_OK;
}

static shunt_status find_results(aggregation *g, const shunt_aggregates *what) {
  g->results = (result_list){arena_array(g->c->arena, result, what->n * 2 + what->ngroup), 0};
  if (!g->results.list) return error_memory(g->c->err);
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < what->ngroup && !status; i++) status = find_group(g, what->group[i]);
  const aggregate_list list = {.list = what->list, .n = what->n, .apart = g->apart};
  if (!status) status = aggregate_find(g->c, g->at, &list, &g->results);
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
      write_term(g, &g->results.list[i], &ascending);
    else
      write_result(g, &g->results.list[i]);
  }
}

static const result *result_named(const aggregation *g, const char *name) {
  for (size_t i = 0; i < g->results.n; i++)
    if (strcmp(g->results.list[i].name, name) == 0) return &g->results.list[i];
  const driver_column *column = driver_table_column(g->at->table->shape, name);
  for (size_t i = 0; i < g->ngroup && column; i++)
    if (g->results.list[i].column == column) return &g->results.list[i];
  return NULL;
}

static shunt_status find_result(const aggregation *g, const char *clause, const char *name, const result **out) {
  *out = result_named(g, name);
  if (*out) return SHUNT_OK;
  suggest near = suggest_for(name);
  for (size_t k = 0; k < g->results.n; k++) suggest_try(&near, g->results.list[k].name);
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

static bool is_cut(const aggregation *g) { return g->query->limit || g->query->offset; }

static void write_limit(aggregation *g) {
  const shunt_query *query = g->query;
  if (!is_cut(g)) return;
  shunt_value limit = shunt_integer(select_most(query->limit)), offset = shunt_integer(query->offset);
  sql_puts(g->sql, " LIMIT ");
  sql_param(g->sql, &limit);
  sql_puts(g->sql, " OFFSET ");
  sql_param(g->sql, &offset);
}

static shunt_status write_statement(aggregation *g) {
  filter f = {.where = {g->query->where}, .deleted = g->query->deleted};
  size_t room;
  for (size_t i = 0; i < g->results.n; i++) {
    sql_puts(g->sql, i ? ", " : "SELECT ");
    write_result(g, &g->results.list[i]);
    if (g->results.list[i].grouped) continue;
    sql_puts(g->sql, " AS "); /* COUNT's own name, count, may be a column in the order */
    sql_name(g->sql, g->at->engine, g->results.list[i].name);
  }
  site_from(g->sql, g->at);
  shunt_status status = filter_conditions(g->c, g->sql, g->at, &f);
  if (status) return status;
  write_group(g, " GROUP BY ", false);
  status = write_having(g);
  if (!status) status = write_order(g);
  write_limit(g);
  return status ? status : filter_room(g->c, g->sql, g->at, &f, 0, &room);
}

static bool name_columns(const aggregation *g, shunt_rows *rows) {
  const char **names = arena_array(g->c->arena, const char *, g->results.n);
  for (size_t i = 0; names && i < g->results.n; i++) names[i] = g->results.list[i].name;
  return names && rows_set_columns(rows, names, g->results.n);
}

static row_range all_of(const shunt_rows *rows) { return (row_range){0, (uint32_t)rows->count}; }

static shunt_status run(aggregation *g, shunt_rows **out) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(g->c->err);
  shunt_status status = name_columns(g, rows) ? SHUNT_OK : error_memory(g->c->err);
  if (!status) status = statement_read(g->c, g->sql, g->at, rows);
  if (!status) aggregate_plain(&g->results, rows, all_of(rows));
  if (!status) status = aggregate_give_types(g->c, g->at, &g->results, rows, all_of(rows));
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

/* The aggregates of one site, appended to rows. */
static shunt_status read_part(aggregation *g, const shunt_aggregates *what, shunt_rows *rows) {
  uint32_t first = (uint32_t)rows->count;
  g->ngroup = 0;
  g->sql = call_sql(g->c);
  shunt_status status = g->sql ? find_results(g, what) : error_memory(g->c->err);
  if (!status) status = write_statement(g);
  if (!status && !rows->columns && !name_columns(g, rows)) status = error_memory(g->c->err);
  if (!status) status = statement_read(g->c, g->sql, g->at, rows);
  call_end_sql(g->c, g->sql);
  if (!status) aggregate_plain(&g->results, rows, (row_range){first, (uint32_t)rows->count});
  return status;
}

/* The order of query, by the results; without one the groups' order stays. */
static shunt_status arrange(aggregation *g, const shunt_query *query, shunt_rows *rows, arena *scratch) {
  sort_by *by = arena_array(scratch, sort_by, query->norder + 1);
  sort_spec spec = {.at = g->at, .by = by, .rows = rows};
  sort_ranks ranks;
  size_t first, n = merge_cut(rows->count, select_most(query->limit), query->offset, &first);
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
                             .column = (int)(r - g->results.list),
                             .descending = term.descending,
                             .nulls_moved = term.nulls_moved};
  }
  shunt_status status = sort_rows(g->c, &spec, scratch, &ranks);
  return status ? status : sort_pick(g->c, rows, ranks.row + first, n, scratch);
}

static shunt_status combine(aggregation *g, const shunt_aggregates *what, const access *a, shunt_rows *rows,
                            arena *scratch) {
  const shunt_query *query = g->query, each = all_rows_of(query);
  shunt_status status = SHUNT_OK;
  g->query = &each;
  g->apart = true;
  for (size_t i = a->nsites; i-- > 0 && !status;) {
    g->at = &a->sites[i];
    status = read_part(g, what, rows);
  }
  if (status) return status;
  rows->visible = what->n + what->ngroup;
  const combine_spec spec = {.at = g->at, .results = g->results.list, .n = rows->visible, .ngroup = g->ngroup};
  status = combine_rows(g->c, &spec, rows, scratch);
  return status ? status : arrange(g, query, rows, scratch);
}

static shunt_status run_parts(aggregation *g, const shunt_aggregates *what, const access *a, shunt_rows **out) {
  arena scratch = {0};
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? combine(g, what, a, rows, &scratch) : error_memory(g->c->err);
  if (!status) status = aggregate_give_types(g->c, g->at, &g->results, rows, all_of(rows));
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
  VISIT(v);
  call c;
  const cat_model *m;
  access a = {.decision = NULL};
  shunt_query room;
  if (!out) return error_null(err, "rows");
  *out = NULL;
  query = SIZED(shunt_query, query, &room, err);
  if (!query) return SHUNT_E_USAGE;
  aggregation g = {.c = &c, .query = query};
  if (!what) what = &nothing;
  shunt_status status = call_enter(&v, &c, s, g.query->timeout_ms, err);
  if (!status) status = read_model(&c, model, g.query->client, &m);
  if (!status && g.query->ninclude)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': aggregates include no relations", m->name);
  if (!status && what->n + what->ngroup == 0)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': name something to compute, or columns to group by", m->name);
  if (!status && g.query->having && !what->ngroup)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': having chooses among groups, and there is no group", m->name);
  if (!status) status = read_check(&c, m, g.query, READ_HAVING);
  if (!status) status = select_check_limits(m->name, g.query->limit, g.query->offset, err);
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
