/* For: what deadline.c and wait.c share with wait_mariadb.c, and with wait_mysql.c and connect_mysql.c, for the two
 * client libraries. Each of the three layers deadline.c, wait_*.c and wait.c uses only those before it.
 * Owner: nothing here is owned.
 * Use: CALL(conn, rc, mysql_stmt_fetch, stmt, stmt); only the files wait*.c, deadline.c, connect_*.c and listen*
 * include this. */
#ifndef SHUNT_DRIVER_MYSQL_WAIT_H
#define SHUNT_DRIVER_MYSQL_WAIT_H

#include "base/clock.h"
#include "driver/cancel.h"
#include "driver/mysql/conn.h"

/* When a call that runs now ends at the latest; 0: no limit. */
static inline int64_t limit_ns(const mysql_conn *conn) {
  return conn->until_ns ? conn->until_ns : conn->base.deadline_ns;
}

/* ---- deadline.c ---- */

/* False if the deadline has passed. */
bool mysqldb_in_time(mysql_conn *conn);

/* ---- wait_mariadb.c, wait_mysql.c and connect_mysql.c ---- */

/* What a call does with all that the server says: it keeps up to 16 times the bytes of short messages, keeps one
 * message, or drops it. */
typedef enum call_memory { CALL_GATHERS, CALL_KEEPS_ONE, CALL_DROPS } call_memory;

/* CALL(conn, result, name, handle, arguments…): result = name(arguments…), which waits no longer than the limit, and
 * raises no SIGPIPE. */
#define CALL(conn, ...)                                                                                                \
  do {                                                                                                                 \
    mysqldb_hold_signal(conn);                                                                                         \
    CALL_IN_TIME(conn, __VA_ARGS__);                                                                                   \
    mysqldb_release_signal(conn);                                                                                      \
  } while (0)

#ifdef MARIADB_BASE_VERSION

static inline int socket_of(const mysql_conn *conn) { return (int)mysql_get_socket(conn->db); }
/* Waits for the events that a call needs; returns those that happened, for the call. */
int mysqldb_await(mysql_conn *conn, int waits);
void mysqldb_forget_errors(const mysql_conn *conn);
/* How much the server may say within the next call, by the client's maxResult. More ends the connection. */
void mysqldb_limit_bytes(mysql_conn *conn, call_memory memory);

/* Without a limit the blocking call is used: it is the fastest. */
#define CALL_IN_TIME(conn, result, name, handle, ...)                                                                  \
  do {                                                                                                                 \
    if (!limit_ns(conn) && !(conn)->encrypted) {                                                                       \
      (result) = name(__VA_ARGS__);                                                                                    \
    } else {                                                                                                           \
      mysqldb_forget_errors(conn);                                                                                     \
      int waits = name##_start(&(result), __VA_ARGS__);                                                                \
      while (waits) waits = name##_cont(&(result), handle, mysqldb_await(conn, waits));                                \
    }                                                                                                                  \
  } while (0)

#else

static inline int socket_of(const mysql_conn *conn) { return conn->watch.socket; }
/* Another thread ends the call at until_ns. */
void mysqldb_watch(mysql_conn *conn, int64_t until_ns);
void mysqldb_unwatch(mysql_conn *conn);
/* This library has no hook to limit it by. */
static inline void mysqldb_limit_bytes(const mysql_conn *conn, call_memory memory) {
  (void)conn;
  (void)memory;
}

#define CALL_IN_TIME(conn, result, name, handle, ...)                                                                  \
  do {                                                                                                                 \
    int64_t until_ns = limit_ns(conn);                                                                                 \
    if (until_ns) mysqldb_watch(conn, until_ns);                                                                       \
    (result) = name(__VA_ARGS__);                                                                                      \
    if (until_ns) mysqldb_unwatch(conn);                                                                               \
  } while (0)

#endif

/* Runs a statement that was not started: mysql_stmt_execute, or mysql_real_query for one that is sent as text. */
static inline int run_now(mysql_conn *conn, const mysql_statement *s) {
  int rc;
  mysqldb_limit_bytes(conn, CALL_GATHERS);
  if (s->stmt)
    CALL(conn, rc, mysql_stmt_execute, s->stmt, s->stmt);
  else
    CALL(conn, rc, mysql_real_query, conn->db, conn->db, s->sql, s->entry.size);
  return rc;
}

#endif
