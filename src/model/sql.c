/* The user's own SQL, and the columns of a table: shunt_sql and shunt_table_columns. */
#include <string.h>

#include "base/sized.h"
#include "query/sql_place.h"
#include "query/statement.h"
#include "query/table.h"
#include "session/outcome.h"
#include "session/transaction.h"
#include "session/visit.h"

/* How SQL may begin: also with a word in an executable comment, or with the word behind one. */
typedef struct opening {
  bool controls; /* transactions or databases */
  bool changes_tables;
} opening;

static opening opening_of(const cat_client *client, const char *sql, size_t size) {
  static const char *const control[] = {"begin",     "start",   "commit", "end",    "rollback",
                                        "savepoint", "release", "attach", "detach", NULL};
  static const char *const changes[] = {"create", "alter", "drop", NULL};
  lex l = lex_of(driver_for(client->engine)->lex, sql, size);
  lex_token t = lex_first(&l, ";(");
  opening o = {false, false};
  do {
    o.controls = o.controls || lex_is_any(t, control);
    o.changes_tables = o.changes_tables || lex_is_any(t, changes);
  } while (lex_first_behind(&l, ";(", &t));
  o.changes_tables = o.changes_tables || l.diverges;
  return o;
}

static shunt_status refuse_control(const char *sql, shunt_error *err) {
  return error_set(err, SHUNT_E_USAGE,
                   "transactions and databases are the session's: begin and end one with its transaction, and name "
                   "datasources in the configuration (in: %.100s)",
                   sql);
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
  shunt_sql_options room;
  shunt_error own;
  sql_place at;
  VISIT(v);
  call c;
  if (!err) err = &own;
  if (rows) *rows = NULL;
  if (affected) *affected = 0;
  options = SIZED(shunt_sql_options, options, &room, err);
  if (!options) return SHUNT_E_USAGE;
  execution e = {.sql = sql, .params = options->params, .nparams = options->nparams, .by_hand = true};
  shunt_status status = call_enter(&v, &c, s, 0, err);
  if (!status && !sql) status = error_set(err, SHUNT_E_USAGE, "the SQL is missing");
  if (!status) status = sql_place_find(&c, sql, options, &at);
  if (status) return status;
  e.size = strlen(sql);
  const opening begins = opening_of(at.client, sql, e.size);
  if (begins.controls) return refuse_control(sql, err);
  shunt_rows *read = rows ? rows_new() : NULL;
  if (rows && !read) return error_memory(err);
  e.client = at.client;
  e.level = at.level;
  e.origin = at.origin;
  e.only_reads = at.only_reads;
  e.pure = at.pure;
  if (at.op == SHUNT_WRITE && !session_note_write(s, e.client)) status = error_memory(err);
  if (!status) status = run(&c, &e, &at, read);
  if (affected) *affected = e.affected;
  if (begins.changes_tables) table_forget_all(s); /* they may look different now */
  if (status) {
    error_client(err, e.client->name);
    shunt_rows_free(read);
    return outcome_end(&c, status);
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
  if (!rows) return error_null(err, "rows");
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
