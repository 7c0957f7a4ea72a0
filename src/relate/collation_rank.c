/* collation_ranks: the engine gets the values as one array and returns their places in its order. */
#include <string.h>

#include "query/key_sql.h"
#include "query/statement.h"
#include "query/value.h"
#include "relate/collation.h"

static void add_value(buf *out, const shunt_value *value) {
  char room[VALUE_TEXT_BYTES];
  shunt_value v = value_canonical(value, false);
  if (v.type == SHUNT_INTEGER || v.type == SHUNT_FLOAT)
    key_sql_json(out, room, value_as_text(&v, room));
  else
    key_sql_json(out, value->as.bytes, value->size);
}

static shunt_status ask(const collating *w, const buf *array, size_t n, shunt_rows *rows) {
  sql_text *sql = call_sql(w->c);
  shunt_value values = shunt_text(array->data, array->size);
  const char *rank = w->column->rank, *mark = strchr(rank, '?');
  if (!sql) return error_memory(w->c->err);
  sql_add(sql, rank, (size_t)(mark - rank));
  sql_param(sql, &values);
  sql_puts(sql, mark + 1);
  shunt_status status = statement_ask(w->c, sql, w->at, (answer_size){1, n}, rows);
  call_end_sql(w->c, sql);
  return status;
}

shunt_status collation_ranks(const collating *w, const shunt_value *values, size_t n, shunt_value *keys) {
  buf array = {0};
  shunt_rows *rows = rows_new();
  size_t asked = 0;
  buf_putc(&array, '[');
  for (size_t i = 0; i < n; i++) {
    if (values[i].type == SHUNT_NULL) continue;
    if (array.size > 1) buf_putc(&array, ',');
    add_value(&array, &values[i]);
    asked++;
  }
  buf_putc(&array, ']');
  shunt_status status = rows && !array.failed ? ask(w, &array, asked, rows) : error_memory(w->c->err);
  for (size_t i = 0, row = 0; i < n && !status; i++)
    keys[i] = values[i].type == SHUNT_NULL ? values[i] : rows_row(rows, row++)[0];
  buf_free(&array);
  shunt_rows_free(rows);
  return status;
}
