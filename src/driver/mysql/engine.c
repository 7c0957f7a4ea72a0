#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/mysql/conn.h"
#include "driver/mysql/wait.h"
#include "driver/socket.h"

enum {
  MAX_PARAMS = 65535,
  MOST_DIGITS = 65, /* of a DECIMAL */
  MOST_SCALE = 30,
  RETURNING_SINCE = 100500, /* MariaDB 10.5.0 */
  JSON_TABLE_SINCE = 80004, /* MySQL 8.0.4 */
  MARIADB_JSON_TABLE_SINCE = 100600,
  BULK_PARAMS = 2500, /* with more the server is slower, and the statement is too long for the cache */
  MAX_BYTES = 2 << 20 /* half of the smallest default of max_allowed_packet */
};

static const int64_t CANCEL_NS = 1000000000;

/* ---- opening ---- */

/* MariaDB's version string may begin with 5.5.5-, for old clients. */
static void look_at_server(mysql_conn *conn) {
  conn->mariadb = strstr(mysql_get_server_info(conn->db), "MariaDB") != NULL;
  conn->returning = conn->mariadb && mysql_get_server_version(conn->db) >= RETURNING_SINCE;
  conn->json_table =
      mysql_get_server_version(conn->db) >= (conn->mariadb ? MARIADB_JSON_TABLE_SINCE : JSON_TABLE_SINCE);
}

static void close_conn(driver_conn *base) {
  if (!base) return;
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  mysqldb_disconnect(conn); /* first: otherwise each statement sends a message when it is closed */
  mysqldb_forget_all(conn);
  driver_forget_variables(base);
  base_free(conn->binds);
  base_free(conn->home);
  base_free(conn);
}

static void leave(driver_conn *base, int nowhere) {
  const mysql_conn *conn = mysql_of(base);
#ifdef MARIADB_BASE_VERSION
  socket_leave(socket_of(conn), nowhere);
#else
  if (conn->db->net.vio) socket_leave((int)conn->db->net.fd, nowhere);
  if (conn->has_socket) socket_leave(socket_of(conn), nowhere);
#endif
}

/* Cancels over a connection made like the client's others, so that it reaches the same server. That connection has
 * CANCEL_NS for it. */
static bool cancel(const mysql_conn *conn, unsigned long id) {
  char sql[64];
  mysql_conn other = {.base = {.engine = conn->base.engine, .client = conn->base.client}};
  other.base.deadline_ns = clock_monotonic_ns() + CANCEL_NS;
  int size = snprintf(sql, sizeof sql, "KILL QUERY %lu", id);
  bool done = mysqldb_connect(&other, NULL) == SHUNT_OK && mysqldb_real_query(&other, sql, (size_t)size) == 0;
  mysqldb_disconnect(&other);
  return done;
}

static shunt_status open_conn(const cat_client *client, int64_t deadline_ns, driver_conn **out, shunt_error *err) {
  mysql_conn *conn = base_zalloc(sizeof *conn);
  if (!conn) return error_memory(err);
  conn->base.deadline_ns = deadline_ns;
  conn->base.engine = &driver_mysql;
  conn->base.client = client;
  shunt_status status = mysqldb_check_time(conn, err);
  if (!status) status = mysqldb_connect(conn, err);
  if (!status) status = mysqldb_set_up(conn, err);
  if (!status) status = mysqldb_look(conn, &conn->home, &conn->most_bytes, err);
  if (status) {
    error_client(err, client->name);
    close_conn(&conn->base);
    return status;
  }
  look_at_server(conn);
  conn->cancel = cancel;
  conn->open = true;
  *out = &conn->base;
  return SHUNT_OK;
}

/* The only unasked message is that the server closes the connection. */
static bool alive(driver_conn *base) { return socket_is_quiet((int)mysql_of(base)->db->net.fd); }

/* ---- transactions ---- */

static shunt_status begin(driver_conn *base, const char *isolation, bool read_only, shunt_error *err) {
  const char *start = read_only ? "START TRANSACTION READ ONLY" : "START TRANSACTION";
  shunt_status status = mysqldb_begin(base, isolation, start, err);
  if (!status) base->read_only = read_only;
  return status;
}

static shunt_status reads_begin(driver_conn *base, shunt_error *err) {
  return driver_refuse(base, SHUNT_E_TRANSACTION,
                       "MySQL keeps a statement from writing only in a read-only transaction: begin this one with "
                       "read_only, or read outside of it",
                       err);
}

/* After a cancellation nothing is sent: closing the connection rolls back. */
static void rollback(driver_conn *base) {
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  if (base->in_transaction && !base->broken) {
    if (conn->xa[0])
      mysqldb_xa_rollback(conn);
    else
      mysqldb_tidy(conn, "ROLLBACK");
  }
  base->in_transaction = false;
  conn->lost[0] = conn->xa[0] = 0;
}

static shunt_status commit_now(mysql_conn *conn, shunt_error *err) {
  if (conn->lost[0]) {
    error_set(err, SHUNT_E_TRANSACTION, "client '%s': the database has ended this transaction: %s",
              conn->base.client->name, conn->lost);
    error_client(err, conn->base.client->name);
    return SHUNT_E_TRANSACTION;
  }
  shunt_status status = mysqldb_check_time(conn, err);
  if (status) return status;
  conn->base.in_transaction = false; /* only the answer says whether it was committed */
  if (conn->xa[0]) return mysqldb_xa_commit(conn, err);
  status = mysqldb_control(conn, "COMMIT", err);
  if (status) mysqldb_note_outcome(conn, NULL);
  return status;
}

static shunt_status commit(driver_conn *base, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  base->outcome = SHUNT_NOT_DONE;
  if (!base->in_transaction) return driver_refuse(base, SHUNT_E_TRANSACTION, "there is no transaction to commit", err);
  shunt_status status = commit_now(conn, err);
  base->in_transaction = status != SHUNT_OK;
  rollback(base);
  return status;
}

/* Room for the longest part, in steps, so that few texts of statements differ. Beyond LONGEST_VARCHAR the server keeps
 * the table on disk. */
static void add_text_type(buf *sql, size_t longest) {
  enum { LEAST = 32, LONGEST_VARCHAR = 2048 };
  size_t room = LEAST;
  while (room < longest && room < LONGEST_VARCHAR) room *= 2;
  if (longest > LONGEST_VARCHAR)
    buf_puts(sql, "LONGTEXT");
  else
    buf_printf(sql, "VARCHAR(%zu)", room);
}

static void key_table(buf *sql, size_t parts, size_t longest) {
  buf_puts(sql, "JSON_TABLE(?, '$[*]' COLUMNS (shunt_key_number INT PATH '$[0]'");
  for (size_t i = 0; i < parts; i++) {
    buf_printf(sql, ", shunt_key_%zu ", i);
    add_text_type(sql, longest);
    buf_printf(sql, " CHARACTER SET utf8mb4 PATH '$[%zu]'", i + 1);
  }
  buf_puts(sql, ")) AS shunt_keys");
}

static const char *const features[] = {"mysql-timeouts",
#ifdef MARIADB_BASE_VERSION
                                       "mysql-mariadb-client",
#endif
                                       NULL};

const driver_engine driver_mysql = {
    .name = "mysql",
    .features = features,
    .max_params = MAX_PARAMS,
    .bulk_params = BULK_PARAMS,
    .lex = &mysql_dialect,
    .quote = '`',
    .returning = false, /* depends on the server: see driver_table */
    .empty_list = true,
    .schemas = true,
    .returning_ordered = true,
    .is_duplicate = mysqldb_is_duplicate,
    .max_bytes = MAX_BYTES,
    .decimal_type = "DECIMAL(65, %d)",
    .decimal_most = MOST_DIGITS,
    .decimal_scale = MOST_SCALE,
    .scaled_type = "DECIMAL(65, %d)",
    .single_type = "FLOAT",
    .mean_type = "DECIMAL(65, 20)",
    .like = " LIKE ",
    .text_type = "CHAR",
    .comments = true,
    .row_locks = true,
    .two_phase = &mysqldb_two_phase,
    .database = "SELECT DATABASE()",
    .plain_table = " ENGINE = InnoDB",
    .key_table = key_table,
    .key_part = "shunt_key_%zu",
    .is_full = mysqldb_is_full,
    .open = open_conn,
    .close = close_conn,
    .leave = leave,
    .alive = alive,
    .by_hand = mysqldb_by_hand,
    .reset = mysqldb_reset,
    .send = mysqldb_send,
    .start = mysqldb_start,
    .receive = mysqldb_receive,
    .fetch = mysqldb_fetch,
    .fetch_end = mysqldb_fetch_end,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .reads_begin = reads_begin,
    .describe = mysqldb_describe,
    .variables_sql = mysqldb_variables_sql,
    .variables_set = mysqldb_variables_set,
};
