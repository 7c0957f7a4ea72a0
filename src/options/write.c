#include "options/options.h"

const char *const options_insert_keys[] = {"client", "table", "include", "timeout", "on_conflict", "update", NULL};
const char *const options_insert_bulk_keys[] = {"client",      "table",  "include",   "timeout",
                                                "on_conflict", "update", "returning", NULL};
const char *const options_update_keys[] = {"where", "all", "client", "table", "include", "timeout", "deleted", NULL};
const char *const options_increment_keys[] = {"all", "client", "table", "timeout", "deleted", "set", NULL};
const char *const options_update_bulk_keys[] = {"client", "table", "timeout", NULL};
const char *const options_delete_keys[] = {"where", "all", "client", "table", "include", "timeout", "purge", NULL};

/* on_conflict = "email" or a list, and update = true, a column or a list. */
static shunt_status conflict_of(arena *a, const node *options, const shunt_conflict **out, shunt_error *err) {
  const node *n = node_get(options, "on_conflict"), *update = node_get(options, "update");
  if (!n && update) return error_usage_at(err, update->at, "update needs on_conflict, the columns of a unique key");
  if (!n) return SHUNT_OK;
  shunt_conflict *made = arena_new(a, shunt_conflict);
  if (!made) return error_memory(err);
  *out = made;
  shunt_status st = options_names(a, n, "on_conflict", &made->columns, &made->ncolumns, err);
  if (st || !update) return st;
  if (update->kind == NODE_VALUE && update->value.type == SHUNT_BOOL && update->value.as.boolean) {
    made->update_all = true;
    return SHUNT_OK;
  }
  st = options_names(a, update, "update", &made->update, &made->nupdate, err);
  if (st || made->nupdate) return st;
  return error_usage_at(err, update->at, "update names no column; leave it out to leave the other row as it is");
}

shunt_status options_write(arena *a, const node *options, shunt_write *out, shunt_error *err) {
  shunt_status st = options_text(node_get(options, "client"), "client", &out->client, err);
  if (!st) st = options_bool(node_get(options, "all"), "all", &out->all, err);
  if (!st) st = options_bool(node_get(options, "deleted"), "deleted", &out->deleted, err);
  if (!st) st = options_bool(node_get(options, "purge"), "purge", &out->purge, err);
  if (!st) st = options_table(a, node_get(options, "table"), &out->table, err);
  if (!st) st = options_call_timeout(options, &out->timeout_ms, err);
  if (!st) st = options_where(a, node_get(options, "where"), &out->where, err);
  if (!st) st = options_includes(a, node_get(options, "include"), NULL, &out->include, &out->ninclude, err);
  return st ? st : conflict_of(a, options, &out->on_conflict, err);
}

void options_drop_empty_where(shunt_write *w) {
  if (w->where && w->where->op == SHUNT_AND && w->where->nitems == 0) w->where = NULL;
}

shunt_status options_columns(arena *a, const node *n, const char *what, options_fields *out, shunt_error *err) {
  if (!n) return SHUNT_OK;
  if (n->kind != NODE_MAP)
    return error_usage_at(err, n->at, "%s must be a table of columns, as in {visits = 1}, not %s", what,
                          node_kind_name(n));
  shunt_field *list = arena_array(a, shunt_field, n->count);
  if (!list) return error_memory(err);
  for (size_t i = 0; i < n->count; i++) {
    const node_entry *e = &n->entries[i];
    if (e->value->kind != NODE_VALUE)
      return error_usage_at(err, e->value->at, "%s: '%s' takes a value, not %s", what, e->key,
                            node_kind_name(e->value));
    list[i] = (shunt_field){e->key, e->value->value};
  }
  *out = (options_fields){list, n->count};
  return SHUNT_OK;
}

shunt_status options_check_increments(const shunt_write *w, const char *of, shunt_error *err) {
  if (!w->where && !w->all)
    return error_set(err, SHUNT_E_USAGE,
                     "%s without where changes every row; give one, or say all = true if that is meant", of);
  if (w->nincrements) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "%s needs columns and numbers to add, as in {visits = 1}", of);
}
