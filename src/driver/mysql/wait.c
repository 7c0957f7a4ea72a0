/* Waiting for the server, with the connection's deadline. Only this file waits.
 * Not there: a deadline for two steps inside the library, the look-up of a host name and the attempt at its second
 * address after the first has failed. */
#define _GNU_SOURCE /* for RTLD_DEFAULT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "driver/mysql/conn.h"
#include "driver/socket.h"

static const int64_t GRACE_NS = 1000000000;

/* ---- deadlines ---- */

long long mysqldb_time_ms(const mysql_conn *conn) {
  return (conn->base.deadline_ns - conn->asked_ns + NS_PER_MS - 1) / NS_PER_MS;
}

/* Reads the clock only if there is a deadline. */
static bool in_time(mysql_conn *conn) {
  if (!conn->base.deadline_ns) return true;
  conn->asked_ns = clock_monotonic_ns();
  return conn->asked_ns < conn->base.deadline_ns;
}

shunt_status mysqldb_check_time(mysql_conn *conn, shunt_error *err) {
#ifndef MARIADB_BASE_VERSION
  if (conn->base.deadline_ns)
    return mysqldb_refuse(conn, SHUNT_E_USAGE,
                          "MySQL's own client library, which this shunt was built with, can't keep to a timeout: use "
                          "none, or build it with MariaDB's",
                          NULL, err);
#endif
  if (conn->until_ns)
    return mysqldb_refuse(conn, SHUNT_E_TRANSACTION,
                          "an earlier statement of this transaction ran out of time and was cancelled, and so all of "
                          "it is rolled back",
                          NULL, err);
  if (in_time(conn)) return SHUNT_OK;
  return mysqldb_refuse(conn, SHUNT_E_TIMEOUT, "timed out before it was sent: it was not done", NULL, err);
}

void mysqldb_allow_little(mysql_conn *conn) {
  if (!conn->base.deadline_ns) return;
  int64_t little_ns = clock_monotonic_ns() + GRACE_NS;
  conn->until_ns = little_ns > conn->base.deadline_ns ? little_ns : conn->base.deadline_ns;
}

/* ---- waiting ---- */

#ifdef MARIADB_BASE_VERSION

static const int64_t CANCEL_NS = 1000000000;
enum { STACK_BYTES = 256 << 10 };

static int64_t limit_ns(const mysql_conn *conn) { return conn->until_ns ? conn->until_ns : conn->base.deadline_ns; }

/* KILL QUERY over a new connection with the client's own options, so that it reaches the same server. */
static bool cancel(const mysql_conn *conn) {
  char sql[64];
  mysql_conn other = {.base = {.engine = conn->base.engine, .client = conn->base.client}};
  other.base.deadline_ns = clock_monotonic_ns() + CANCEL_NS;
  int size = snprintf(sql, sizeof sql, "KILL QUERY %lu", mysql_thread_id(conn->db));
  bool done = mysqldb_connect(&other, NULL) == SHUNT_OK && mysqldb_real_query(&other, sql, (size_t)size) == 0;
  if (other.db) mysql_close(other.db);
  return done;
}

/* Shuts the socket down, which ends any wait of the library. */
static void hang_up(mysql_conn *conn) {
  conn->base.broken = true;
  shutdown((int)mysql_get_socket(conn->db), SHUT_RDWR);
}

bool mysqldb_more_time(mysql_conn *conn) {
  int64_t now_ns = limit_ns(conn) ? clock_monotonic_ns() : 0;
  if (!now_ns || now_ns < limit_ns(conn)) return true;
  conn->base.broken = true;
  if (!conn->open || conn->until_ns) {
    conn->until_ns = now_ns;
    hang_up(conn);
    return false;
  }
  conn->until_ns = now_ns + GRACE_NS;
  if (cancel(conn)) conn->until_ns = clock_monotonic_ns() + GRACE_NS;
  return true;
}

/* OpenSSL has one error queue per thread, which the library does not clear. An error left by another connection would
 * be taken for one of this connection. */
static pthread_once_t looked = PTHREAD_ONCE_INIT;
static void (*openssl_clear)(void);

static void look_for_openssl(void) {
  void *found = dlsym(RTLD_DEFAULT, "ERR_clear_error"); /* NULL where the library encrypts with something else */
  memcpy(&openssl_clear, &found, sizeof openssl_clear);
}

static void forget_errors(const mysql_conn *conn) {
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
  int fd = (int)mysql_get_socket(conn->db);
  short events = (short)((waits & MYSQL_WAIT_READ ? POLLIN : 0) | (waits & MYSQL_WAIT_WRITE ? POLLOUT : 0));
  int64_t own_ns = own_limit_ns(conn, waits);
  for (;;) {
    int64_t until_ns = limit_ns(conn);
    bool own = own_ns && (!until_ns || own_ns < until_ns);
    if (socket_wait(fd, events, own ? own_ns : until_ns)) return true;
    if (own) hang_up(conn);
    if (own || !mysqldb_more_time(conn)) return false;
  }
}

/* Waits for the events that a call needs; returns those that happened, for the call. */
static int await(mysql_conn *conn, int waits) {
  bool ready = is_ready(conn, waits);
  forget_errors(conn);
  if (!ready) errno = ETIMEDOUT; /* for the library's message */
  return ready ? waits & ~MYSQL_WAIT_TIMEOUT : MYSQL_WAIT_TIMEOUT;
}

/* Without a deadline the blocking call is used: it is the fastest. */
#define CALL(conn, result, name, handle, ...)                                                                          \
  do {                                                                                                                 \
    if (!limit_ns(conn) && !(conn)->encrypted) {                                                                       \
      (result) = name(__VA_ARGS__);                                                                                    \
    } else {                                                                                                           \
      forget_errors(conn);                                                                                             \
      int waits = name##_start(&(result), __VA_ARGS__);                                                                \
      while (waits) waits = name##_cont(&(result), handle, await(conn, waits));                                        \
    }                                                                                                                  \
  } while (0)

/* Looking up a host name may need more stack than the library's default. */
static bool can_wait(mysql_conn *conn) {
  const size_t stack_bytes = STACK_BYTES;
  return mysql_options(conn->db, MYSQL_OPT_NONBLOCK, &stack_bytes) == 0;
}

/* TLS reads the socket by itself, and would block there. */
static bool wont_block(mysql_conn *conn) {
  int fd = (int)mysql_get_socket(conn->db);
  conn->encrypted = mysql_get_ssl_cipher(conn->db) != NULL;
  return !conn->encrypted || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

/* Never the blocking call: it retries for ever if the backlog of a stopped server's socket is full. */
bool mysqldb_real_connect(mysql_conn *conn, const char *host, const char *user, const char *password,
                          const char *database, unsigned port, const char *socket, unsigned long flags) {
  MYSQL *connected = NULL;
  if (!can_wait(conn)) return false;
  int waits = mysql_real_connect_start(&connected, conn->db, host, user, password, database, port, socket, flags);
  while (waits) waits = mysql_real_connect_cont(&connected, conn->db, await(conn, waits));
  return connected && wont_block(conn);
}

#else

#define CALL(conn, result, name, handle, ...) ((void)(conn), (void)(handle), (result) = name(__VA_ARGS__))

bool mysqldb_more_time(mysql_conn *conn) {
  (void)conn; /* no deadlines with this library */
  return true;
}

bool mysqldb_real_connect(mysql_conn *conn, const char *host, const char *user, const char *password,
                          const char *database, unsigned port, const char *socket, unsigned long flags) {
  return mysql_real_connect(conn->db, host, user, password, database, port, socket, flags) != NULL;
}

#endif

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

/* ---- starting ---- */

static int execute(mysql_conn *conn, const mysql_statement *s) {
  int rc;
  if (!s->stmt) return mysqldb_real_query(conn, s->sql, s->entry.size);
  CALL(conn, rc, mysql_stmt_execute, s->stmt, s->stmt);
  return rc;
}

#ifdef MARIADB_BASE_VERSION

static void go_on(mysql_conn *conn, const mysql_statement *s, int events) {
  conn->waits = s->stmt ? mysql_stmt_execute_cont(&conn->outcome, s->stmt, events)
                        : mysql_real_query_cont(&conn->outcome, conn->db, events);
}

int mysqldb_start(driver_conn *base) {
  mysql_conn *conn = mysql_of(base);
  const mysql_statement *s = conn->sent;
  if (!s || conn->started || !in_time(conn)) return -1; /* receive reports why */
  forget_errors(conn);
  conn->started = true;
  conn->waits = s->stmt ? mysql_stmt_execute_start(&conn->outcome, s->stmt)
                        : mysql_real_query_start(&conn->outcome, conn->db, s->sql, s->entry.size);
  while (conn->waits & MYSQL_WAIT_WRITE) go_on(conn, s, await(conn, conn->waits));
  return conn->waits ? (int)mysql_get_socket(conn->db) : -1;
}

int mysqldb_execute(mysql_conn *conn, const mysql_statement *s) {
  if (!conn->started) return execute(conn, s);
  while (conn->waits) go_on(conn, s, await(conn, conn->waits));
  conn->started = false;
  return conn->outcome;
}

void mysqldb_give_up_started(mysql_conn *conn) {
  if (!conn->started) return;
  hang_up(conn);
  while (conn->waits) go_on(conn, conn->sent, MYSQL_WAIT_TIMEOUT);
  conn->started = false;
}

#else

int mysqldb_execute(mysql_conn *conn, const mysql_statement *s) { return execute(conn, s); }

void mysqldb_give_up_started(mysql_conn *conn) { (void)conn; }

#endif
