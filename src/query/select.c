#include "query/select.h"

#include <string.h>

#include "query/statement.h"
#include "query/types.h"

static const char ROW_NUMBER[] = "shunt_row";

shunt_status select_check_limits(const char *model, int64_t limit, int64_t offset, shunt_error *err) {
  if (limit < SHUNT_NO_ROWS)
    return error_set(err, SHUNT_E_USAGE,
                     "model '%s': a limit must be 1 or more, 0 (all rows) or SHUNT_NO_ROWS, not %lld", model,
                     (long long)limit);
  if (offset < 0)
    return error_set(err, SHUNT_E_USAGE, "model '%s': an offset must be 0 or more, not %lld", model, (long long)offset);
  return SHUNT_OK;
}

/* ---- columns ---- */

shunt_status select_need(call *c, select_spec *q, const char *const *names, size_t n) {
  const char **needed = arena_alloc(c->arena, (q->nneeded + n) * sizeof *needed);
  if (!needed) return error_memory(c->err);
  if (q->nneeded) memcpy(needed, q->needed, q->nneeded * sizeof *needed);
  if (n) memcpy(needed + q->nneeded, names, n * sizeof *needed);
  q->needed = needed;
  q->nneeded += n;
  return SHUNT_OK;
}

shunt_status select_need_order(call *c, select_spec *q) {
  const char **names = arena_alloc(c->arena, q->norder * sizeof *names);
  if (!names) return error_memory(c->err);
  for (size_t i = 0; i < q->norder; i++) {
    order_term term;
    shunt_status status = order_read(c, q->order[i], &term);
    if (status) return status;
    names[i] = term.name;
  }
  return select_need(c, q, names, q->norder);
}

static bool among(const char *name, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static shunt_status add_column(call *c, const site *at, const char *name, const char **names, size_t *n) {
  const driver_column *column;
  shunt_status status = site_column(c, at, name, &column);
  if (!status && !among(column->name, names, *n)) names[(*n)++] = column->name;
  return status;
}

/* A column of other rows is fetched by the name that the order gives it. */
static shunt_status add_needed(call *c, const site *at, const char *name, const char **names, size_t *n) {
  if (!order_is_path(at, name)) return add_column(c, at, name, names, n);
  if (!among(name, names, *n)) names[(*n)++] = name;
  return SHUNT_OK;
}

static shunt_status select_columns(call *c, const site *at, const select_spec *q, shunt_rows *rows) {
  const rows_names *all = &at->table->columns;
  const char *const *asked = q->ncolumns ? q->columns : all->list;
  size_t nasked = q->ncolumns ? q->ncolumns : all->count, n = 0;
  if (q->aggregates) return aggregate_columns(c, at, q->aggregates, rows);
  shunt_status status = types_mark(c, at, rows);
  if (status || rows->columns) return status;
  bool extra = q->numbered || order_has_path(q->needed, q->nneeded); /* the table has no other columns */
  if (q->ncolumns == 0 && !extra) return rows_set_names(rows, all) ? SHUNT_OK : error_memory(c->err);
  const char **names = arena_array(c->arena, const char *, nasked + q->nneeded + 1);
  if (!names) return error_memory(c->err);
  for (size_t i = 0; i < nasked && !status; i++) status = add_column(c, at, asked[i], names, &n);
  size_t visible = n;
  for (size_t i = 0; i < q->nneeded && !status; i++) status = add_needed(c, at, q->needed[i], names, &n);
  if (status) return status;
  if (q->numbered) names[n++] = KEY_NUMBER;
  if (!rows_set_columns(rows, names, n)) return error_memory(c->err);
  rows->visible = visible;
  return SHUNT_OK;
}

static shunt_status find_fetched(const comparison *w, const select_spec *q, const shunt_rows *rows, size_t i,
                                 operand *o) {
  order_term term;
  if (i >= rows->visible && order_is_path(w->at, rows->columns[i]))
    return order_operand(w, &q->ranks, rows->columns[i], &term, o);
  *o = (operand){.column = NULL};
  return site_column(w->c, w->at, rows->columns[i], &o->column);
}

/* In the order of the rows' columns: another part of the table may order them differently, or lack one. */
static shunt_status write_columns(call *c, sql_text *sql, const site *at, const select_spec *q,
                                  const shunt_rows *rows) {
  const comparison w = {.c = c, .at = at, .q = sql};
  size_t n = rows->ncolumns - q->numbered;
  for (size_t i = 0; i < n; i++) {
    operand o;
    shunt_status status = find_fetched(&w, q, rows, i, &o);
    if (status) return status;
    if (i) sql_puts(sql, ", ");
    compare_name(&w, &o);
    if (!o.sql) continue;
    sql_puts(sql, " AS ");
    sql_name(sql, at->engine, rows->columns[i]);
  }
  if (q->numbered) sql_puts(sql, n ? ", " KEY_NUMBER : KEY_NUMBER);
  return SHUNT_OK;
}

/* Kept as text, because most statements begin with it. */
static shunt_status write_all(call *c, sql_text *sql, const site *at) {
  table_info *t = at->table;
  if (!t->select) {
    sql_puts(sql, "SELECT ");
    sql_names(sql, at->engine, t->columns.list, t->columns.count);
    site_from(sql, at);
    shunt_status status = sql_status(sql, c->err);
    if (status) return status;
    t->select_size = sql->text.size;
    t->select = arena_strndup(&c->s->tables.memory, sql->text.data, t->select_size);
    return t->select ? SHUNT_OK : error_memory(c->err);
  }
  sql_add(sql, t->select, t->select_size);
  return SHUNT_OK;
}

/* ---- order and limit ---- */

static void write_term(const comparison *w, const operand *o, const order_term *term, bool first) {
  sql_puts(w->q, first ? " ORDER BY " : ", ");
  order_write(w, o, o->column->nullable, term);
}

/* What makes the order total, so that pages don't overlap: the primary key, or every column of distinct rows. A through
 * table may lack the key, and needs none. */
static shunt_status last_columns(const comparison *w, const select_spec *q, const shunt_rows *rows,
                                 const driver_column ***list, size_t *n) {
  const driver_column **last = *list = arena_array(w->c->arena, const driver_column *, rows->ncolumns + KEY_MOST);
  *n = 0;
  if (!last) return error_memory(w->c->err);
  if (q->by_key && !q->distinct) *n = site_order_key(w->at, last);
  for (size_t i = 0; q->by_key && q->distinct && i < rows->ncolumns; i++) {
    last[*n] = driver_table_column(w->at->table->shape, rows->columns[i]);
    *n += last[*n] != NULL;
  }
  return SHUNT_OK;
}

static void take_out(const driver_column **list, size_t *n, const driver_column *column) {
  size_t kept = 0;
  for (size_t i = 0; i < *n; i++)
    if (list[i] != column) list[kept++] = list[i];
  *n = kept;
}

static shunt_status check_distinct(const comparison *w, const shunt_rows *rows, const driver_column *column) {
  if (rows_column_index(rows, column->name) >= 0) return SHUNT_OK;
  return error_set(w->c->err, SHUNT_E_USAGE,
                   "model '%s': distinct rows can't be ordered by '%s', which is not one of their columns",
                   w->at->model->name, column->name);
}

static shunt_status write_order(call *c, sql_text *sql, const site *at, const select_spec *q, const shunt_rows *rows) {
  if (!q->norder && !q->by_key) return SHUNT_OK;
  static const order_term ascending;
  const comparison w = {.c = c, .at = at, .q = sql};
  const driver_column **last;
  size_t nlast;
  order_term term;
  operand o;
  shunt_status status = last_columns(&w, q, rows, &last, &nlast);
  for (size_t i = 0; i < q->norder && !status; i++) {
    status = order_operand(&w, &q->ranks, q->order[i], &term, &o);
    if (!status && q->distinct) status = check_distinct(&w, rows, o.column);
    if (!status && at->table->parts) status = order_merges(c, at, o.column);
    if (status) return status;
    write_term(&w, &o, &term, i == 0);
    take_out(last, &nlast, o.column);
  }
  for (size_t i = 0; i < nlast && !status; i++) {
    o = (operand){.column = last[i]};
    write_term(&w, &o, &ascending, i == 0 && q->norder == 0);
  }
  return status;
}

static void write_limit(sql_text *sql, const select_spec *q) {
  if (!q->limited && !q->offset) return;
  shunt_value limit = shunt_integer(q->limited ? q->limit : INT64_MAX), offset = shunt_integer(q->offset);
  sql_puts(sql, " LIMIT ");
  sql_param(sql, &limit);
  if (!q->offset) return;
  sql_puts(sql, " OFFSET ");
  sql_param(sql, &offset);
}

/* A name that no column has. */
static const char *row_number_name(call *c, const site *at) {
  const char *name = ROW_NUMBER;
  while (name && driver_table_column(at->table->shape, name)) name = arena_printf(c->arena, "%s_", name);
  return name;
}

/* A key is one value of the columns, unless the engine numbers the rows' keys. */
static void write_partition(sql_text *sql, const site *at, const select_spec *q) {
  const key_columns *key = &q->filter.keys.columns;
  if (q->numbered) sql_puts(sql, KEY_NUMBER);
  for (size_t i = 0; i < key->n && !q->numbered; i++) {
    if (i) sql_puts(sql, ", ");
    sql_name(sql, at->engine, key->list[i]->name);
  }
}

/* What the subselect calls the rows' columns. */
static shunt_status write_names(sql_text *sql, const site *at, const shunt_rows *rows) {
  for (size_t i = 0; i < rows->ncolumns; i++) {
    const driver_column *column = driver_table_column(at->table->shape, rows->columns[i]);
    if (i) sql_puts(sql, ", ");
    sql_name(sql, at->engine, column ? column->name : rows->columns[i]);
  }
  return SHUNT_OK;
}

static shunt_status write_counted(call *c, sql_text *sql, const site *at, const select_spec *q,
                                  const shunt_rows *rows) {
  const char *number = row_number_name(c, at);
  if (!number) return error_memory(c->err);
  const aggregate_list *results = q->aggregates;
  sql_puts(sql, "SELECT ");
  shunt_status status = results ? aggregate_write(c, sql, at, results) : write_names(sql, at, rows);
  sql_puts(sql, " FROM (SELECT ");
  sql_puts(sql, key_sql_hint(&q->filter.keys.columns));
  if (!status) status = results ? aggregate_write_needed(c, sql, at, results) : write_columns(c, sql, at, q, rows);
  sql_puts(sql, ", row_number() OVER (PARTITION BY ");
  write_partition(sql, at, q);
  if (!status) status = write_order(c, sql, at, q, rows);
  sql_puts(sql, ") AS ");
  sql_name(sql, at->engine, number);
  site_from(sql, at);
  return status;
}

static void end_counted(call *c, sql_text *sql, const site *at, const select_spec *q) {
  const char *number = row_number_name(c, at);
  if (!number) {
    sql->failed = true;
    return;
  }
  int64_t last = !q->limited || q->limit > INT64_MAX - q->offset ? INT64_MAX : q->limit + q->offset;
  shunt_value after = shunt_integer(q->offset), until = shunt_integer(last);
  sql_puts(sql, ") AS numbered WHERE ");
  sql_name(sql, at->engine, number);
  sql_puts(sql, " > ");
  sql_param(sql, &after);
  sql_puts(sql, " AND ");
  sql_name(sql, at->engine, number);
  sql_puts(sql, " <= ");
  sql_param(sql, &until);
  sql_puts(sql, q->aggregates ? " GROUP BY " : " ORDER BY ");
  sql_name(sql, at->engine, q->aggregates ? KEY_NUMBER : number);
}

/* ---- the statement ---- */

/* Whether the rows can be had as they are asked for. */
static shunt_status begin_read(call *c, const site *at, const select_spec *q, shunt_rows *rows) {
  shunt_status status = q->lock.kind ? lock_check(c, at) : SHUNT_OK;
  return status ? status : select_columns(c, at, q, rows);
}

/* The keys of one statement. */
typedef struct key_part {
  size_t from, count;
} key_part;

static shunt_status begin_any(call *c, sql_text *sql, const site *at, const select_spec *q, const shunt_rows *rows) {
  if (q->per_key) return write_counted(c, sql, at, q, rows);
  if (!q->aggregates && !q->numbered && !q->distinct && !at->table->parts && rows_have_names(rows, &at->table->columns))
    return write_all(c, sql, at);
  sql_puts(sql, "SELECT ");
  if (q->numbered) sql_puts(sql, key_sql_hint(&q->filter.keys.columns));
  if (q->distinct) sql_puts(sql, "DISTINCT ");
  shunt_status status = q->aggregates ? aggregate_write(c, sql, at, q->aggregates) : write_columns(c, sql, at, q, rows);
  site_from(sql, at);
  return status;
}

/* Tables of ranks stand beside the rows' table. */
static shunt_status join_ranks(call *c, sql_text *sql, const site *at, const select_spec *q) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < q->ranks.n && !status; i++) {
    key_list keys;
    status = order_rank_keys(c, at, &q->ranks.list[i], &keys);
    if (!status && keys.count) key_sql_number(c, sql, at, &keys, i);
  }
  return status;
}

/* Everything before the conditions. */
static shunt_status begin_statement(call *c, sql_text *sql, const site *at, const select_spec *q,
                                    const shunt_rows *rows) {
  shunt_status status = begin_any(c, sql, at, q, rows);
  return status ? status : join_ranks(c, sql, at, q);
}

static shunt_status end_statement(call *c, sql_text *sql, const site *at, const select_spec *q,
                                  const shunt_rows *rows) {
  if (q->per_key) {
    end_counted(c, sql, at, q);
    return SHUNT_OK;
  }
  if (q->aggregates) {
    sql_puts(sql, " GROUP BY " KEY_NUMBER);
    return SHUNT_OK;
  }
  shunt_status status = write_order(c, sql, at, q, rows);
  write_limit(sql, q);
  lock_write(sql, at, q->lock);
  return status;
}

/* Parameters after the keys. Those of the order are found by writing it. */
static shunt_status params_behind(call *c, const site *at, const select_spec *q, const shunt_rows *rows, size_t *n) {
  *n = q->per_key ? 2 : (q->offset ? 2 : q->limited);
  if (q->per_key || q->aggregates || !order_has_path(q->order, q->norder)) return SHUNT_OK;
  sql_text *order = call_sql(c);
  shunt_status status = order ? write_order(c, order, at, q, rows) : error_memory(c->err);
  if (order) *n += order->nparams;
  call_end_sql(c, order);
  return status;
}

static shunt_status write_among(call *c, sql_text *sql, const site *at, const select_spec *q, size_t behind,
                                key_part *part) {
  size_t room;
  shunt_status status = filter_conditions(c, sql, at, &q->filter);
  if (!status) status = filter_room(c, sql, at, &q->filter, behind, &room);
  if (status || !filter_has_keys(&q->filter)) return status;
  part->count = key_sql_part(at->engine, &q->filter.keys, part->from, room);
  key_sql_among(c, sql, at, &q->filter.keys, part->from, part->count);
  return SHUNT_OK;
}

/* The table of keys stands before the conditions, which are therefore written twice: once to count their parameters. */
static shunt_status write_joined(call *c, sql_text *sql, const site *at, const select_spec *q, size_t behind,
                                 key_part *part) {
  filter conditions = q->filter;
  sql_text *counted = call_sql(c);
  size_t room;
  conditions.keys.columns.n = 0;
  shunt_status status = counted ? filter_conditions(c, counted, at, &conditions) : error_memory(c->err);
  if (!status) status = filter_room(c, counted, at, &q->filter, behind + sql->nparams, &room);
  call_end_sql(c, counted);
  if (status) return status;
  part->count = key_sql_part(at->engine, &q->filter.keys, part->from, at->engine->key_table ? SIZE_MAX : room);
  key_sql_join(c, sql, at, &q->filter.keys, part->from, part->count);
  return filter_conditions(c, sql, at, &conditions);
}

/* Writes a statement with as many keys as fit, beginning with number *from. */
static shunt_status write_one(call *c, sql_text *sql, const site *at, select_spec *q, size_t *from,
                              const shunt_rows *rows) {
  key_part part = {*from, 0};
  size_t behind;
  shunt_status status = begin_statement(c, sql, at, q, rows);
  if (!status) status = params_behind(c, at, q, rows, &behind);
  bool joined = q->numbered && filter_has_keys(&q->filter);
  if (!status) status = joined ? write_joined(c, sql, at, q, behind, &part) : write_among(c, sql, at, q, behind, &part);
  if (status) return status;
  *from += part.count;
  q->statements++;
  return end_statement(c, sql, at, q, rows);
}

/* Then no statement is sent. */
static bool finds_nothing(const select_spec *q) {
  return (q->limited && q->limit == 0) || (filter_has_keys(&q->filter) && q->filter.keys.count == 0);
}

/* Writes the statement that is not sent: what it can't ask for is an error. */
static shunt_status check_unsent(call *c, const site *at, const select_spec *q, const shunt_rows *rows) {
  size_t from = 0;
  select_spec unsent = *q;
  if (!q->filter.keys.count) unsent.filter.keys.columns.n = 0;
  sql_text *sql = call_sql(c);
  shunt_status status = sql ? write_one(c, sql, at, &unsent, &from, rows) : error_memory(c->err);
  call_end_sql(c, sql);
  return status;
}

shunt_status select_at(call *c, const site *at, select_spec *q, shunt_rows *rows) {
  size_t from = 0;
  shunt_status status = begin_read(c, at, q, rows);
  if (!status && q->origins && !rows_add_origin(rows, at->client->id)) status = error_memory(c->err);
  if (status) return status;
  if (finds_nothing(q)) return check_unsent(c, at, q, rows);
  do {
    sql_text *sql = call_sql(c);
    status = sql ? write_one(c, sql, at, q, &from, rows) : error_memory(c->err);
    if (!status) status = statement_read(c, sql, at, rows);
    call_end_sql(c, sql);
  } while (!status && from < q->filter.keys.count);
  return status;
}

shunt_status select_write(call *c, const site *at, select_spec *q, shunt_rows *rows, sql_text **sql) {
  size_t from = 0;
  *sql = NULL;
  shunt_status status = begin_read(c, at, q, rows);
  if (status) return status;
  if (finds_nothing(q)) return check_unsent(c, at, q, rows);
  *sql = call_sql(c);
  return *sql ? write_one(c, *sql, at, q, &from, rows) : error_memory(c->err);
}

shunt_status select_run(call *c, const access *a, select_spec *q, shunt_rows *rows) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < a->nsites && !status; i++) status = select_at(c, &a->sites[i], q, rows);
  return status;
}

static shunt_status ask_at(call *c, const site *at, select_spec *q, feed *f, row_range *range) {
  size_t from = 0;
  bool origin = q->origins;
  shunt_status status = begin_read(c, at, q, f->rows);
  if (status) return status;
  if (finds_nothing(q)) return check_unsent(c, at, q, f->rows);
  do {
    sql_text *sql = call_sql(c);
    status = sql ? write_one(c, sql, at, q, &from, f->rows) : error_memory(c->err);
    if (!status) status = gather_ask(c, f, sql, at, origin, range);
    origin = false;
  } while (!status && from < q->filter.keys.count);
  return status;
}

shunt_status select_ask(call *c, const access *a, select_spec *q, feed *f, row_range *range) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < a->nsites && !status; i++) status = ask_at(c, &a->sites[i], q, f, range);
  return status;
}
