#include "options/options.h"

#include <string.h>

#include "catalog/where.h"

#define QUERY_KEYS "columns", "where", "order", "limit", "offset", "client", "table", "include", "with", "deleted"
const char *const options_select_keys[] = {QUERY_KEYS, "timeout", "distinct", "lock", "nowait", "skip_locked", NULL};
const char *const options_get_keys[] = {QUERY_KEYS, "timeout", "lock", "nowait", "skip_locked", NULL};
const char *const options_count_keys[] = {QUERY_KEYS, "timeout", "distinct", NULL};
const char *const options_aggregate_keys[] = {"count", "sum",     "avg",     "min",   "max",    "group",
                                              "where", "having",  "order",   "limit", "offset", "client",
                                              "table", "timeout", "deleted", NULL};
const char *const options_include_keys[] = {QUERY_KEYS, "count", "sum", "avg", "min", "max", "link", NULL};
#undef QUERY_KEYS

shunt_status options_where(arena *a, const node *from, const shunt_where **out, shunt_error *err) {
  if (!from) return SHUNT_OK;
  if (from->kind != NODE_MAP)
    return error_usage_at(err, from->at, "where must be a table of columns, as in {id = 7}, not %s",
                          node_kind_name(from));
  return where_from_node(a, from, out, err);
}

shunt_status options_names(arena *a, const node *from, const char *what, const char *const **list, size_t *count,
                           shunt_error *err) {
  if (!from || (from->kind == NODE_MAP && from->count == 0)) return SHUNT_OK;
  if (from->kind == NODE_LIST || node_is_text(from)) return where_names(a, from, what, list, count, err);
  return error_usage_at(err, from->at, "%s must be a name or a list of names, not %s", what, node_kind_name(from));
}

static shunt_status as_lock(const node *n, shunt_lock *out, shunt_error *err) {
  const char *word = NULL;
  shunt_status st = options_text(n, "lock", &word, err);
  if (st || !word) return st;
  *out = strcmp(word, "update") == 0 ? SHUNT_LOCK_UPDATE : SHUNT_LOCK_SHARE;
  if (*out == SHUNT_LOCK_UPDATE || strcmp(word, "share") == 0) return SHUNT_OK;
  return error_usage_at(err, n->at, "lock must be \"update\" or \"share\", not \"%.64s\"", word);
}

/* What only some reads take: the list of their options says which. */
shunt_status options_read_fields(arena *a, const node *options, shunt_query *out, shunt_error *err) {
  shunt_status st = as_lock(node_get(options, "lock"), &out->lock, err);
  if (!st) st = options_bool(node_get(options, "nowait"), "nowait", &out->nowait, err);
  if (!st) st = options_bool(node_get(options, "skip_locked"), "skip_locked", &out->skip_locked, err);
  if (!st) st = options_bool(node_get(options, "distinct"), "distinct", &out->distinct, err);
  if (!st) st = options_where(a, node_get(options, "having"), &out->having, err);
  return st ? st : options_call_timeout(options, &out->timeout_ms, err);
}

shunt_status options_limit(const node *options, int64_t *out, shunt_error *err) {
  const node *n = node_get(options, "limit");
  shunt_status st = options_count(n, "limit", out, err);
  if (!st && n && *out == 0) *out = SHUNT_NO_ROWS;
  return st;
}

shunt_status options_query_fields(arena *a, const node *options, shunt_query *out, shunt_error *err) {
  shunt_status st;
  if ((st = options_names(a, node_get(options, "columns"), "columns", &out->columns, &out->ncolumns, err))) return st;
  if ((st = options_where(a, node_get(options, "where"), &out->where, err))) return st;
  if ((st = options_names(a, node_get(options, "order"), "order", &out->order, &out->norder, err))) return st;
  if ((st = options_limit(options, &out->limit, err))) return st;
  if ((st = options_count(node_get(options, "offset"), "offset", &out->offset, err))) return st;
  if ((st = options_text(node_get(options, "client"), "client", &out->client, err))) return st;
  if ((st = options_bool(node_get(options, "deleted"), "deleted", &out->deleted, err))) return st;
  return options_table(a, node_get(options, "table"), &out->table, err);
}

/* ---- aggregates ---- */

typedef struct aggregations {
  shunt_aggregation *list;
  size_t count;
} aggregations;

/* count takes true, "*", "id" or {"id", "*"}; the other functions take columns only. */
static shunt_status functions_of(arena *a, const node *n, const char *name, shunt_function function, aggregations *out,
                                 shunt_error *err) {
  bool yes = false;
  if (!n) return SHUNT_OK;
  if (function == SHUNT_COUNT && n->kind == NODE_VALUE && n->value.type == SHUNT_BOOL) {
    shunt_status st = options_bool(n, name, &yes, err);
    if (yes) out->list[out->count++] = (shunt_aggregation){function, NULL};
    return st;
  }
  const char *const *columns = NULL;
  size_t ncolumns = 0;
  shunt_status st = options_names(a, n, name, &columns, &ncolumns, err);
  if (!st && ncolumns == 0)
    return error_usage_at(err, n->at, "%s is an empty list; name a column, or leave it out", name);
  for (size_t i = 0; i < ncolumns && !st; i++) {
    bool all = function == SHUNT_COUNT && strcmp(columns[i], "*") == 0;
    out->list[out->count++] = (shunt_aggregation){function, all ? NULL : columns[i]};
  }
  return st;
}

static size_t items_in(const node *n) { return !n ? 0 : n->kind == NODE_LIST ? n->count : 1; }

shunt_status options_aggregations(arena *a, const node *options, const shunt_aggregation **list, size_t *count,
                                  shunt_error *err) {
  static const char *const names[] = {"count", "sum", "avg", "min", "max"};
  size_t room = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) room += items_in(node_get(options, names[i]));
  aggregations wanted = {.list = arena_array(a, shunt_aggregation, room)};
  if (!wanted.list) return error_memory(err);
  shunt_status st = SHUNT_OK;
  for (size_t i = 0; i < sizeof names / sizeof *names && !st; i++)
    st = functions_of(a, node_get(options, names[i]), names[i], (shunt_function)i, &wanted, err);
  *list = wanted.list;
  *count = wanted.count;
  return st;
}

shunt_status options_aggregates(arena *a, const node *options, const char *of, shunt_aggregates *out,
                                shunt_error *err) {
  shunt_status st = options_aggregations(a, options, &out->list, &out->n, err);
  if (!st) st = options_names(a, node_get(options, "group"), "group", &out->group, &out->ngroup, err);
  if (st || out->n) return st;
  return error_set(err, SHUNT_E_USAGE, "%s needs something to compute: count, sum, avg, min or max", of);
}
