#include "query/statement.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "query/access.h"
#include "query/transaction.h"

enum { SHOWN_SQL_ROOM = 1024 };

/* ---- on one connection ---- */

/* For an event, which holds no secrets: up to the first literal. */
static const char *shown_sql(const char *sql, char *room) {
  size_t size = strcspn(sql, "'$");
  snprintf(room, SHOWN_SQL_ROOM, "%.*s%s", (int)(size < SHOWN_SQL_ROOM ? size : SHOWN_SQL_ROOM), sql,
           sql[size] ? "…" : "");
  return room;
}

void execution_start(const shunt_session *s, execution *e) {
  bool timed = s->observer || events_wanted(s->home.events, SHUNT_EVENT_STATEMENT_SLOW);
  e->started_ns = timed ? clock_monotonic_ns() : 0;
}

static void report_slow(const shunt_session *s, const shunt_statement *told) {
  const int64_t slow_ms = s->home.catalog->settings.slow_statement_ms;
  char sql[SHOWN_SQL_ROOM];
  if (!slow_ms || told->duration_ns / NS_PER_MS < slow_ms) return;
  events_emit(s->home.events, SHUNT_EVENT_STATEMENT_SLOW, {"client", event_text(told->client)},
              {"level", shunt_integer(told->level)}, {"instance", event_text(s->instance->name)},
              {"job", event_text(s->job)}, {"duration_ms", shunt_integer(told->duration_ns / NS_PER_MS)},
              {"rows", shunt_integer((int64_t)told->nrows)}, {"affected", shunt_integer(told->affected)},
              {"status", event_text(shunt_status_name(told->status))}, {"sql", event_text(shown_sql(told->sql, sql))});
}

void execution_tell(shunt_session *s, const execution *e, size_t nrows, shunt_status status) {
  if (!e->started_ns) return;
  shunt_statement told = {.client = e->client->name,
                          .level = e->level,
                          .sql = e->sql,
                          .params = e->params,
                          .nparams = e->nparams,
                          .nrows = nrows,
                          .affected = e->affected,
                          .duration_ns = clock_monotonic_ns() - e->started_ns,
                          .status = status};
  if (s->observer) s->observer(s->observer_ud, &told);
  report_slow(s, &told);
}

static bool may_repeat(execution *e, const driver_conn *conn, shunt_status status) {
  bool may =
      !e->repeated && status == SHUNT_E_DATASOURCE && conn->broken && !conn->in_transaction && (!e->sent || e->reads);
  e->repeated = e->repeated || may;
  return may;
}

shunt_status execution_send(shunt_session *s, execution *e, driver_conn *conn, bool *again, shunt_error *err) {
  execution_start(s, e);
  e->affected = e->generated_id = 0;
  shunt_status status = conn->engine->send(conn, e->sql, e->size, e->params, e->nparams, err);
  e->sent = !status;
  if (status) execution_tell(s, e, 0, status);
  *again = may_repeat(e, conn, status);
  return status;
}

shunt_status execution_receive(shunt_session *s, execution *e, driver_conn *conn, shunt_rows *rows, bool *again,
                               shunt_error *err) {
  size_t before = rows ? rows->count : 0;
  shunt_status status = conn->engine->receive(conn, rows, &e->affected, &e->generated_id, err);
  execution_tell(s, e, rows ? rows->count - before : 0, status);
  *again = may_repeat(e, conn, status);
  while (*again && rows && rows->count > before) rows_drop_last(rows);
  return status;
}

static shunt_status on_connection(shunt_session *s, execution *e, driver_conn *conn, shunt_rows *rows, bool *again,
                                  shunt_error *err) {
  shunt_status status = execution_send(s, e, conn, again, err);
  return status ? status : execution_receive(s, e, conn, rows, again, err);
}

/* ---- on whichever it goes to ---- */

static shunt_status on_pool(shunt_session *s, execution *e, shunt_rows *rows, bool *again, shunt_error *err) {
  driver_conn *conn;
  *again = false;
  shunt_status status = session_acquire(s, e->client, e->level, &conn, err);
  if (status) return status;
  status = on_connection(s, e, conn, rows, again, err);
  pool_release(conn, e->level);
  return status;
}

/* The server may have ended the connection while nobody used it. */
shunt_status execution_run(shunt_session *s, execution *e, shunt_rows *rows, shunt_error *err) {
  driver_conn *conn = transaction_conn(s, e->client, e->level);
  bool again;
  if (conn) return on_connection(s, e, conn, rows, &again, err);
  shunt_status status;
  do {
    status = on_pool(s, e, rows, &again, err);
  } while (again);
  return status;
}

shunt_status execution_end(shunt_session *s, const execution *e, shunt_status status, shunt_error *err) {
  if (status == SHUNT_E_NOT_FOUND) { /* the tables are not what they were: ask anew next time */
    s->schema_stale = true;
    s->outdated++;
    s->latest = NULL;
    map_reset(&s->tables);
  }
  if (status) error_client(err, e->client->name);
  return status;
}

execution execution_of(const sql_text *sql, const cat_client *client, int level, bool reads) {
  return (execution){.client = client,
                     .level = level,
                     .sql = sql->text.data,
                     .size = sql->text.size,
                     .params = sql->params,
                     .nparams = sql->nparams,
                     .reads = reads};
}

shunt_status statement_read(shunt_session *s, const cat_client *client, int level, shunt_rows *rows, shunt_error *err) {
  execution e = execution_of(&s->sql, client, level, true);
  return execution_end(s, &e, execution_run(s, &e, rows, err), err);
}

shunt_status statement_run(shunt_session *s, const cat_client *client, int level, shunt_rows *rows, int64_t *affected,
                           shunt_error *err) {
  execution e = execution_of(&s->sql, client, level, false);
  shunt_status status = execution_run(s, &e, rows, err);
  if (affected) *affected = e.affected;
  return execution_end(s, &e, status, err);
}

shunt_status statement_insert(shunt_session *s, const cat_client *client, int level, int64_t *generated_id,
                              shunt_error *err) {
  execution e = execution_of(&s->sql, client, level, false);
  shunt_status status = execution_run(s, &e, NULL, err);
  *generated_id = e.generated_id;
  return execution_end(s, &e, status, err);
}

/* ---- the user's own SQL ---- */

static lex_token first_word(const cat_client *client, const char *sql) {
  lex l = lex_of(driver_for(client->engine)->lex, sql, strlen(sql));
  return lex_first(&l, ";(");
}

static shunt_status check_sql(const cat_client *client, const char *sql, shunt_error *err) {
  static const char *const control[] = {"begin",     "start",   "commit", "end",    "rollback",
                                        "savepoint", "release", "attach", "detach", NULL};
  if (!lex_is_any(first_word(client, sql), control)) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE,
                   "transactions and databases are the session's: begin and end one with its transaction, and name "
                   "datasources in the configuration (in: %.100s)",
                   sql);
}

/* A table that was described may look otherwise after it. */
static void note_schema(shunt_session *s, const cat_client *client, const char *sql) {
  static const char *const changes[] = {"create", "alter", "drop", NULL};
  if (!lex_is_any(first_word(client, sql), changes)) return;
  s->schema_stale = true;
  s->latest = NULL;
  map_reset(&s->tables);
}

static shunt_status named_client(shunt_session *s, const char *name, const cat_client **client, int *level,
                                 shunt_error *err) {
  shunt_status status = SHUNT_OK;
  if (!name || strcmp(name, CATALOG_DEFAULT) == 0) {
    *level = s->level;
    status = transaction_default_client(s, SHUNT_WRITE, name != NULL, client, level, err);
  } else {
    *level = s->level;
    status = session_named_client(s, name, client, err);
  }
  if (!status) *level = level_of(*client, *level);
  return status;
}

shunt_status shunt_sql(shunt_session *s, const char *client_name, const char *sql, const shunt_value *params,
                       size_t nparams, shunt_rows **rows, int64_t *affected, shunt_error *err) {
  const cat_client *client;
  int level;
  if (rows) *rows = NULL;
  shunt_status status = session_enter(s, 0, err);
  if (!status && !sql) status = error_set(err, SHUNT_E_USAGE, "there is no SQL");
  if (!status) status = named_client(s, client_name, &client, &level, err);
  if (!status) status = check_sql(client, sql, err);
  if (status) return status;
  shunt_rows *read = rows ? rows_new() : NULL;
  if (rows && !read) return error_memory(err);
  execution e = {
      .client = client, .level = level, .sql = sql, .size = strlen(sql), .params = params, .nparams = nparams};
  status = execution_run(s, &e, read, err);
  if (affected) *affected = e.affected;
  note_schema(s, client, sql);
  if (status) {
    error_client(err, client->name);
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
  return rows_own(rows, &cells[0]) && rows_own(rows, &cells[1]) ? SHUNT_OK : error_memory(err);
}

shunt_status shunt_table_columns(shunt_session *s, const char *client_name, const char *table, shunt_rows **rows,
                                 shunt_error *err) {
  static const char *const names[] = {"name", "type", "nullable", "key"};
  const cat_client *client;
  int level;
  table_info *t;
  *rows = NULL;
  if (!table) return error_set(err, SHUNT_E_USAGE, "there is no table's name");
  shunt_status status = session_enter(s, 0, err);
  if (!status) status = named_client(s, client_name, &client, &level, err);
  if (!status) status = table_find(s, client, level, table, true, &t, err);
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
