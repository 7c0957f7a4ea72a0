/* shunt_count. */
#include "base/sized.h"
#include "model/merge.h"
#include "model/read.h"
#include "query/statement.h"
#include "session/visit.h"

/* What is counted: rows, or the different ones among them. */
static shunt_status write_counted(call *c, sql_text *sql, const site *at, const shunt_query *query) {
  shunt_status status = SHUNT_OK;
  sql_puts(sql, query->distinct ? "SELECT DISTINCT " : "SELECT 1");
  for (size_t i = 0; i < query->ncolumns && query->distinct && !status; i++) {
    const driver_column *column;
    status = site_column(c, at, query->columns[i], &column);
    if (i) sql_puts(sql, ", ");
    if (!status) sql_name(sql, at->engine, column->name);
  }
  return status;
}

static shunt_status write_count(call *c, sql_text *sql, const site *at, const shunt_query *query) {
  filter f = {.where = {query->where}, .deleted = query->deleted};
  size_t room;
  shunt_value limit = shunt_integer(select_most(query->limit)), offset = shunt_integer(query->offset);
  bool cut = query->limit || query->offset, inner = cut || query->distinct;
  shunt_status status = SHUNT_OK;
  sql_puts(sql, inner ? "SELECT COUNT(*) FROM (" : "SELECT COUNT(*)");
  if (inner) status = write_counted(c, sql, at, query);
  site_from(sql, at);
  if (!status) status = filter_conditions(c, sql, at, &f);
  if (!status) status = filter_room(c, sql, at, &f, cut ? 2 : 0, &room);
  if (cut) {
    sql_puts(sql, " LIMIT ");
    sql_param(sql, &limit);
    sql_puts(sql, " OFFSET ");
    sql_param(sql, &offset);
  }
  if (inner) sql_puts(sql, ") AS counted");
  return status;
}

static shunt_status count_at(call *c, const site *at, const shunt_query *query, int64_t *count) {
  sql_text *sql = call_sql(c);
  shunt_rows *rows = rows_new();
  shunt_status status = sql && rows ? write_count(c, sql, at, query) : error_memory(c->err);
  if (!status) status = statement_ask(c, sql, at, (answer_size){1, 1}, rows);
  if (!status) *count = rows_row(rows, 0)[0].as.integer;
  shunt_rows_free(rows);
  return status;
}

/* Of several sites: each counts as many rows as matter, and the limits apply to their sum. */
static shunt_status count_all(call *c, const access *a, const shunt_query *query, int64_t *count) {
  if (a->nsites == 1) return count_at(c, a->sites, query, count);
  shunt_query each = *query;
  shunt_status status = SHUNT_OK;
  int64_t sum = 0, n;
  each.limit = 0;
  each.offset = 0;
  for (size_t i = 0; i < a->nsites && !status; i++) {
    status = count_at(c, &a->sites[i], &each, &n);
    if (!status) sum += n;
  }
  size_t first;
  if (!status) *count = (int64_t)merge_cut((size_t)sum, select_most(query->limit), query->offset, &first);
  return status;
}

shunt_status shunt_count(shunt_session *s, const char *model, const shunt_query *query, int64_t *count,
                         shunt_error *err) {
  VISIT(v);
  call c;
  const cat_model *m;
  access a = {.decision = NULL};
  shunt_query room;
  if (!count) return error_null(err, "count");
  *count = 0;
  query = SIZED(shunt_query, query, &room, err);
  if (!query) return SHUNT_E_USAGE;
  shunt_status status = call_enter(&v, &c, s, query->timeout_ms, err);
  if (!status) status = read_model(&c, model, query->client, &m);
  if (!status && query->ninclude)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': a count includes no relations", m->name);
  if (!status && query->distinct && !query->ncolumns)
    status =
        error_set(err, SHUNT_E_USAGE, "model '%s': name the columns whose distinct values are to be counted", m->name);
  if (!status) status = read_check(&c, m, query, READ_DISTINCT);
  if (!status) status = select_check_limits(m->name, query->limit, query->offset, err);
  if (!status) status = read_access(&c, m, query, &a);
  if (!status && query->distinct) status = read_together(&c, &a, "distinct");
  return status ? status : count_all(&c, &a, query, count);
}
