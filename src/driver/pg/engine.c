#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "driver/cancel.h"
#include "driver/pg/conn.h"
#include "driver/socket.h"

enum {
  MAX_PARAMS = 65535, /* the protocol counts them in 16 bits */
  BULK_PARAMS = 2500  /* the statement is kept, being no longer than PG_LONGEST_KEPT */
};

static bool private_database(const cat_client *client) {
  (void)client;
  return false;
}

/* ---- opening ---- */

static void close_conn(driver_conn *base) {
  if (!base) return;
  pg_conn *conn = pg_of(base);
  pg_statements_free(conn);
  arena_free(&conn->scratch);
  PQfinish(conn->pg);
  base_free(conn);
}

static shunt_status open_conn(const cat_client *client, int64_t deadline_ns, driver_conn **out, shunt_error *err) {
  const char **keywords, **values;
  arena scratch = {0};
  pg_conn *conn = base_zalloc(sizeof *conn);
  if (!conn) return error_memory(err);
  conn->base.deadline_ns = deadline_ns;
  conn->base.engine = &driver_pg;
  conn->base.client = client;
  shunt_status status = pg_options(client, &scratch, &keywords, &values, err);
  if (!status) status = pg_connect(conn, keywords, values, err);
  arena_free(&scratch);
  if (status) {
    error_client(err, client->name);
    close_conn(&conn->base);
    return status;
  }
  *out = &conn->base;
  return SHUNT_OK;
}

/* The server may say something unasked, such as a new setting: only at the end of what it says is it gone. */
static bool alive(driver_conn *base) {
  PGconn *pg = pg_of(base)->pg;
  while (!socket_is_quiet(PQsocket(pg)))
    if (!PQconsumeInput(pg)) return false;
  return PQstatus(pg) == CONNECTION_OK;
}

/* ---- transactions ---- */

static shunt_status refuse(const pg_conn *conn, shunt_status status, const char *why, shunt_error *err) {
  error_set(err, status, "client '%s': %s", conn->base.client->name, why);
  error_client(err, conn->base.client->name);
  return status;
}

static bool knows_isolation(const char *isolation) {
  static const char *const levels[] = {"serializable", "repeatable read", "read committed", "read uncommitted"};
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
    if (strcasecmp(isolation, levels[i]) == 0) return true;
  return false;
}

static shunt_status begin(driver_conn *base, const char *isolation, bool read_only, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  char sql[80];
  pg_drop_sent(conn);
  if (base->in_transaction) return refuse(conn, SHUNT_E_TRANSACTION, "a transaction is open already", err);
  if (isolation && !knows_isolation(isolation))
    return refuse(conn, SHUNT_E_USAGE,
                  "there is no such isolation; it is 'serializable', 'repeatable read', 'read committed' or "
                  "'read uncommitted'",
                  err);
  snprintf(sql, sizeof sql, "BEGIN%s%s%s", isolation ? " ISOLATION LEVEL " : "", isolation ? isolation : "",
           read_only ? " READ ONLY" : "");
  shunt_status status = pg_check_time(conn, err);
  if (!status) status = pg_exec(conn, sql, NULL, err);
  base->in_transaction = !status;
  return status;
}

/* Also when the time is up, for a little while. What was cancelled is rolled back by the end of its connection. */
static void rollback(driver_conn *base) {
  pg_conn *conn = pg_of(base);
  if (!conn->until_ns) {
    if (base->deadline_ns) conn->until_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
    pg_drop_sent(conn);
    if (base->in_transaction && PQtransactionStatus(conn->pg) != PQTRANS_IDLE && pg_exec(conn, "ROLLBACK", NULL, NULL))
      base->broken = true;
    if (!conn->given_up) conn->until_ns = 0;
  }
  base->in_transaction = false;
}

static shunt_status commit_now(pg_conn *conn, shunt_error *err) {
  PGresult *result = NULL;
  shunt_status status = pg_check_time(conn, err);
  if (!status) status = pg_exec(conn, "COMMIT", &result, err);
  if (conn->given_up)
    status = refuse(conn, SHUNT_E_TIMEOUT,
                    "the server did not answer in time: the transaction may or may not have been committed", err);
  /* that is what the server says to a COMMIT of a transaction in which a statement has failed */
  if (!status && strcmp(PQcmdStatus(result), "ROLLBACK") == 0)
    status = refuse(conn, SHUNT_E_TRANSACTION,
                    "a statement of this transaction failed, and so the database has rolled all of it back", err);
  PQclear(result);
  return status;
}

static shunt_status commit(driver_conn *base, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_drop_sent(conn);
  if (!base->in_transaction) return refuse(conn, SHUNT_E_TRANSACTION, "there is no transaction to commit", err);
  shunt_status status = PQtransactionStatus(conn->pg) == PQTRANS_IDLE
                            ? refuse(conn, SHUNT_E_TRANSACTION, "the database has ended this transaction", err)
                            : commit_now(conn, err);
  rollback(base); /* nothing is left after a commit, and all of it where it could not be committed */
  return status;
}

static const driver_queue queue = {
    .identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .now_ms = "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)",
    .locked = " FOR UPDATE SKIP LOCKED",
    /* two that create a table at once would fail, IF NOT EXISTS or not */
    .ddl_lock = "SELECT pg_advisory_xact_lock(hashtext('shunt_jobs'))",
    .notify = "pg_notify",
    .parallel = true,
};

const driver_engine driver_pg = {
    .name = "pg",
    .max_params = MAX_PARAMS,
    .bulk_params = BULK_PARAMS,
    .quote = '"',
    .returning = true,
    .nulls_last = true,
    .like = " ILIKE ",
    .like_end = " ESCAPE ''",
    .text_type = "text",
    .number_type = "numeric",
    .aborts = true,
    .queue = &queue,
    .private_database = private_database,
    .open = open_conn,
    .close = close_conn,
    .alive = alive,
    .send = pg_send,
    .start = pg_start,
    .receive = pg_receive,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .describe = pg_describe,
    .load_begin = pg_load_begin,
    .load_row = pg_load_row,
    .load_end = pg_load_end,
    .listen = pg_listen,
    .hear = pg_hear,
};
