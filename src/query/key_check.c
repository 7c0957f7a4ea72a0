/* key_check: asks the engine whether it can convert keys, in a statement that reads no table. */
#include <stdio.h>
#include <string.h>

#include "query/key_sql.h"
#include "query/statement.h"
#include "session/scope.h"

typedef struct checker {
  call *c;
  const site *at;
  key_list keys;
  bool *held;
} checker;

static shunt_status run(const checker *w, const char *text) {
  sql_text *sql = call_sql(w->c);
  if (!sql) return error_memory(w->c->err);
  sql_puts(sql, text);
  shunt_status status = statement_read(w->c, sql, w->at, NULL);
  call_end_sql(w->c, sql);
  return status;
}

/* The numbers of those that the columns take. */
static shunt_status ask(const checker *w, size_t from, size_t count, shunt_rows *rows) {
  sql_text *sql = call_sql(w->c);
  if (!sql) return error_memory(w->c->err);
  sql_puts(sql, "SELECT " KEY_NUMBER " FROM ");
  key_sql_taken(w->c, sql, w->at, &w->keys, from, count);
  shunt_status status = statement_read(w->c, sql, w->at, rows);
  call_end_sql(w->c, sql);
  return status;
}

/* A failed statement must not end the caller's transaction. */
static shunt_status ask_safely(const checker *w, size_t from, size_t count, shunt_rows *rows) {
  bool keep = w->at->engine->aborts && transaction_takes(w->c->s, w->at->client, w->at->level);
  shunt_status status = keep ? run(w, "SAVEPOINT shunt_keys") : SHUNT_OK;
  if (status) return status;
  status = ask(w, from, count, rows);
  if (!keep) return status;
  checker quiet = *w;
  call c = *w->c;
  if (status) c.err = NULL; /* the first error counts */
  quiet.c = &c;
  shunt_status end = status ? run(&quiet, "ROLLBACK TO SAVEPOINT shunt_keys") : SHUNT_OK;
  if (!end) end = run(&quiet, "RELEASE SAVEPOINT shunt_keys");
  return status ? status : end;
}

static bool is_data_error(const shunt_error *err) { return strncmp(err->sqlstate, "22", 2) == 0; }

static shunt_status check(const checker *w, size_t from, size_t count) {
  shunt_rows *rows = rows_new();
  shunt_error *err = w->c->err, own = {0};
  if (!err) w->c->err = &own;
  shunt_status status = rows ? ask_safely(w, from, count, rows) : error_memory(w->c->err);
  if (!status) status = statement_numbers(w->c, w->at, rows, w->keys.count);
  for (size_t i = 0; !status && i < rows->count; i++) w->held[rows_row(rows, i)[0].as.integer] = true;
  shunt_rows_free(rows);
  bool odd = status && is_data_error(w->c->err);
  w->c->err = err;
  if (!odd) return status;
  if (count == 1) return SHUNT_OK;
  status = check(w, from, count / 2);
  return status ? status : check(w, from + count / 2, count - count / 2);
}

shunt_status key_check(call *c, const site *at, const key_columns *columns, const shunt_value *values, size_t n,
                       bool *held) {
  checker w = {c, at, {.columns = *columns, .values = values, .count = n}, held};
  shunt_status status = SHUNT_OK;
  memset(held, 0, n * sizeof *held);
  for (size_t from = 0, count; from < n && !status; from += count) {
    count = key_sql_part(at->engine, &w.keys, from, n);
    status = check(&w, from, count);
  }
  return status;
}

shunt_status key_one(call *c, const site *at, const key_names *names, const key_columns *from,
                     const shunt_value *values, key_list *out) {
  shunt_value *fitted = arena_array(c->arena, shunt_value, KEY_MOST);
  bool held = true;
  *out = (key_list){.values = fitted};
  shunt_status status = fitted ? site_key_columns(c, at, names, &out->columns) : error_memory(c->err);
  if (status) return status;
  key_columns_compare(&out->columns, from);
  switch (key_fit_all(c->arena, &out->columns, from, values, fitted)) {
  case KEY_NOWHERE:
    return SHUNT_OK;
  case KEY_NO_MEMORY:
    return error_memory(c->err);
  case KEY_ASKS:
    status = key_check(c, at, &out->columns, fitted, 1, &held);
    break;
  case KEY_FITS:
    break;
  }
  out->count = held;
  return status;
}
