/* Rows out. They come one by one, so that no answer is gathered in libpq, where nothing limits it. */
#include "driver/pg/conn.h"

/* ---- results ---- */

PGresult *pg_first_result(pg_conn *conn) {
  pg_by_rows(conn);
  conn->row_types = NULL;
  conn->discarded = 0;
  if (!conn->piped) return pg_result(conn);
  PGresult *settings;
  while (pg_is_part(settings = pg_result(conn))) PQclear(settings);
  ExecStatusType is = PQresultStatus(settings);
  if (is != PGRES_TUPLES_OK && is != PGRES_COMMAND_OK) return settings;
  PQclear(settings);
  PQclear(pg_result(conn)); /* the end of the settings */
  pg_by_rows(conn);
  return pg_result(conn);
}

/* After the last result, a failure may still follow. */
static void read_end(pg_conn *conn, PGresult **result) {
  PGresult *rest = pg_answer(conn);
  const bool failed = PQresultStatus(*result) == PGRES_FATAL_ERROR;
  const bool lost = conn->ended || (!failed && !rest && PQstatus(conn->pg) != CONNECTION_OK);
  const bool instead = rest && (PQresultStatus(rest) == PGRES_FATAL_ERROR || pg_is_copy(rest));
  if (!lost && !instead) {
    PQclear(rest);
    return;
  }
  PQclear(*result);
  *result = lost ? NULL : rest;
  if (lost) PQclear(rest);
}

/* ---- rows ---- */

static const char *column_name(const void *result, int i) { return PQfname(result, i); }

/* In the connection's scratch. */
static bool find_types(pg_conn *conn, const PGresult *result, int n) {
  Oid *types = arena_alloc(&conn->scratch, (size_t)n * sizeof *types);
  for (int i = 0; types && i < n; i++) types[i] = PQftype(result, i);
  conn->row_types = types;
  conn->row_width = n;
  return types;
}

static shunt_status add_row(pg_conn *conn, const PGresult *result, int row, shunt_rows *into, shunt_error *err) {
  shunt_value *cells = rows_add(into);
  if (!cells) return error_memory(err);
  for (int i = 0; i < conn->row_width; i++) {
    size_t size = (size_t)PQgetlength(result, row, i); /* 0: perhaps a null, as a new row's cells are */
    if (size == 0 && PQgetisnull(result, row, i)) continue;
    shunt_status status = pg_decode(conn->row_types[i], PQgetvalue(result, row, i), size, into, &cells[i]);
    if (status == SHUNT_E_MEMORY) return error_memory(err);
    if (status) return driver_nonsense(&conn->base, "a column, by its type", err);
  }
  return SHUNT_OK;
}

shunt_status pg_add_rows(pg_conn *conn, const PGresult *result, shunt_rows *into, size_t held, shunt_error *err) {
  const int n = PQnfields(result);
  shunt_status status = driver_set_columns(&conn->base, into, n, column_name, result, err);
  if (status || n == 0) return status;
  if (!conn->row_types && !find_types(conn, result, n)) return error_memory(err);
  if (n != conn->row_width) return driver_nonsense(&conn->base, "the number of columns", err);
  for (int row = 0; row < PQntuples(result) && !status; row++) {
    status = add_row(conn, result, row, into, err);
    if (!status && !driver_fits(&conn->base, into, held)) status = driver_too_large(&conn->base, err);
  }
  return status;
}

/* The rest of an answer of which too much has come. */
static void discard(pg_conn *conn, const PGresult *result) {
  const int64_t most = conn->base.client->max_result_bytes;
  for (int row = 0; row < PQntuples(result); row++)
    for (int i = 0; i < PQnfields(result); i++)
      conn->discarded += (size_t)PQgetlength(result, row, i) + sizeof(shunt_value);
  if (most && conn->discarded > (size_t)most) pg_abandon(conn, PG_TOO_MUCH);
}

shunt_status pg_take_rows(pg_conn *conn, PGresult **result, shunt_rows *into, shunt_error *err) {
  const size_t held = into ? driver_held(into) : 0;
  shunt_status status = SHUNT_OK;
  while (pg_is_part(*result)) {
    if (status)
      discard(conn, *result);
    else if (into)
      status = pg_add_rows(conn, *result, into, held, err);
    PQclear(*result);
    *result = pg_result(conn);
  }
  if (!status && into && PQresultStatus(*result) == PGRES_TUPLES_OK)
    status = pg_add_rows(conn, *result, into, held, err);
  if (!pg_is_copy(*result)) read_end(conn, result);
  return status;
}

/* ---- the driver's own questions ---- */

shunt_status pg_ask(pg_conn *conn, const char *sql, const char *text, const char *types, shunt_rows **out,
                    shunt_error *err) {
  shunt_rows *rows = rows_new();
  *out = NULL;
  if (!rows) return error_memory(err);
  arena_reset(&conn->scratch);
  bool sent = PQsendQueryParams(conn->pg, sql, 1, (const Oid[]){PG_TEXT}, (const char *const[]){text}, NULL, NULL, 0);
  PGresult *result = sent ? pg_first_result(conn) : NULL;
  shunt_status status = pg_take_rows(conn, &result, rows, err);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) status = pg_fail(conn, result, NULL, err);
  if (!status) status = driver_expect(&conn->base, rows, types, err);
  PQclear(result);
  if (status)
    shunt_rows_free(rows);
  else
    *out = rows;
  return status;
}
