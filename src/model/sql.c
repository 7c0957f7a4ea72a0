/* The user's own SQL, and the columns of a table: shunt_sql and shunt_table_columns. */
#include <string.h>

#include "query/sql_place.h"
#include "query/statement.h"
#include "query/table.h"
#include "session/transaction.h"
#include "session/visit.h"

/* Also if the word is in an executable comment, or behind one. */
static bool may_begin_with(const cat_client *client, const char *sql, const char *const *words) {
  lex l = lex_of(driver_for(client->engine)->lex, sql, strlen(sql));
  lex_token t = lex_first(&l, ";(");
  bool does = lex_is_any(t, words);
  while (!does && lex_first_behind(&l, ";(", &t)) does = lex_is_any(t, words);
  return does;
}

static shunt_status check_sql(const cat_client *client, const char *sql, shunt_error *err) {
  static const char *const control[] = {"begin",     "start",   "commit", "end",    "rollback",
                                        "savepoint", "release", "attach", "detach", NULL};
  if (!may_begin_with(client, sql, control)) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE,
                   "transactions and databases are the session's: begin and end one with its transaction, and name "
                   "datasources in the configuration (in: %.100s)",
                   sql);
}

/* After DDL the tables may look different. */
static void note_schema(shunt_session *s, const cat_client *client, const char *sql) {
  static const char *const changes[] = {"create", "alter", "drop", NULL};
  if (may_begin_with(client, sql, changes)) table_forget_all(s);
}

/* A write that the engine refused gets the error that the write would have got if its text had shown it. */
static shunt_status run(call *c, execution *e, const sql_place *at, shunt_rows *rows) {
  shunt_status status = execution_run(c, e, rows);
  if (!status || !e->only_reads || !driver_refused_write(c->err)) return status;
  *c->err = at->refusal;
  return c->err->status;
}

shunt_status shunt_sql(shunt_session *s, const char *sql, const shunt_sql_options *options, shunt_rows **rows,
                       int64_t *affected, shunt_error *err) {
  static const shunt_sql_options none = {.client = NULL};
  shunt_error own;
  sql_place at;
  VISIT(v);
  call c;
  if (!options) options = &none;
  if (!err) err = &own;
  execution e = {.sql = sql, .params = options->params, .nparams = options->nparams, .by_hand = true};
  if (rows) *rows = NULL;
  if (affected) *affected = 0;
  shunt_status status = call_enter(&v, &c, s, 0, err);
  if (!status && !sql) status = error_set(err, SHUNT_E_USAGE, "the SQL is missing");
  if (!status) status = sql_place_find(&c, sql, options, &at);
  if (!status) status = check_sql(at.client, sql, err);
  if (status) return status;
  shunt_rows *read = rows ? rows_new() : NULL;
  if (rows && !read) return error_memory(err);
  e.client = at.client;
  e.level = at.level;
  e.only_reads = at.only_reads;
  e.size = strlen(sql);
  if (at.op == SHUNT_WRITE && !session_note_write(s, e.client)) status = error_memory(err);
  if (!status) status = run(&c, &e, &at, read);
  if (affected) *affected = e.affected;
  note_schema(s, e.client, sql);
  if (status) {
    error_client(err, e.client->name);
    shunt_rows_free(read);
    return status;
  }
  if (rows) *rows = read;
  return SHUNT_OK;
}

static shunt_status add_described(shunt_rows *rows, const driver_column *column, shunt_error *err) {
  shunt_value *cells = rows_add(rows);
  if (!cells) return error_memory(err);
  cells[0] = shunt_text(column->name, strlen(column->name));
  cells[1] = shunt_text(column->type, strlen(column->type));
  cells[2] = shunt_boolean(column->nullable);
  cells[3] = shunt_integer(column->key);
  if (column->unique && column->unique[0]) cells[4] = shunt_text(column->unique, strlen(column->unique));
  if (column->equates) cells[5] = shunt_text(column->equates, strlen(column->equates));
  bool owned = rows_own(rows, &cells[0]) && rows_own(rows, &cells[1]) && rows_own(rows, &cells[4]);
  return owned && rows_own(rows, &cells[5]) ? SHUNT_OK : error_memory(err);
}

shunt_status shunt_table_columns(shunt_session *s, const char *client_name, const char *table, shunt_rows **rows,
                                 shunt_error *err) {
  static const char *const names[] = {"name", "type", "nullable", "key", "unique", "equates"};
  VISIT(v);
  call c;
  const cat_client *client;
  int level;
  table_info *t;
  *rows = NULL;
  if (!table) return error_set(err, SHUNT_E_USAGE, "the table's name is missing");
  shunt_status status = call_enter(&v, &c, s, 0, err);
  if (!status) status = transaction_client(&c, client_name, SHUNT_READ, &client, &level);
  if (!status) status = table_find(&c, client, level, table, true, &t);
  if (status) return status;
  shunt_rows *described = rows_new();
  if (!described || !rows_set_columns(described, names, sizeof names / sizeof *names)) status = error_memory(err);
  for (size_t i = 0; !status && i < t->shape->count; i++) status = add_described(described, &t->shape->columns[i], err);
  if (status) {
    shunt_rows_free(described);
    return status;
  }
  *rows = described;
  return SHUNT_OK;
}
