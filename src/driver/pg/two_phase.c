/* Transactions that commit in two phases: PREPARE TRANSACTION, and COMMIT PREPARED or ROLLBACK PREPARED. */
#include <stdio.h>
#include <string.h>

#include "driver/pg/conn.h"

enum { SQL_ROOM = DRIVER_ID_BYTES + 64 };

static shunt_status ask(driver_conn *base, const char *sql, const char *types, shunt_rows *into, shunt_error *err) {
  shunt_status status = pg_send(base, sql, strlen(sql), NULL, 0, err);
  if (!status) status = pg_receive(base, into, NULL, NULL, err);
  return status ? status : driver_expect(base, into, types, err);
}

static shunt_status check(driver_conn *base, shunt_error *err) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(err);
  shunt_status status =
      ask(base, "SELECT pg_catalog.current_setting('max_prepared_transactions') <> '0'", "b", rows, err);
  if (!status && !(rows->count && rows_row(rows, 0)->as.boolean))
    status = driver_refuse(base, SHUNT_E_TRANSACTION,
                           "the server can't prepare transactions, because its max_prepared_transactions is 0; raise "
                           "it to the server's max_connections",
                           err);
  shunt_rows_free(rows);
  return status;
}

/* The server answers ROLLBACK if a statement of the transaction has failed. */
static shunt_status prepare_now(pg_conn *conn, const char *id, shunt_error *err) {
  char sql[SQL_ROOM];
  PGresult *result = NULL;
  snprintf(sql, sizeof sql, "PREPARE TRANSACTION '%s'", id);
  shunt_status status = pg_check_time(conn, err);
  if (!status) status = pg_exec(conn, sql, &result, err);
  if (!status && strcmp(PQcmdStatus(result), "PREPARE TRANSACTION") != 0)
    status =
        driver_refuse(&conn->base, SHUNT_E_TRANSACTION,
                      "a statement of this transaction failed, and so the database has rolled all of it back", err);
  PQclear(result);
  return status;
}

static shunt_status prepare(driver_conn *base, const char *id, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_drop_sent(conn);
  shunt_status status = pg_check_transaction(conn, false, err);
  if (!status) status = prepare_now(conn, id, err);
  if (status)
    base->engine->rollback(base);
  else
    base->in_transaction = false;
  if (status) error_client(err, base->client->name);
  return status;
}

static shunt_status finish(driver_conn *base, const char *id, bool commit, shunt_error *err) {
  char sql[SQL_ROOM];
  pg_conn *conn = pg_of(base);
  snprintf(sql, sizeof sql, "%s PREPARED '%s'", commit ? "COMMIT" : "ROLLBACK", id);
  shunt_status status = pg_check_time(conn, err);
  if (!status) status = pg_exec(conn, sql, NULL, err);
  if (status) error_client(err, base->client->name);
  return status;
}

static shunt_status list(driver_conn *base, shunt_rows *into, shunt_error *err) {
  return ask(base,
             "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() AND "
             "(owner = current_user OR pg_catalog.current_setting('is_superuser') = 'on') ORDER BY gid",
             "t", into, err);
}

const driver_two_phase pg_two_phase = {.check = check, .prepare = prepare, .finish = finish, .list = list};
