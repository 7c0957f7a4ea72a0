/* Connecting with MariaDB's client library. listen_mariadb.c hears what the server says to it. */
#include "driver/mysql/listen.h"

#ifdef MARIADB_BASE_VERSION

#include <fcntl.h>

#include "driver/mysql/options.h"
#include "driver/socket.h"

enum { STACK_BYTES = 256 << 10 };

/* The library knows two switches: enforce TLS, and verify certificate and host. So verify_ca means verify_identity. */
bool mysqldb_set_tls_mode(MYSQL *db, int mode) {
  mysql_flag on = mode > TLS_PREFERRED, verified = mode >= TLS_VERIFY_CA;
  return mysql_options(db, MYSQL_OPT_SSL_ENFORCE, &on) == 0 &&
         mysql_options(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verified) == 0;
}

/* The listener keeps to the list. The library's own check takes a part of an allowed name for that name. */
bool mysqldb_set_plugins(MYSQL *db, const char *named, bool hidden) {
  (void)db;
  (void)named;
  (void)hidden;
  return true;
}

/* Looking up a host name may need more stack than the library's default. */
static bool set_stack(mysql_conn *conn) {
  const size_t stack_bytes = STACK_BYTES;
  return mysql_options(conn->db, MYSQL_OPT_NONBLOCK, &stack_bytes) == 0;
}

/* TLS reads the socket by itself, and would block there. */
static bool wont_block(mysql_conn *conn) {
  int fd = socket_of(conn);
  conn->encrypted = mysql_get_ssl_cipher(conn->db) != NULL;
  return !conn->encrypted || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

/* Never the blocking call: it retries for ever if the backlog of a stopped server's socket is full. */
bool mysqldb_real_connect(mysql_conn *conn, const mysql_target *to) {
  MYSQL *connected = NULL;
  mysql_listener listener;
  if (!set_stack(conn) || !mysqldb_listen(conn, &listener, to)) return false;
  int waits = mysql_real_connect_start(&connected, conn->db, to->host, to->user, to->password, to->database, to->port,
                                       to->socket, to->flags);
  while (waits) {
    socket_close_on_exec(socket_of(conn)); /* each address has another socket; this is the first that is seen of it */
    waits = mysql_real_connect_cont(&connected, conn->db, mysqldb_await(conn, waits));
  }
  if (connected) socket_close_on_exec(socket_of(conn));
  conn->listener = NULL;
  return connected && !conn->refused[0] && wont_block(conn);
}

void mysqldb_disconnect(mysql_conn *conn) {
  sigpipe_hold(&conn->quiet);
  if (conn->db) mysql_close(conn->db);
  sigpipe_release(&conn->quiet);
  conn->db = NULL;
}

#endif
