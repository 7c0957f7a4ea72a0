#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/mysql/conn.h"
#include "driver/socket.h"

enum {
  MAX_PARAMS = 65535,
  NO_SUCH_VARIABLE = 1193,
  RETURNING_SINCE = 100500, /* MariaDB 10.5.0 */
  BULK_PARAMS = 2500,       /* with more the server is slower, and the statement is not kept for the next rows */
  MAX_BYTES = 2 << 20       /* half of the least max_allowed_packet that servers come with */
};

/* What is written here is what is kept, or an error: nothing is cut, or made to fit. A TIMESTAMP is in UTC. */
#define SETUP                                                                                                          \
  "SET NAMES utf8mb4, autocommit = 1, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,"        \
  "NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"                                    \
  "NO_AUTO_VALUE_ON_ZERO,ONLY_FULL_GROUP_BY'"

/* ---- opening ---- */

/* MariaDB hides its version behind MySQL's 5.5.5 from clients that are old. */
static void look_at_server(mysql_conn *conn) {
  conn->mariadb = strstr(mysql_get_server_info(conn->db), "MariaDB") != NULL;
  conn->returning = conn->mariadb && mysql_get_server_version(conn->db) >= RETURNING_SINCE;
}

static void close_conn(driver_conn *base) {
  if (!base) return;
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  mysqldb_disconnect(conn); /* first: then nobody tells the server of each statement that ends */
  mysqldb_forget_all(conn);
  base_free(conn->binds);
  base_free(conn);
}

/* The server says with each answer whether a statement, or what it called, left something on the connection: variables,
 * temporary tables, prepared statements. Other servers that speak its protocol may not know how to. */
static shunt_status set_up(mysql_conn *conn, shunt_error *err) {
  shunt_status status = mysqldb_control(conn, SETUP ", session_track_state_change = 1", err);
  if (status && mysql_errno(conn->db) == NO_SUCH_VARIABLE) status = mysqldb_control(conn, SETUP, err);
  return status;
}

static shunt_status open_conn(const cat_client *client, int64_t deadline_ns, driver_conn **out, shunt_error *err) {
  mysql_conn *conn = base_zalloc(sizeof *conn);
  if (!conn) return error_memory(err);
  conn->base.deadline_ns = deadline_ns;
  conn->base.engine = &driver_mysql;
  conn->base.client = client;
  shunt_status status = mysqldb_check_time(conn, err);
  if (!status) status = mysqldb_connect(conn, err);
  if (!status) status = set_up(conn, err);
  if (status) {
    error_client(err, client->name);
    close_conn(&conn->base);
    return status;
  }
  look_at_server(conn);
  conn->open = true;
  *out = &conn->base;
  return SHUNT_OK;
}

/* A server says nothing unasked but that it ends the connection. */
static bool alive(driver_conn *base) { return socket_is_quiet((int)mysql_of(base)->db->net.fd); }

/* ---- transactions ---- */

static shunt_status begin(driver_conn *base, const char *isolation, bool read_only, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  char level[80];
  mysqldb_drop_sent(conn);
  shunt_status status = driver_check_begin(base, isolation, err);
  if (!status) status = mysqldb_check_time(conn, err);
  if (status) return status;
  snprintf(level, sizeof level, "SET TRANSACTION ISOLATION LEVEL %s", isolation ? isolation : "");
  if (isolation) status = mysqldb_control(conn, level, err);
  if (!status) status = mysqldb_control(conn, read_only ? "START TRANSACTION READ ONLY" : "START TRANSACTION", err);
  if (status) {
    base->broken = true; /* its next transaction might have the isolation of this one */
    return status;
  }
  base->in_transaction = true;
  conn->lost[0] = 0;
  return SHUNT_OK;
}

/* What was cancelled is rolled back by the end of its connection. */
static void rollback(driver_conn *base) {
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  if (base->in_transaction && !base->broken) mysqldb_tidy(conn, "ROLLBACK");
  base->in_transaction = false;
  conn->lost[0] = 0;
}

static shunt_status commit_now(mysql_conn *conn, shunt_error *err) {
  if (conn->lost[0]) {
    error_set(err, SHUNT_E_TRANSACTION, "client '%s': the database has ended this transaction: %s",
              conn->base.client->name, conn->lost);
    error_client(err, conn->base.client->name);
    return SHUNT_E_TRANSACTION;
  }
  shunt_status status = mysqldb_check_time(conn, err);
  return status ? status : mysqldb_control(conn, "COMMIT", err);
}

static shunt_status commit(driver_conn *base, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  if (!base->in_transaction) return driver_refuse(base, SHUNT_E_TRANSACTION, "there is no transaction to commit", err);
  base->in_transaction = false; /* what became of it only the answer tells */
  shunt_status status = commit_now(conn, err);
  base->in_transaction = status != SHUNT_OK;
  rollback(base);
  return status;
}

const driver_engine driver_mysql = {
    .name = "mysql",
    .max_params = MAX_PARAMS,
    .bulk_params = BULK_PARAMS,
    .lex = &mysql_dialect,
    .quote = '`',
    .returning = false, /* the server says, with each table */
    .empty_list = true,
    .max_bytes = MAX_BYTES,
    .decimal_type = "DECIMAL(65, 30)",
    .like = " LIKE REPLACE(",
    .like_end = ", '\\\\', '\\\\\\\\')", /* a backslash would quote what follows it */
    .text_type = "CHAR",
    .open = open_conn,
    .close = close_conn,
    .alive = alive,
    .send = mysqldb_send,
    .start = mysqldb_start,
    .receive = mysqldb_receive,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .describe = mysqldb_describe,
};
