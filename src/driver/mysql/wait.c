/* Deadlines, and the library's calls that keep them. Only the files wait*.c wait.
 * Not there: a deadline for two steps inside the library, the look-up of a host name and the attempt at its second
 * address after the first has failed. */
#include "driver/mysql/wait.h"

#include <stdio.h>
#include <string.h>

static const int64_t CANCEL_NS = 1000000000;

/* ---- deadlines ---- */

long long mysqldb_time_ms(const mysql_conn *conn) {
  return (conn->base.deadline_ns - conn->asked_ns + NS_PER_MS - 1) / NS_PER_MS;
}

/* Reads the clock only if there is a deadline. */
bool mysqldb_in_time(mysql_conn *conn) {
  if (!conn->base.deadline_ns) return true;
  conn->asked_ns = clock_monotonic_ns();
  return conn->asked_ns < conn->base.deadline_ns;
}

shunt_status mysqldb_check_time(mysql_conn *conn, shunt_error *err) {
  if (conn->until_ns)
    return mysqldb_refuse(conn, SHUNT_E_TRANSACTION,
                          "an earlier statement of this transaction ran out of time and was cancelled, and so all of "
                          "it is rolled back",
                          NULL, err);
  if (!mysqldb_in_time(conn))
    return mysqldb_refuse(conn, SHUNT_E_TIMEOUT, "timed out before it was sent: it was not done", NULL, err);
  if (conn->base.deadline_ns && !mysqldb_can_wait())
    return mysqldb_refuse(conn, SHUNT_E_DATASOURCE, "the system gives no thread that keeps to the timeout", NULL, err);
  return SHUNT_OK;
}

void mysqldb_allow_little(mysql_conn *conn) {
  if (!conn->base.deadline_ns) return;
  int64_t little_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
  conn->until_ns = little_ns > conn->base.deadline_ns ? little_ns : conn->base.deadline_ns;
}

bool mysqldb_cancel(const cat_client *client, unsigned long id) {
  char sql[64];
  mysql_conn other = {.base = {.engine = &driver_mysql, .client = client}};
  other.base.deadline_ns = clock_monotonic_ns() + CANCEL_NS;
  int size = snprintf(sql, sizeof sql, "KILL QUERY %lu", id);
  bool done = mysqldb_connect(&other, NULL) == SHUNT_OK && mysqldb_real_query(&other, sql, (size_t)size) == 0;
  mysqldb_disconnect(&other);
  return done;
}

bool mysqldb_more_time(mysql_conn *conn) {
  int64_t now_ns = limit_ns(conn) ? clock_monotonic_ns() : 0;
  if (!now_ns || now_ns < limit_ns(conn)) return true;
  conn->base.broken = true;
  if (!conn->open || conn->until_ns) {
    conn->until_ns = now_ns;
    mysqldb_hang_up(conn);
    return false;
  }
  conn->until_ns = now_ns + CANCEL_GRACE_NS;
  if (mysqldb_cancel(conn->base.client, mysql_thread_id(conn->db)))
    conn->until_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
  return true;
}

/* ---- the library's calls ---- */

int mysqldb_stmt_prepare(mysql_conn *conn, MYSQL_STMT *stmt, const char *sql, size_t size) {
  int rc;
  CALL(conn, rc, mysql_stmt_prepare, stmt, stmt, sql, size);
  return rc;
}

int mysqldb_stmt_fetch(mysql_conn *conn, MYSQL_STMT *stmt) {
  int rc;
  CALL(conn, rc, mysql_stmt_fetch, stmt, stmt);
  return rc;
}

int mysqldb_stmt_next_result(mysql_conn *conn, MYSQL_STMT *stmt) {
  int rc;
  CALL(conn, rc, mysql_stmt_next_result, stmt, stmt);
  return rc;
}

mysql_flag mysqldb_stmt_free_result(mysql_conn *conn, MYSQL_STMT *stmt) {
  mysql_flag failed;
  CALL(conn, failed, mysql_stmt_free_result, stmt, stmt);
  return failed;
}

int mysqldb_real_query(mysql_conn *conn, const char *sql, size_t size) {
  int rc;
  CALL(conn, rc, mysql_real_query, conn->db, conn->db, sql, size);
  return rc;
}

MYSQL_RES *mysqldb_store_result(mysql_conn *conn) {
  MYSQL_RES *result;
  CALL(conn, result, mysql_store_result, conn->db, conn->db);
  return result;
}

int mysqldb_run(mysql_conn *conn, const mysql_statement *s) {
  int rc;
  if (!s->stmt) return mysqldb_real_query(conn, s->sql, s->entry.size);
  CALL(conn, rc, mysql_stmt_execute, s->stmt, s->stmt);
  return rc;
}
