#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sigpipe.h"
#include "driver/cancel.h"
#include "driver/pg/conn.h"
#include "driver/socket.h"

enum {
  BULK_PARAMS = 2500,  /* short enough for the prepared statement cache (PG_LONGEST_KEPT) */
  MOST_IDLE_READS = 64 /* of what comes unasked */
};

/* ---- opening ---- */

static void close_conn(driver_conn *base) {
  if (!base) return;
  pg_conn *conn = pg_of(base);
  pg_statements_free(conn);
  driver_forget_variables(base);
  buf_free(&conn->front);
  buf_free(&conn->key);
  arena_free(&conn->scratch);
  PQfinish(conn->pg);
  base_free(conn);
}

static void leave(driver_conn *base, int nowhere) { socket_leave(PQsocket(pg_of(base)->pg), nowhere); }

/* libpq raises no SIGPIPE. What looks up a name, or a ticket, may. */
static shunt_status connect_quietly(pg_conn *conn, shunt_error *err) {
  const char **keywords, **values;
  arena scratch = {0};
  sigpipe quiet = {0};
  sigpipe_hold(&quiet);
  shunt_status status = pg_options(conn->base.client, &scratch, &keywords, &values, err);
  if (!status) status = pg_connect(conn, keywords, values, err);
  sigpipe_release(&quiet);
  arena_free(&scratch);
  return status;
}

static shunt_status open_conn(const cat_client *client, int64_t deadline_ns, driver_conn **out, shunt_error *err) {
  pg_conn *conn = base_zalloc(sizeof *conn);
  if (!conn) return error_memory(err);
  conn->base.deadline_ns = deadline_ns;
  conn->base.engine = &driver_pg;
  conn->base.client = client;
  conn->pooled = pg_is_pooled(client);
  shunt_status status =
      getrandom(&conn->tag, sizeof conn->tag, 0) == (ssize_t)sizeof conn->tag
          ? SHUNT_OK
          : error_set(err, SHUNT_E_INTERNAL, "the system gives no random numbers, which the names of statements need");
  if (!status) status = connect_quietly(conn, err);
  if (status) {
    error_client(err, client->name);
    close_conn(&conn->base);
    return status;
  }
  *out = &conn->base;
  return SHUNT_OK;
}

/* Unasked data may be a notice or a changed setting: only its end means that the server has closed, or that it never
 * ends. */
static bool alive(driver_conn *base) {
  pg_conn *conn = pg_of(base);
  int reads = 0;
  while (!socket_is_quiet(PQsocket(conn->pg)))
    if (++reads > MOST_IDLE_READS || !PQconsumeInput(conn->pg) || PQisBusy(conn->pg)) return false;
  return PQstatus(conn->pg) == CONNECTION_OK;
}

/* ---- transactions ---- */

static shunt_status begin(driver_conn *base, const char *isolation, bool read_only, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  buf sql = {0};
  pg_drop_sent(conn);
  shunt_status status = driver_check_begin(base, isolation, err);
  if (status) return status;
  buf_printf(&sql, "BEGIN%s%s%s", isolation ? " ISOLATION LEVEL " : "", isolation ? isolation : "",
             read_only ? " READ ONLY" : "");
  if (conn->front.size) buf_printf(&sql, "; %s", conn->front.data);
  if (conn->pooled) buf_puts(&sql, pg_settings_of_transaction);
  status = sql.failed ? error_memory(err) : pg_check_time(conn, err);
  if (!status) status = pg_exec(conn, sql.data, NULL, err);
  base->in_transaction = !status;
  base->read_only = read_only;
  if (!status) conn->late = false;
  if (status && PQtransactionStatus(conn->pg) != PQTRANS_IDLE) base->broken = true; /* a variable was refused */
  buf_free(&sql);
  return status;
}

/* The end of the savepoint ends its READ ONLY. */
static shunt_status reads_begin(driver_conn *base, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_drop_sent(conn);
  shunt_status status = pg_check_time(conn, err);
  if (!status) status = pg_check_transaction(conn, false, err);
  return status ? status : pg_exec(conn, "SAVEPOINT shunt_reads; SET TRANSACTION READ ONLY", NULL, err);
}

static shunt_status reads_end(driver_conn *base, bool ok, shunt_error *err) {
  static const char release[] = "RELEASE SAVEPOINT shunt_reads",
                    undo[] = "ROLLBACK TO SAVEPOINT shunt_reads; RELEASE SAVEPOINT shunt_reads";
  pg_conn *conn = pg_of(base);
  pg_drop_sent(conn);
  shunt_status status = pg_check_time(conn, err);
  return status ? status : pg_exec(conn, ok ? release : undo, NULL, err);
}

/* After the deadline it gets CANCEL_GRACE_NS. After a cancellation it sends nothing: closing the connection rolls back.
 */
static void rollback(driver_conn *base) {
  pg_conn *conn = pg_of(base);
  if (!conn->until_ns) {
    if (base->deadline_ns) conn->until_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
    pg_drop_sent(conn);
    if (base->in_transaction && PQtransactionStatus(conn->pg) != PQTRANS_IDLE && pg_exec(conn, "ROLLBACK", NULL, NULL))
      base->broken = true;
    if (!conn->ended) conn->until_ns = 0;
  }
  base->in_transaction = false;
}

static shunt_status commit_now(pg_conn *conn, shunt_error *err) {
  PGresult *result = NULL;
  shunt_status status = pg_check_time(conn, err);
  if (!status) {
    status = pg_exec(conn, "COMMIT", &result, err);
    if (!pg_is_answer(result)) conn->base.outcome = SHUNT_UNKNOWN;
  }
  /* the server's answer to COMMIT in a failed transaction */
  if (!status && strcmp(PQcmdStatus(result), "ROLLBACK") == 0)
    status =
        driver_refuse(&conn->base, SHUNT_E_TRANSACTION,
                      "a statement of this transaction failed, and so the database has rolled all of it back", err);
  PQclear(result);
  return status;
}

static shunt_status commit(driver_conn *base, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_drop_sent(conn);
  base->outcome = SHUNT_NOT_DONE;
  if (!base->in_transaction)
    return driver_refuse(&conn->base, SHUNT_E_TRANSACTION, "there is no transaction to commit", err);
  shunt_status status =
      PQtransactionStatus(conn->pg) == PQTRANS_IDLE
          ? driver_refuse(&conn->base, SHUNT_E_TRANSACTION, "the database has ended this transaction", err)
          : commit_now(conn, err);
  rollback(base); /* no-op after a commit */
  return status;
}

/* Behind a pooler, only a transaction has the session variables, by which names are found. */
static shunt_status describe(driver_conn *base, const char *schema, const char *table, driver_table **out,
                             shunt_error *err) {
  if (base->in_transaction || !pg_of(base)->front.size) return pg_describe(base, schema, table, out, err);
  shunt_status status = begin(base, NULL, true, err);
  if (!status) status = pg_describe(base, schema, table, out, err);
  rollback(base);
  return status;
}

static const driver_queue queue = {
    .identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .now_ms = "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)",
    .bytes = {"octet_length(", ")"},
    .locked = " FOR UPDATE SKIP LOCKED",
    /* CREATE TABLE IF NOT EXISTS fails if two connections run it at the same time */
    .ddl_lock = "SELECT pg_advisory_xact_lock(hashtext('shunt_jobs'))",
    .renumber = "SELECT setval(pg_get_serial_sequence('shunt_jobs', 'id'), "
                "nextval(pg_get_serial_sequence('shunt_jobs_1', 'id')), false)",
    .notify = "pg_notify",
    .parallel = true,
};

static void key_table(buf *sql, size_t parts, size_t longest) {
  (void)parts, (void)longest;
  buf_puts(sql, "(SELECT CAST(v ->> 0 AS pg_catalog.int4), v FROM pg_catalog.json_array_elements(CAST(? AS "
                "pg_catalog.json)) AS list(v)) AS shunt_keys(shunt_key_number, shunt_key)");
}

static const char *const features[] = {"pg-timeouts", NULL};

const driver_engine driver_pg = {
    .name = "pg",
    .features = features,
    .max_params = PG_MOST_PARAMS,
    .bulk_params = BULK_PARAMS,
    .lex = &pg_dialect,
    .quote = '"',
    .returning = true,
    .returning_ordered = true,
    .meets_once = true,
    .schemas = true,
    .nulls_last = true,
    .like = " ILIKE ",
    .typed_case = true,
    .comments = true,
    .typed = true,
    .text_type = "text",
    .number_type = "numeric",
    .scaled_type = "numeric(1000, %d)",
    .aborts = true,
    .queue = &queue,
    .two_phase = &pg_two_phase,
    .database = "SELECT pg_catalog.current_database() || '.' || pg_catalog.current_schema()",
    .plain_table = "",
    .row_locks = true,
    .lock_limit = "SET LOCAL lock_timeout = %lld",
    .key_table = key_table,
    .key_part = "shunt_key ->> (%zu + 1)",
    .is_full = pg_is_full,
    .open = open_conn,
    .close = close_conn,
    .leave = leave,
    .alive = alive,
    .by_hand = pg_by_hand,
    .reset = pg_reset,
    .send = pg_send,
    .start = pg_start,
    .receive = pg_receive,
    .fetch = pg_fetch,
    .fetch_end = pg_fetch_end,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .variables_sql = pg_variables_sql,
    .variables_set = pg_variables_set,
    .reads_begin = reads_begin,
    .reads_end = reads_end,
    .describe = describe,
    .load_begin = pg_load_begin,
    .load_row = pg_load_row,
    .load_end = pg_load_end,
    .listen = pg_listen,
    .hear = pg_hear,
};
