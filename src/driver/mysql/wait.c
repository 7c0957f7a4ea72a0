/* The library's calls, with the connection's deadline. Only the files wait*.c and connect_*.c wait.
 * Not there: a deadline for the look-up of a host name and, inside MariaDB's library, for the attempt at its second
 * address after the first has failed. */
#include "driver/mysql/wait.h"

/* The call before may have succeeded though its time had run out: then this is the first failure that says so. */
static shunt_status no_time(mysql_conn *conn, shunt_error *err) {
  const bool lost = conn->until_ns && conn->base.in_transaction, told = lost && conn->late;
  conn->late = lost;
  if (told)
    return mysqldb_refuse(conn, SHUNT_E_TRANSACTION,
                          "an earlier statement of this transaction ran out of time and was cancelled, and so all of "
                          "it is rolled back",
                          NULL, err);
  return mysqldb_refuse(conn, SHUNT_E_TIMEOUT,
                        lost ? "timed out before it was sent: it was not done, and its transaction is rolled back"
                             : "timed out before it was sent: it was not done",
                        NULL, err);
}

shunt_status mysqldb_check_time(mysql_conn *conn, shunt_error *err) {
  if (conn->until_ns || !mysqldb_in_time(conn)) return no_time(conn, err);
  if ((conn->base.deadline_ns || !conn->open) && !mysqldb_can_wait())
    return mysqldb_refuse(conn, SHUNT_E_DATASOURCE, "the system gives no thread that keeps to the timeout", NULL, err);
  return SHUNT_OK;
}

/* ---- the library's calls ---- */

int mysqldb_stmt_prepare(mysql_conn *conn, MYSQL_STMT *stmt, const char *sql, size_t size) {
  int rc;
  mysqldb_limit_bytes(conn, CALL_GATHERS);
  CALL(conn, rc, mysql_stmt_prepare, stmt, stmt, sql, size);
  return rc;
}

int mysqldb_stmt_fetch(mysql_conn *conn, MYSQL_STMT *stmt) {
  int rc;
  mysqldb_limit_bytes(conn, CALL_KEEPS_ONE);
  CALL(conn, rc, mysql_stmt_fetch, stmt, stmt);
  return rc;
}

int mysqldb_stmt_next_result(mysql_conn *conn, MYSQL_STMT *stmt) {
  int rc;
  mysqldb_limit_bytes(conn, CALL_GATHERS);
  CALL(conn, rc, mysql_stmt_next_result, stmt, stmt);
  return rc;
}

mysql_flag mysqldb_stmt_free_result(mysql_conn *conn, MYSQL_STMT *stmt) {
  mysql_flag failed;
  mysqldb_limit_bytes(conn, CALL_DROPS);
  CALL(conn, failed, mysql_stmt_free_result, stmt, stmt);
  return failed;
}

int mysqldb_real_query(mysql_conn *conn, const char *sql, size_t size) {
  int rc;
  mysqldb_limit_bytes(conn, CALL_GATHERS);
  CALL(conn, rc, mysql_real_query, conn->db, conn->db, sql, size);
  return rc;
}

bool mysqldb_reset_connection(mysql_conn *conn) {
  int failed;
  mysqldb_limit_bytes(conn, CALL_GATHERS);
  CALL(conn, failed, mysql_reset_connection, conn->db, conn->db);
  return !failed;
}

MYSQL_ROW mysqldb_fetch_row(mysql_conn *conn, MYSQL_RES *result) {
  MYSQL_ROW row;
  mysqldb_limit_bytes(conn, CALL_KEEPS_ONE);
  CALL(conn, row, mysql_fetch_row, result, result);
  return row;
}

void mysqldb_drop_result(mysql_conn *conn, MYSQL_RES *result) {
  MYSQL_ROW row = NULL;
  if (!result) return;
  if (conn->base.broken) mysqldb_hang_up(conn); /* mysql_free_result would read the rows, too */
  mysqldb_limit_bytes(conn, CALL_DROPS);
  do CALL(conn, row, mysql_fetch_row, result, result);
  while (row);
  mysql_free_result(result);
}
