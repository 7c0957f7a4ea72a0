#include "query/triggers.h"

#include <string.h>

#include "query/select.h"
#include "query/statement.h"

/* Conditions that only this row meets; without a primary key there are none. */
static size_t set_key(const site *at, const shunt_rows *rows, const shunt_value *cells, shunt_where *items) {
  const driver_table *shape = at->table->shape;
  size_t n = 0;
  for (size_t i = 0; i < shape->count; i++) {
    if (!shape->columns[i].key) continue;
    int found = rows_column_index(rows, shape->columns[i].name);
    if (found < 0) continue;
    items[n++] = (shunt_where){.op = SHUNT_EQ, .column = shape->columns[i].name, .values = &cells[found], .nvalues = 1};
  }
  return n;
}

/* The cells are copied, because the row makes room for the new one. Their bytes stay where they are. */
shunt_status triggers_reread(call *c, const site *at, shunt_rows *rows) {
  size_t before = rows->count, bytes = rows->ncolumns * sizeof(shunt_value);
  shunt_value *cells = arena_array(c->arena, shunt_value, rows->ncolumns);
  shunt_where *items = arena_array(c->arena, shunt_where, at->table->shape->count);
  if (!cells || !items) return error_memory(c->err);
  if (before == 0) return SHUNT_OK;
  memcpy(cells, rows_row(rows, before - 1), bytes);
  shunt_where key = {.op = SHUNT_AND, .items = items};
  key.nitems = set_key(at, rows, cells, items);
  if (key.nitems == 0) return SHUNT_OK;
  rows_drop_last(rows);
  select_spec q = {.filter = {.where = {&key}}};
  shunt_status status = select_at(c, at, &q, rows);
  if (status || rows->count == before) return status;
  shunt_value *again = rows_add(rows);
  if (!again) return error_memory(c->err);
  memcpy(again, cells, bytes);
  return SHUNT_OK;
}

shunt_status triggers_count(call *c, sql_text *sql, const site *at, shunt_rows *rows, int64_t *written) {
  shunt_rows *counted = rows ? rows : rows_new();
  if (!counted) return error_memory(c->err);
  size_t before = counted->count;
  if (!rows) sql_puts(sql, " RETURNING 1");
  shunt_status status = statement_run(c, sql, at, counted, NULL);
  *written = (int64_t)(counted->count - before);
  if (!rows) shunt_rows_free(counted);
  return status;
}
