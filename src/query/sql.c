#include "query/sql.h"

#include <string.h>

#include "base/alloc.h"

void sql_add(sql_text *q, const char *text, size_t size) { buf_add(&q->text, text, size); }

void sql_name(sql_text *q, const driver_engine *engine, const char *name) { buf_quoted(&q->text, name, engine->quote); }

void sql_names(sql_text *q, const driver_engine *engine, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (i) sql_puts(q, ", ");
    sql_name(q, engine, names[i]);
  }
}

void sql_direction(sql_text *q, const driver_engine *engine, bool nullable, bool descending) {
  if (descending) sql_puts(q, " DESC");
  if (nullable && engine->nulls_last) sql_puts(q, descending ? " NULLS LAST" : " NULLS FIRST");
}

static bool room_for_params(sql_text *q, size_t n) {
  if (n <= q->capacity - q->nparams) return true;
  if (!base_grow(&q->params, &q->capacity, q->nparams + n, sizeof *q->params)) q->failed = true;
  return !q->failed;
}

void sql_param(sql_text *q, const shunt_value *value) {
  if (!room_for_params(q, 1)) return;
  q->params[q->nparams++] = *value;
  buf_putc(&q->text, '?');
}

void sql_part(sql_text *q, const char *sql, const shunt_value *params, size_t n) {
  sql_puts(q, sql);
  if (n == 0 || !room_for_params(q, n)) return;
  memcpy(q->params + q->nparams, params, n * sizeof *params);
  q->nparams += n;
}

void sql_params(sql_text *q, const shunt_value *values, size_t n) {
  static const char marks[] = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ";
  enum { MARK = 3, AT_ONCE = (sizeof marks - 1) / MARK };
  if (n == 1) {
    sql_param(q, values);
    return;
  }
  if (n == 0 || !room_for_params(q, n)) return;
  memcpy(q->params + q->nparams, values, n * sizeof *values);
  q->nparams += n;
  for (size_t left = n; left; left -= left < AT_ONCE ? left : AT_ONCE)
    buf_add(&q->text, marks, (left < AT_ONCE ? left : AT_ONCE) * MARK - (left <= AT_ONCE ? 2 : 0));
}

shunt_status sql_status(const sql_text *q, shunt_error *err) {
  return q->failed || q->text.failed ? error_memory(err) : SHUNT_OK;
}
