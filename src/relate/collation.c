/* Comparing texts as their engine does, without knowing how it does it.
 *
 * Idea: under a collation "a" = "A", "ss" = "ß" or "e" = "é" may hold, and which of these do depends on the server's
 * version, too. A collation key is what the server itself makes of a text so that keys are compared
 * byte by byte: WEIGHT_STRING in MySQL (the method of Unicode Technical Standard #10, section 9). Rows of several
 * statements are merged by them.
 *
 * Invariants: each distinct text is asked for once, AT_ONCE in a statement. What the column can't hold has a null for a
 * key.
 *
 * Not here: ICU on this side, which has another version's order, and a COLLATE in the
 * statement that reads the rows, which would need both tables on one server. */
#include "relate/collation.h"

#include <string.h>

#include "query/statement.h"
#include "query/value.h"

enum { AT_ONCE = 256 };

/* ---- texts ---- */

/* The value as the column would store it; null if it can't. */
static bool as_text(const collating *w, const shunt_value *value, shunt_value *text) {
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

/* Runs the statement, which gives one row of n keys, and gives it back. */
static shunt_status run(const collating *w, sql_text *sql, size_t n, shunt_value *keys) {
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? statement_ask(w->c, sql, w->at, (answer_size){n, 1}, rows) : error_memory(w->c->err);
  for (size_t i = 0; i < n && !status; i++) {
    keys[i] = rows_row(rows, 0)[i];
    if (keys[i].type != SHUNT_TEXT && keys[i].type != SHUNT_BLOB) {
      keys[i] = shunt_null(); /* the column can't hold the text */
      continue;
    }
    const char *copy = arena_strndup(w->a, keys[i].as.bytes, keys[i].size);
    if (!copy) status = error_memory(w->c->err);
    keys[i] = shunt_blob(copy, keys[i].size);
  }
  shunt_rows_free(rows);
  call_end_sql(w->c, sql);
  return status;
}

static shunt_status ask_some(const collating *w, const shunt_value *texts, size_t n, shunt_value *keys) {
  const char *key = w->column->weight, *mark = strchr(key, '?');
  sql_text *sql = call_sql(w->c);
  if (!sql) return error_memory(w->c->err);
  for (size_t i = 0; i < n; i++) {
    sql_puts(sql, i ? ", " : "SELECT ");
    sql_add(sql, key, (size_t)(mark - key));
    sql_param(sql, &texts[i]);
    sql_puts(sql, mark + 1);
    sql_puts(sql, " AS w");
  }
  return run(w, sql, n, keys);
}

shunt_status collation_pad(const collating *w, shunt_value *pad) {
  *pad = shunt_blob("", 0);
  if (!w->column->pad) return SHUNT_OK;
  sql_text *sql = call_sql(w->c);
  if (!sql) return error_memory(w->c->err);
  sql_puts(sql, "SELECT ");
  sql_puts(sql, w->column->pad);
  return run(w, sql, 1, pad);
}

static shunt_status ask(const collating *w, const shunt_value *texts, size_t n, shunt_value *keys) {
  shunt_status status = SHUNT_OK;
  for (size_t from = 0; from < n && !status; from += AT_ONCE)
    status = ask_some(w, texts + from, n - from < AT_ONCE ? n - from : AT_ONCE, keys + from);
  return status;
}

/* Each text is asked for once. */
static shunt_status ask_distinct(const collating *w, const shunt_value *texts, size_t n, shunt_value *keys, map *seen) {
  shunt_value *distinct = arena_alloc(w->a, n * sizeof *distinct), *key = arena_alloc(w->a, n * sizeof *key);
  size_t count = 0;
  if (!distinct || !key) return error_memory(w->c->err);
  for (size_t i = 0; i < n; i++) {
    if (texts[i].type == SHUNT_NULL || map_get_n(seen, texts[i].as.bytes, texts[i].size)) continue;
    distinct[count] = texts[i];
    if (!map_put_n(seen, texts[i].as.bytes, texts[i].size, &key[count])) return error_memory(w->c->err);
    count++;
  }
  shunt_status status = ask(w, distinct, count, key);
  for (size_t i = 0; i < n && !status; i++)
    keys[i] = texts[i].type == SHUNT_NULL ? texts[i]
                                          : *(const shunt_value *)map_get_n(seen, texts[i].as.bytes, texts[i].size);
  return status;
}

shunt_status collation_keys(const collating *w, const shunt_value *values, size_t n, shunt_value *keys) {
  shunt_value *texts = arena_alloc(w->a, n * sizeof *texts);
  if (!texts) return error_memory(w->c->err);
  for (size_t i = 0; i < n; i++) {
    if (!as_text(w, &values[i], &texts[i])) return error_memory(w->c->err);
  }
  map seen = {0};
  shunt_status status = ask_distinct(w, texts, n, keys, &seen);
  map_free(&seen);
  return status;
}
