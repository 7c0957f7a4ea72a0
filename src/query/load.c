#include "query/load.h"

#include "query/statement.h"
#include "query/transaction.h"

enum { FEWEST_ROWS = 500 /* with less, finding out what the table takes costs more than it saves */ };

/* What a blob is elsewhere than in a column of blobs is for a parameter to say. */
static bool blobs_fit(const load *l) {
  for (size_t i = 0; i < l->nrecords; i++)
    for (size_t k = 0; k < l->ncolumns; k++)
      if (l->records[i].fields[k].value.type == SHUNT_BLOB && l->columns[k]->kind != DRIVER_BLOBS) return false;
  return true;
}

static const char **names_of(shunt_session *s, const load *l, size_t width) {
  const char **names = arena_array(&s->call, const char *, width);
  if (!names) return NULL;
  for (size_t i = 0; i < l->ncolumns; i++) names[i] = l->columns[i]->name;
  if (l->stamp) names[l->ncolumns] = l->stamp->name;
  return names;
}

static shunt_status send_rows(driver_conn *conn, const load *l, shunt_value *row, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  row[l->ncolumns] = l->stamped;
  for (size_t i = 0; i < l->nrecords && !status; i++) {
    for (size_t k = 0; k < l->ncolumns; k++) row[k] = l->records[i].fields[k].value;
    status = conn->engine->load_row(conn, row, err);
  }
  return status;
}

static shunt_status on_connection(shunt_session *s, driver_conn *conn, const load *l, execution *e, shunt_error *err) {
  size_t width = l->ncolumns + (l->stamp ? 1 : 0);
  const char **names = names_of(s, l, width), *sql;
  shunt_value *row = arena_array(&s->call, shunt_value, l->ncolumns + 1);
  if (!names || !row) return error_memory(err);
  execution_start(s, e);
  shunt_status status = conn->engine->load_begin(conn, l->a->table->name, names, width, &sql, err);
  if (status || !sql) return status;
  e->sent = true;
  e->sql = arena_strdup(&s->call, sql);
  status = e->sql ? send_rows(conn, l, row, err) : error_memory(err);
  shunt_status ended = conn->engine->load_end(conn, !status, &e->affected, status ? NULL : err);
  if (!status) status = ended;
  if (e->sql) execution_tell(s, e, 0, status);
  return status;
}

shunt_status load_run(shunt_session *s, const load *l, bool *done, int64_t *affected, shunt_error *err) {
  execution e = {.client = l->a->client, .level = l->a->level};
  driver_conn *conn = transaction_conn(s, e.client, e.level);
  *done = false;
  if (!conn || !conn->engine->load_begin || l->nrecords < FEWEST_ROWS || !blobs_fit(l)) return SHUNT_OK;
  shunt_status status = on_connection(s, conn, l, &e, err);
  *done = e.sent;
  *affected += e.affected;
  return execution_end(s, &e, status, err);
}
