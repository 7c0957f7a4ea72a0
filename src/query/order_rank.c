/* Ranking rows where they are.
 *
 * Idea: only the engine of the other rows knows their order, and its dense_rank() gives it as numbers, which every
 * engine orders alike. Equal ranks are equal values, so later terms of the order count. A row whose column is null has
 * no rank; nor has a row that does not exist, or that the relation does not show: all are null for the order. */
#include "query/order_rank.h"

#include <stdlib.h>
#include <string.h>

#include "query/list.h"
#include "query/statement.h"
#include "query/value.h"

/* One term. The steps of all sources lead to one place; this is the first one's. */
typedef struct ranking {
  call *c;
  const order_source *sources;
  size_t n;
  const char *path, *rest;
  related_rows x;
  related_step step;
} ranking;

static comparison before(const ranking *r, size_t i) { return (comparison){.c = r->c, .at = r->sources[i].at}; }

/* ---- where the path leads ---- */

static shunt_status refuse(const ranking *r, const char *why) {
  return error_set(r->c->err, SHUNT_E_USAGE,
                   "order by '%s': the rows of relation '%s', on '%s', have to be ranked apart, %s", r->path,
                   r->x.r->full_name, r->step.at.client->name, why);
}

static shunt_status check_source(const ranking *r, size_t i) {
  const comparison w = before(r, i);
  related_rows x;
  related_step s;
  const char *rest;
  shunt_status status = order_path_step(&w, r->path, &x, &s, &rest);
  if (status) return status;
  if (!site_same(&s.at, &r->step.at)) return refuse(r, "and lie elsewhere for other rows; order each by itself");
  if (related_equal_by_value(&s)) return SHUNT_OK;
  return refuse(r, "which is possible for keys of one column with whole numbers, UUIDs or texts that compare by "
                   "their bytes");
}

static shunt_status joins_everywhere(const ranking *r, bool *joins) {
  shunt_status status = SHUNT_OK;
  *joins = true;
  for (size_t i = 0; i < r->n && *joins && !status; i++) {
    const comparison w = before(r, i);
    status = order_path_joins(&w, r->path, joins);
  }
  return status;
}

/* ---- the keys of the rows to order ---- */

static shunt_status read_source(const ranking *r, size_t i, shunt_rows *rows) {
  const char *column = r->step.outer.list[0]->name;
  access a = {.sites = (site *)r->sources[i].at, .nsites = 1};
  select_spec q = {.filter = *r->sources[i].filter,
                   .columns = &column,
                   .ncolumns = 1,
                   .distinct = true,
                   .limited = true,
                   .limit = RELATED_MOST + 1};
  return select_run(r->c, &a, &q, rows);
}

static int compare_keys(const void *a, const void *b) { return value_compare(a, b, DRIVER_BINARY); }

/* The n different keys. Sources, and the statements of one source, may have keys in common. */
static shunt_status each_once(const ranking *r, const shunt_rows *rows, shunt_value **out, size_t *n) {
  shunt_value *keys = *out = arena_alloc(r->c->arena, rows->count * sizeof *keys);
  *n = 0;
  if (!keys) return error_memory(r->c->err);
  for (size_t i = 0; i < rows->count; i++) keys[i] = rows_row(rows, i)[0];
  if (rows->count) qsort(keys, rows->count, sizeof *keys, compare_keys);
  for (size_t i = 0; i < rows->count; i++)
    if (!*n || compare_keys(&keys[*n - 1], &keys[i]) != 0) keys[(*n)++] = keys[i];
  if (*n <= RELATED_MOST) return SHUNT_OK;
  return error_set(r->c->err, SHUNT_E_USAGE,
                   "order by '%s': the rows of relation '%s', on '%s', have to be ranked apart, and the rows to order "
                   "have more than %d different keys of them; narrow the condition",
                   r->path, r->x.r->full_name, r->step.at.client->name, RELATED_MOST);
}

/* Those that the other column can hold. */
static shunt_status keep_keys(const ranking *r, const shunt_rows *rows, list_values *out) {
  shunt_value *keys;
  size_t n;
  shunt_status status = each_once(r, rows, &keys, &n);
  *out = (list_values){keys, 0};
  for (size_t i = 0; i < n && !status; i++) {
    shunt_value *key = &keys[i];
    if (key->type == SHUNT_NULL) continue;
    if (key->type != SHUNT_INTEGER && key->type != SHUNT_TEXT)
      status = refuse(r, "and a key is neither a whole number nor a text");
    else if (!driver_column_holds(r->step.inner.list[0], key))
      continue;
    else if (!value_own(r->c->arena, key))
      status = error_memory(r->c->err);
    else
      keys[out->n++] = *key;
  }
  return status;
}

static shunt_status read_keys(const ranking *r, list_values *out) {
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? SHUNT_OK : error_memory(r->c->err);
  for (size_t i = 0; i < r->n && !status; i++) status = read_source(r, i, rows);
  if (!status) status = keep_keys(r, rows, out);
  shunt_rows_free(rows);
  return status;
}

/* ---- their ranks ---- */

enum { RANKED_KEY, RANKED_PLACE, RANKED_NULL };

/* SELECT key, dense_rank() OVER (ORDER BY term), term IS NULL FROM … ORDER BY key */
static shunt_status write_ranks(const ranking *r, const list_values *keys, sql_text *sql) {
  const comparison w = {.c = r->c, .at = &r->step.at, .q = sql, .depth = 1};
  const operand key = {.column = r->step.inner.list[0]};
  static const order_term ascending;
  order_term term;
  operand o;
  shunt_status status = order_operand(&w, NULL, r->rest, &term, &o);
  if (status) return status;
  sql_puts(sql, "SELECT ");
  compare_name(&w, &key);
  sql_puts(sql, ", dense_rank() OVER (ORDER BY ");
  order_write(&w, &o, false, &ascending);
  sql_puts(sql, "), CASE WHEN ");
  compare_name(&w, &o);
  sql_puts(sql, " IS NULL THEN 1 ELSE 0 END");
  site_from(sql, &r->step.at);
  sql_puts(sql, " WHERE ");
  list_write(&w, &key, true, keys);
  status = r->step.rest(&w, &r->x);
  sql_puts(sql, " ORDER BY ");
  compare_name(&w, &key);
  return status;
}

static shunt_status take_ranks(const ranking *r, const shunt_rows *rows, order_rank *out) {
  shunt_value *keys = arena_alloc(r->c->arena, rows->count * sizeof *keys);
  uint32_t *places = arena_alloc(r->c->arena, rows->count * sizeof *places);
  *out = (order_rank){.path = r->path, .column = r->step.outer.list[0]->name, .keys = keys, .places = places};
  if (!keys || !places) return error_memory(r->c->err);
  for (size_t i = 0; i < rows->count; i++) {
    const shunt_value *cells = rows_row(rows, i);
    if (i && value_same(&cells[RANKED_KEY], &rows_row(rows, i - 1)[RANKED_KEY]))
      return refuse(r, "and several of them have one key; only one row can give an order");
    if (cells[RANKED_NULL].as.integer) continue;
    places[out->n] = (uint32_t)cells[RANKED_PLACE].as.integer;
    keys[out->n] = cells[RANKED_KEY];
    if (!value_own(r->c->arena, &keys[out->n++])) return error_memory(r->c->err);
  }
  return SHUNT_OK;
}

static shunt_status read_ranks(const ranking *r, const list_values *keys, order_rank *out) {
  shunt_rows *rows = rows_new();
  sql_text *sql = call_sql(r->c);
  shunt_status status = rows && sql ? SHUNT_OK : error_memory(r->c->err);
  if (!status && keys->n) status = write_ranks(r, keys, sql);
  if (!status && keys->n) status = statement_ask(r->c, sql, &r->step.at, (answer_size){3, 0}, rows);
  if (!status) status = take_ranks(r, rows, out);
  call_end_sql(r->c, sql);
  shunt_rows_free(rows);
  return status;
}

/* A table of keys must be one, because each row would come once for each table. */
static shunt_status check_size(const ranking *r, const order_rank *rank) {
  for (size_t i = 0; i < r->n; i++) {
    key_list keys;
    shunt_status status = order_rank_keys(r->c, r->sources[i].at, rank, &keys);
    if (status) return status;
    if (key_sql_part(r->sources[i].at->engine, &keys, 0, SIZE_MAX) < keys.count)
      return refuse(r, "and the keys of its rows are too long for one statement; narrow the condition");
  }
  return SHUNT_OK;
}

static shunt_status rank_path(ranking *r, order_rank *out) {
  const comparison w = before(r, 0);
  list_values keys;
  shunt_status status = order_path_step(&w, r->path, &r->x, &r->step, &r->rest);
  for (size_t i = 0; i < r->n && !status; i++) status = check_source(r, i);
  if (!status) status = read_keys(r, &keys);
  if (!status) status = read_ranks(r, &keys, out);
  return status ? status : check_size(r, out);
}

/* ---- all terms ---- */

static shunt_status rank_term(call *c, const order_source *sources, size_t n, const char *text, select_spec *q) {
  order_term term;
  bool joins;
  shunt_status status = order_read(c, text, &term);
  ranking r = {.c = c, .sources = sources, .n = n, .path = term.name};
  if (status || !order_is_path(sources[0].at, term.name) || order_rank_of(&q->ranks, term.name) >= 0) return status;
  status = joins_everywhere(&r, &joins);
  if (status || joins) return status;
  if (q->lock.kind)
    return error_set(c->err, SHUNT_E_USAGE,
                     "order by '%s': rows that are locked can't be ordered by rows of another datasource", term.name);
  return rank_path(&r, &q->ranks.list[q->ranks.n++]);
}

shunt_status order_rank_sources(call *c, const order_source *sources, size_t n, select_spec *q) {
  q->ranks = (order_ranks){arena_array(c->arena, order_rank, q->norder + q->nneeded), 0};
  shunt_status status = q->ranks.list ? SHUNT_OK : error_memory(c->err);
  for (size_t i = 0; i < q->norder && !status; i++) status = rank_term(c, sources, n, q->order[i], q);
  for (size_t i = 0; i < q->nneeded && !status; i++) status = rank_term(c, sources, n, q->needed[i], q);
  return status;
}

shunt_status order_rank_access(call *c, const access *a, select_spec *q) {
  order_source *sources = arena_array(c->arena, order_source, a->nsites);
  if (!sources) return error_memory(c->err);
  for (size_t i = 0; i < a->nsites; i++) sources[i] = (order_source){&a->sites[i], &q->filter};
  return order_rank_sources(c, sources, a->nsites, q);
}
