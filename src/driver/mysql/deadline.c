/* The connection's deadline, and what follows when it has passed: the statement is cancelled and gets a grace to end;
 * after that, the connection is abandoned. */
#include <sys/socket.h>

#include "driver/mysql/wait.h"

/* Reads the clock only if there is a deadline. */
bool mysqldb_in_time(mysql_conn *conn) {
  if (!conn->base.deadline_ns) return true;
  conn->asked_ns = clock_monotonic_ns();
  return conn->asked_ns < conn->base.deadline_ns;
}

void mysqldb_allow_little(mysql_conn *conn) {
  if (!conn->base.deadline_ns) return;
  int64_t little_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
  conn->until_ns = little_ns > conn->base.deadline_ns ? little_ns : conn->base.deadline_ns;
}

void mysqldb_hang_up(mysql_conn *conn) {
  conn->base.broken = true;
  shutdown(socket_of(conn), SHUT_RDWR);
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
  if (conn->cancel(conn, mysql_thread_id(conn->db))) conn->until_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
  return true;
}
