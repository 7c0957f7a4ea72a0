#include "query/bulk.h"

#include "query/keeps.h"
#include "query/statement.h"
#include "session/scope.h"

enum { FEWEST_ROWS = 500 /* for fewer rows the preparation costs more than it saves */ };

/* Outside of blob columns the parameter decides how a blob is stored. */
static bool blobs_fit(const bulk *l) {
  for (size_t i = 0; i < l->nrecords; i++)
    for (size_t k = 0; k < l->ncolumns; k++)
      if (l->records[i].fields[k].value.type == SHUNT_BLOB && l->columns[k]->kind != DRIVER_BLOBS) return false;
  return true;
}

/* A column whose values the SQL of an INSERT checks. */
static bool any_written(const bulk *l) {
  for (size_t k = 0; k < l->ncolumns; k++)
    if (l->columns[k]->written) return true;
  return false;
}

static const char **names_of(call *c, const bulk *l, size_t width) {
  const char **names = arena_array(c->arena, const char *, width);
  if (!names) return NULL;
  for (size_t i = 0; i < l->ncolumns; i++) names[i] = l->columns[i]->name;
  if (l->stamp) names[l->ncolumns] = l->stamp->name;
  return names;
}

static shunt_status send_rows(call *c, driver_conn *conn, const bulk *l, shunt_value *row) {
  shunt_status status = SHUNT_OK;
  row[l->ncolumns] = l->stamped;
  for (size_t i = 0; i < l->nrecords && !status; i++) {
    for (size_t k = 0; k < l->ncolumns; k++) row[k] = keeps_value(l->columns[k], &l->records[i].fields[k].value);
    status = conn->engine->load_row(conn, row, c->err);
  }
  return status;
}

static shunt_status on_connection(call *c, driver_conn *conn, const bulk *l, execution *e) {
  size_t width = l->ncolumns + (l->stamp ? 1 : 0);
  const char **names = names_of(c, l, width), *sql;
  shunt_value *row = arena_array(c->arena, shunt_value, l->ncolumns + 1);
  if (!names || !row) return error_memory(c->err);
  execution_start(e);
  shunt_status status = conn->engine->load_begin(conn, l->at->table->name, names, width, &sql, c->err);
  if (status || !sql) return status;
  if (!session_note_write(c->s, e->client)) return error_memory(c->err);
  e->sent = true;
  transaction_note_write(c->s, conn);
  conn->unsure = true;
  e->sql = arena_strdup(c->arena, sql);
  status = e->sql ? send_rows(c, conn, l, row) : error_memory(c->err);
  shunt_status ended = conn->engine->load_end(conn, !status, &e->affected, status ? NULL : c->err);
  if (!status) status = ended;
  if (e->sql) execution_tell(c, e, conn, 0, status);
  return status;
}

shunt_status bulk_run(call *c, const bulk *l, bool *done, int64_t *affected) {
  execution e = {.client = l->at->client, .level = l->at->level, .origin = execution_origin_of(l->at)};
  driver_conn *conn;
  *done = false;
  shunt_status status = transaction_conn(c, e.client, e.level, &conn);
  if (status) return status;
  if (!conn || !conn->engine->load_begin || l->at->table->shape->schema || l->nrecords < FEWEST_ROWS ||
      any_written(l) || !blobs_fit(l))
    return SHUNT_OK;
  status = on_connection(c, conn, l, &e);
  *done = e.sent;
  *affected += e.affected;
  return execution_end(c, &e, status);
}
