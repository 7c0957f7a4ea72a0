#include "rows.h"

static json_t *cell(const shunt_value *value) {
  switch ((shunt_type)value->type) {
  case SHUNT_NULL:
    return json_null();
  case SHUNT_BOOL:
    return json_boolean(value->as.boolean);
  case SHUNT_INTEGER:
    return json_integer(value->as.integer);
  case SHUNT_FLOAT:
    return json_real(value->as.number);
  case SHUNT_TEXT:
    return json_stringn(value->as.bytes, value->size);
  case SHUNT_BLOB:
    break; /* no model of the service has one */
  }
  return NULL;
}

static json_t *related(const shunt_rows *rows, size_t relation, size_t row) {
  shunt_loaded loaded = shunt_rows_loaded(rows, relation);
  size_t n;
  const uint32_t *places = shunt_rows_related(rows, relation, row, &n);
  if (loaded.kind == SHUNT_HAS_ONE || loaded.kind == SHUNT_BELONGS_TO)
    return n ? rows_object(loaded.rows, places[0]) : json_null();
  json_t *list = json_array();
  for (size_t i = 0; i < n && list; i++) {
    if (json_array_append_new(list, rows_object(loaded.rows, places[i]))) {
      json_decref(list);
      list = NULL;
    }
  }
  return list;
}

json_t *rows_object(const shunt_rows *rows, size_t row) {
  const shunt_value *cells = shunt_rows_at(rows, row);
  json_t *object = json_object();
  int failed = object == NULL;
  for (size_t i = 0; i < shunt_rows_ncolumns(rows) && !failed; i++)
    failed = json_object_set_new(object, shunt_rows_column(rows, i), cell(&cells[i]));
  for (size_t i = 0; i < shunt_rows_nloaded(rows) && !failed; i++)
    failed = json_object_set_new(object, shunt_rows_loaded(rows, i).name, related(rows, i, row));
  if (!failed) return object;
  json_decref(object);
  return NULL;
}
