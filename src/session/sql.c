#include "session/sql.h"

#include <string.h>

#include "base/alloc.h"

void sql_reset(sql_text *q) {
  buf_reset(&q->text);
  q->nparams = 0;
  q->failed = false;
}

void sql_free(sql_text *q) {
  buf_free(&q->text);
  base_free(q->params);
  memset(q, 0, sizeof *q);
}

void sql_add(sql_text *q, const char *text, size_t size) { buf_add(&q->text, text, size); }

void sql_name(sql_text *q, const driver_engine *engine, const char *name) {
  char quote = engine->quote, *start = buf_room(&q->text, 2 * strlen(name) + 2), *to = start;
  if (!start) return;
  *to++ = quote;
  for (; *name; name++) {
    if (*name == quote) *to++ = quote;
    *to++ = *name;
  }
  *to++ = quote;
  buf_used(&q->text, (size_t)(to - start));
}

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
  if (!base_grow(&q->params, &q->capacity, q->nparams + n, sizeof *q->params)) q->failed = true;
  return !q->failed;
}

void sql_param(sql_text *q, const shunt_value *value) {
  if (!room_for_params(q, 1)) return;
  q->params[q->nparams++] = *value;
  buf_putc(&q->text, '?');
}

void sql_params(sql_text *q, const shunt_value *values, size_t n) {
  static const char marks[] = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ";
  enum { MARK = 3, AT_ONCE = (sizeof marks - 1) / MARK };
  if (n == 0 || !room_for_params(q, n)) return;
  memcpy(q->params + q->nparams, values, n * sizeof *values);
  q->nparams += n;
  for (size_t left = n; left; left -= left < AT_ONCE ? left : AT_ONCE)
    buf_add(&q->text, marks, (left < AT_ONCE ? left : AT_ONCE) * MARK - (left <= AT_ONCE ? 2 : 0));
}

shunt_status sql_status(const sql_text *q, shunt_error *err) {
  return q->failed || q->text.failed ? error_memory(err) : SHUNT_OK;
}
