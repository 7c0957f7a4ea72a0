#include "relate/weigh.h"

#include <string.h>

#include "query/statement.h"
#include "query/value.h"

enum { AT_ONCE = 256 };

/* ---- plain texts ---- */

/* Printable ASCII, with no blank at the end, which may count or not. */
static bool is_plain(const shunt_value *v) {
  if (v->type != SHUNT_TEXT) return true;
  for (size_t i = 0; i < v->size; i++)
    if (v->as.bytes[i] < ' ' || v->as.bytes[i] > '~') return false;
  return v->size == 0 || v->as.bytes[v->size - 1] != ' ';
}

bool weigh_all_plain(const driver_column *column, const shunt_value *values, size_t n) {
  if (!column->ascii) return false;
  for (size_t i = 0; i < n; i++)
    if (!is_plain(&values[i])) return false;
  return true;
}

static bool lower(arena *a, const shunt_value *text, shunt_value *weight) {
  char *copy = arena_strndup(a, text->as.bytes, text->size);
  for (size_t i = 0; copy && i < text->size; i++)
    if (copy[i] >= 'A' && copy[i] <= 'Z') copy[i] = (char)(copy[i] - 'A' + 'a');
  *weight = shunt_blob(copy, text->size);
  return copy != NULL;
}

/* ---- texts ---- */

/* As the column would have the value; null for what it can't have. */
static bool as_text(const weighing *w, const shunt_value *value, shunt_value *text) {
  *text = value_canonical(value, false);
  if (text->type == SHUNT_INTEGER || text->type == SHUNT_FLOAT) {
    char *room = arena_alloc(w->a, VALUE_TEXT_BYTES);
    if (!room) return false;
    *text = shunt_text(room, value_as_text(text, room));
  }
  if (text->type != SHUNT_TEXT || !driver_column_holds(w->column, text))
    *text = shunt_null();
  else if (text->size == 0)
    text->as.bytes = "";
  return true;
}

/* ---- asking ---- */

/* Runs s->sql, which gives one row of n weights. */
static shunt_status run(const weighing *w, size_t n, shunt_value *weights, shunt_rows *rows) {
  shunt_status status = sql_status(&w->s->sql, w->err);
  if (!status) status = statement_read(w->s, w->at->client, w->at->level, rows, w->err);
  if (status) return status;
  for (size_t i = 0; i < n; i++) {
    weights[i] = rows_row(rows, 0)[i];
    if (weights[i].type == SHUNT_NULL) continue;
    const char *copy = arena_strndup(w->a, weights[i].as.bytes, weights[i].size);
    if (!copy) return error_memory(w->err);
    weights[i] = shunt_blob(copy, weights[i].size);
  }
  return SHUNT_OK;
}

static shunt_status ask_some(const weighing *w, const shunt_value *texts, size_t n, shunt_value *weights,
                             shunt_rows *rows) {
  sql_text *q = &w->s->sql;
  const char *weight = w->column->weight, *mark = strchr(weight, '?');
  sql_reset(q);
  for (size_t i = 0; i < n; i++) {
    sql_puts(q, i ? ", " : "SELECT ");
    sql_add(q, weight, (size_t)(mark - weight));
    sql_param(q, &texts[i]);
    sql_puts(q, mark + 1);
    sql_puts(q, " AS w");
  }
  return run(w, n, weights, rows);
}

shunt_status weigh_pad(const weighing *w, shunt_value *pad) {
  *pad = shunt_blob("", 0);
  if (!w->column->pad) return SHUNT_OK;
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(w->err);
  sql_reset(&w->s->sql);
  sql_puts(&w->s->sql, "SELECT ");
  sql_puts(&w->s->sql, w->column->pad);
  shunt_status status = run(w, 1, pad, rows);
  shunt_rows_free(rows);
  return status;
}

static shunt_status ask(const weighing *w, const shunt_value *texts, size_t n, shunt_value *weights) {
  shunt_status status = SHUNT_OK;
  for (size_t from = 0; from < n && !status; from += AT_ONCE) {
    shunt_rows *rows = rows_new();
    size_t count = n - from < AT_ONCE ? n - from : AT_ONCE;
    status = rows ? ask_some(w, texts + from, count, weights + from, rows) : error_memory(w->err);
    shunt_rows_free(rows);
  }
  return status;
}

/* Each text is asked for once. */
static shunt_status ask_distinct(const weighing *w, const shunt_value *texts, size_t n, shunt_value *weights,
                                 map *seen) {
  shunt_value *distinct = arena_alloc(w->a, n * sizeof *distinct), *weight = arena_alloc(w->a, n * sizeof *weight);
  size_t count = 0;
  if (!distinct || !weight) return error_memory(w->err);
  for (size_t i = 0; i < n; i++) {
    if (texts[i].type == SHUNT_NULL || map_get_n(seen, texts[i].as.bytes, texts[i].size)) continue;
    distinct[count] = texts[i];
    if (!map_put_n(seen, texts[i].as.bytes, texts[i].size, &weight[count])) return error_memory(w->err);
    count++;
  }
  shunt_status status = ask(w, distinct, count, weight);
  for (size_t i = 0; i < n && !status; i++)
    weights[i] = texts[i].type == SHUNT_NULL ? texts[i]
                                             : *(const shunt_value *)map_get_n(seen, texts[i].as.bytes, texts[i].size);
  return status;
}

shunt_status weigh(const weighing *w, const shunt_value *values, size_t n, shunt_value *weights) {
  shunt_value *texts = arena_alloc(w->a, n * sizeof *texts);
  if (!texts) return error_memory(w->err);
  for (size_t i = 0; i < n; i++) {
    if (!as_text(w, &values[i], &texts[i])) return error_memory(w->err);
    if (w->asked) continue;
    weights[i] = texts[i];
    if (texts[i].type == SHUNT_TEXT && !lower(w->a, &texts[i], &weights[i])) return error_memory(w->err);
  }
  if (!w->asked) return SHUNT_OK;
  map seen = {0};
  shunt_status status = ask_distinct(w, texts, n, weights, &seen);
  map_free(&seen);
  return status;
}
