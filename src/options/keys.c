#include "options/options.h"

static shunt_status refuse(const options_keys *k, place at, shunt_error *err) {
  return error_usage_at(
      err, at, "%s: keys of several columns are tables of columns and values, each with the same columns", k->of);
}

shunt_status options_add_key(arena *a, options_keys *k, shunt_value **out, shunt_error *err) {
  if (k->keys.columns) return refuse(k, (place){NULL, 0, 0}, err);
  if (!k->values && !(k->values = arena_array(a, shunt_value, k->most))) return error_memory(err);
  k->keys.ncolumns = 1;
  k->keys.values = k->values;
  *out = &k->values[k->keys.n++];
  return SHUNT_OK;
}

static shunt_status name_columns(arena *a, options_keys *k, const node *key, shunt_error *err) {
  const char **columns = arena_array(a, const char *, key->count);
  if (!columns) return error_memory(err);
  for (size_t i = 0; i < key->count; i++) columns[i] = key->entries[i].key;
  k->keys.columns = columns;
  k->keys.ncolumns = key->count;
  k->values = arena_array(a, shunt_value, k->most * key->count);
  k->keys.values = k->values;
  return k->values ? SHUNT_OK : error_memory(err);
}

shunt_status options_add_tuple(arena *a, options_keys *k, const node *key, shunt_error *err) {
  if (key->kind != NODE_MAP || key->count == 0 || key->count > SHUNT_KEY_MOST) return refuse(k, key->at, err);
  shunt_status st = k->values ? SHUNT_OK : name_columns(a, k, key, err);
  if (!st && (!k->keys.columns || key->count != k->keys.ncolumns)) st = refuse(k, key->at, err);
  for (size_t i = 0; i < k->keys.ncolumns && !st; i++) {
    const node *value = node_get(key, k->keys.columns[i]);
    if (!value || value->kind != NODE_VALUE)
      st = refuse(k, value ? value->at : key->at, err);
    else
      k->values[k->keys.n * k->keys.ncolumns + i] = value->value;
  }
  if (!st) k->keys.n++;
  return st;
}
