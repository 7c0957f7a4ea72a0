/* Waiting with MariaDB's client library: each call can be suspended when it waits for the socket, and continued. */
#define _GNU_SOURCE /* for RTLD_DEFAULT */
#include "driver/mysql/wait.h"

#ifdef MARIADB_BASE_VERSION

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "driver/socket.h"

bool mysqldb_can_wait(void) { return true; }

/* OpenSSL has one error queue per thread, which the library does not clear. An error left by another connection would
 * be taken for one of this connection. */
static pthread_once_t looked = PTHREAD_ONCE_INIT;
static void (*openssl_clear)(void);

static void look_for_openssl(void) {
  void *found = dlsym(RTLD_DEFAULT, "ERR_clear_error"); /* NULL: the library uses another TLS library */
  memcpy(&openssl_clear, &found, sizeof openssl_clear);
}

void mysqldb_forget_errors(const mysql_conn *conn) {
  if (!conn->encrypted) return;
  pthread_once(&looked, look_for_openssl);
  if (openssl_clear) openssl_clear();
}

/* The client's own timeouts. With TLS the library does not report them. */
static int64_t own_limit_ns(const mysql_conn *conn, int waits) {
  unsigned s = 0;
  if (waits & MYSQL_WAIT_TIMEOUT) return clock_monotonic_ns() + mysql_get_timeout_value_ms(conn->db) * NS_PER_MS;
  mysql_get_optionv(conn->db, waits & MYSQL_WAIT_READ ? MYSQL_OPT_READ_TIMEOUT : MYSQL_OPT_WRITE_TIMEOUT, &s);
  return s ? clock_monotonic_ns() + s * NS_PER_S : 0;
}

static bool is_ready(mysql_conn *conn, int waits) {
  int fd = socket_of(conn);
  short events = (short)((waits & MYSQL_WAIT_READ ? POLLIN : 0) | (waits & MYSQL_WAIT_WRITE ? POLLOUT : 0));
  int64_t own_ns = own_limit_ns(conn, waits);
  for (;;) {
    int64_t until_ns = limit_ns(conn);
    bool own = own_ns && (!until_ns || own_ns < until_ns);
    if (socket_wait(fd, events, own ? own_ns : until_ns)) return true;
    if (own) mysqldb_hang_up(conn);
    if (own || !mysqldb_more_time(conn)) return false;
  }
}

int mysqldb_await(mysql_conn *conn, int waits) {
  bool ready = is_ready(conn, waits);
  mysqldb_forget_errors(conn);
  if (!ready) errno = ETIMEDOUT; /* for the library's message */
  return ready ? waits & ~MYSQL_WAIT_TIMEOUT : MYSQL_WAIT_TIMEOUT;
}

/* ---- starting ---- */

static void go_on(mysql_conn *conn, const mysql_statement *s, int events) {
  mysqldb_hold_signal(conn);
  conn->waits = s->stmt ? mysql_stmt_execute_cont(&conn->returned, s->stmt, events)
                        : mysql_real_query_cont(&conn->returned, conn->db, events);
  mysqldb_release_signal(conn);
}

int mysqldb_start(driver_conn *base) {
  mysql_conn *conn = mysql_of(base);
  const mysql_statement *s = conn->sent;
  if (!s || conn->started || !mysqldb_in_time(conn)) return -1; /* receive reports why */
  mysqldb_forget_errors(conn);
  mysqldb_limit_bytes(conn, CALL_GATHERS);
  conn->started = true;
  mysqldb_hold_signal(conn);
  conn->waits = s->stmt ? mysql_stmt_execute_start(&conn->returned, s->stmt)
                        : mysql_real_query_start(&conn->returned, conn->db, s->sql, s->entry.size);
  mysqldb_release_signal(conn);
  while (conn->waits & MYSQL_WAIT_WRITE) go_on(conn, s, mysqldb_await(conn, conn->waits));
  return conn->waits ? socket_of(conn) : -1;
}

int mysqldb_execute(mysql_conn *conn, const mysql_statement *s) {
  if (!conn->started) return run_now(conn, s);
  while (conn->waits) go_on(conn, s, mysqldb_await(conn, conn->waits));
  conn->started = false;
  return conn->returned;
}

void mysqldb_give_up_started(mysql_conn *conn) {
  if (!conn->started) return;
  mysqldb_hang_up(conn);
  while (conn->waits) go_on(conn, conn->sent, MYSQL_WAIT_TIMEOUT);
  conn->started = false;
}

#endif
