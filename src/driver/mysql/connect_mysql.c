/* Connecting with MySQL's own client library. It does so without blocking, except in an authentication that the server
 * switches to: there the watcher of wait_mysql.c ends it. Without blocking it tries only the first address of a host:
 * the others are tried here. */
#define _POSIX_C_SOURCE 200809L
#include "driver/mysql/wait.h"

#ifndef MARIADB_BASE_VERSION

#include <errmsg.h>
#include <fcntl.h>
#include <mysql/client_plugin.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/mysql/options.h"
#include "driver/socket.h"

enum { ADDRESS_BYTES = 64 };

static const int64_t SHORTEST_NAP_NS = 1000000, LONGEST_NAP_NS = 16000000, NEVER_NS = INT64_MAX;

bool mysqldb_set_tls_mode(MYSQL *db, int mode) {
  static const unsigned modes[] = {[TLS_DISABLED] = SSL_MODE_DISABLED,
                                   [TLS_PREFERRED] = SSL_MODE_PREFERRED,
                                   [TLS_REQUIRED] = SSL_MODE_REQUIRED,
                                   [TLS_VERIFY_CA] = SSL_MODE_VERIFY_CA,
                                   [TLS_VERIFY_IDENTITY] = SSL_MODE_VERIFY_IDENTITY};
  return mysql_options(db, MYSQL_OPT_SSL_MODE, &modes[mode]) == 0;
}

/* A plugin that is loaded stays loaded. One that can't be found is an error only if the server asks for it. */
static void load_plugins(MYSQL *db, const char *list) {
  char name[MYSQL_PLUGIN_BYTES];
  for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
    snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ","), at);
    (void)mysql_client_find_plugin(db, name, MYSQL_CLIENT_AUTHENTICATION_PLUGIN);
  }
}

/* The library looks for other plugins in a folder, and a server must not choose one of those. */
bool mysqldb_set_plugins(MYSQL *db, const char *named, bool hidden) {
  const bool clear = hidden && named && mysqldb_plugin_is_allowed(MYSQL_CLEAR_PASSWORD, named);
  if (mysql_options(db, MYSQL_ENABLE_CLEARTEXT_PLUGIN, &clear)) return false;
  load_plugins(db, mysqldb_usual_plugins);
  if (named) load_plugins(db, named);
  return mysql_options(db, MYSQL_PLUGIN_DIR, "/dev/null") == 0;
}

/* ---- one address ---- */

/* Until a connection is there: the deadline, or the client's own connect_timeout. */
static int64_t connect_limit_ns(const mysql_conn *conn) {
  unsigned s = 0;
  mysql_get_option(conn->db, MYSQL_OPT_CONNECT_TIMEOUT, &s);
  int64_t own_ns = s ? clock_monotonic_ns() + s * NS_PER_S : NEVER_NS;
  return conn->base.deadline_ns && conn->base.deadline_ns < own_ns ? conn->base.deadline_ns : own_ns;
}

/* The library says nothing of its socket before it has made a buffer for it. The duplicate is this connection's even
 * after the library has closed its own, whose number may then be another's. */
static bool find_socket(mysql_conn *conn) {
  if (!conn->db->net.buff) return false;
  if (!conn->has_socket) conn->watch.socket = fcntl((int)conn->db->net.fd, F_DUPFD_CLOEXEC, 0);
  conn->has_socket = conn->watch.socket >= 0;
  socket_close_on_exec((int)conn->db->net.fd);
  return conn->has_socket;
}

/* What it waits for is mostly something to read, but it does not say so: it is asked again soon. */
static void nap(const mysql_conn *conn, int64_t *nap_ns) {
  if (conn->has_socket)
    socket_wait(conn->watch.socket, POLLIN, clock_monotonic_ns() + *nap_ns);
  else
    poll(NULL, 0, (int)(*nap_ns / NS_PER_MS));
  if (*nap_ns < LONGEST_NAP_NS) *nap_ns *= 2;
}

/* Watches the socket once it is known: the library may still block on it. */
static enum net_async_status go_on(mysql_conn *conn, const mysql_target *to, int64_t until_ns) {
  bool seen = find_socket(conn) && until_ns != NEVER_NS;
  if (seen) mysqldb_watch(conn, until_ns);
  enum net_async_status status = mysql_real_connect_nonblocking(conn->db, to->host, to->user, to->password,
                                                                to->database, to->port, to->socket, to->flags);
  if (seen) mysqldb_unwatch(conn);
  return status;
}

/* If the client's own connect_timeout was the limit, the library's error says so. */
static void look_whether_late(mysql_conn *conn) {
  int64_t now_ns = conn->base.deadline_ns ? clock_monotonic_ns() : 0;
  conn->until_ns = now_ns && now_ns >= conn->base.deadline_ns ? now_ns : 0;
}

static void forget_socket(mysql_conn *conn) {
  if (conn->has_socket) close(conn->watch.socket);
  conn->has_socket = false;
}

static bool connect_to(mysql_conn *conn, const mysql_target *to) {
  int64_t until_ns = connect_limit_ns(conn), nap_ns = SHORTEST_NAP_NS;
  forget_socket(conn);
  enum net_async_status status = go_on(conn, to, until_ns);
  while (status == NET_ASYNC_NOT_READY && clock_monotonic_ns() < until_ns) {
    nap(conn, &nap_ns);
    status = go_on(conn, to, until_ns);
  }
  if (status == NET_ASYNC_COMPLETE && find_socket(conn) && !conn->base.broken) return true;
  look_whether_late(conn);
  return false;
}

/* ---- all addresses ---- */

static struct addrinfo *addresses_of(const mysql_target *to) {
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  bool one = !to->host || to->named || to->socket || strcmp(to->host, "localhost") == 0;
  return !one && getaddrinfo(to->host, NULL, &hints, &found) == 0 ? found : NULL;
}

/* The library forgets its options after a failure, unless this flag is set. */
static bool connect_to_address(mysql_conn *conn, const mysql_target *to, const struct addrinfo *a) {
  char host[ADDRESS_BYTES];
  mysql_target at = *to;
  if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST) == 0) at.host = host;
  at.flags |= CLIENT_REMEMBER_OPTIONS;
  return connect_to(conn, &at);
}

bool mysqldb_real_connect(mysql_conn *conn, const mysql_target *to) {
  struct addrinfo *all = addresses_of(to);
  if (!all) return connect_to(conn, to); /* an unknown host is the library's to report */
  bool done = false, again = true;
  for (const struct addrinfo *a = all; a && again && !done; a = a->ai_next) {
    done = connect_to_address(conn, to, a);
    again = !conn->until_ns && mysql_errno(conn->db) == CR_CONN_HOST_ERROR;
  }
  freeaddrinfo(all);
  return done;
}

void mysqldb_disconnect(mysql_conn *conn) {
  sigpipe_hold(&conn->quiet);
  if (conn->db) mysql_close(conn->db);
  sigpipe_release(&conn->quiet);
  conn->db = NULL;
  forget_socket(conn);
  if (conn->has_ended) close(conn->ended);
  conn->has_ended = false;
}

#endif
