/* Connecting: the options go to the client library, which connects. */
#define _POSIX_C_SOURCE 200809L
#include <errmsg.h>
#include <pthread.h>
#include <signal.h>

#include "driver/mysql/conn.h"
#include "driver/mysql/options.h"
#include "driver/socket.h"

enum { MOST_BYTES_OF_A_PACKET = 1 << 30 };

static bool set_text(MYSQL *db, enum mysql_option option, const char *text) {
  return !text || mysql_options(db, option, text) == 0;
}

/* Without TLS its files are left out: MariaDB's library would take them for a wish to have it. */
static bool set_tls(const mysql_settings *s, MYSQL *db, tls_mode mode) {
  static const struct {
    mysql_setting from;
    enum mysql_option to;
  } options[] = {{SET_SSL_CA, MYSQL_OPT_SSL_CA},          {SET_SSL_CAPATH, MYSQL_OPT_SSL_CAPATH},
                 {SET_SSL_CERT, MYSQL_OPT_SSL_CERT},      {SET_SSL_KEY, MYSQL_OPT_SSL_KEY},
                 {SET_SSL_CIPHER, MYSQL_OPT_SSL_CIPHER},  {SET_SSL_CRL, MYSQL_OPT_SSL_CRL},
                 {SET_TLS_VERSION, MYSQL_OPT_TLS_VERSION}};
  for (size_t i = 0; i < sizeof options / sizeof *options && mode != TLS_DISABLED; i++)
    if (!set_text(db, options[i].to, s->values[options[i].from])) return false;
  return mode == TLS_UNSAID || mysqldb_set_tls_mode(db, mode);
}

static bool set_timeouts(const mysql_settings *s, MYSQL *db) {
  static const enum mysql_option options[] = {[SET_CONNECT_TIMEOUT] = MYSQL_OPT_CONNECT_TIMEOUT,
                                              [SET_READ_TIMEOUT] = MYSQL_OPT_READ_TIMEOUT,
                                              [SET_WRITE_TIMEOUT] = MYSQL_OPT_WRITE_TIMEOUT};
  for (int i = SET_CONNECT_TIMEOUT; i <= SET_WRITE_TIMEOUT; i++)
    if (s->timeouts[i] && mysql_options(db, options[i], &s->timeouts[i]) != 0) return false;
  return true;
}

/* The server's key, which encrypts a password on a connection without TLS. MariaDB's library always asks for it, and
 * listen_mariadb.c ends that. */
static bool set_public_key(const mysql_settings *s, MYSQL *db) {
#ifndef MARIADB_BASE_VERSION
  const bool yes = s->get_public_key;
  if (yes && mysql_options(db, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &yes) != 0) return false;
#endif
  return set_text(db, MYSQL_SERVER_PUBLIC_KEY, s->values[SET_PUBLIC_KEY]);
}

static bool hides_password(const mysql_settings *s, tls_mode mode) {
  const char *socket = s->values[SET_SOCKET];
  return mode >= TLS_REQUIRED || s->tls == TLS_DISABLED || (socket && *socket);
}

static bool tell(const mysql_settings *s, MYSQL *db, tls_mode mode) {
  const unsigned no = 0;
  const unsigned long most = MOST_BYTES_OF_A_PACKET;
  /* LOCAL INFILE is off: a server must not read files of the client */
  return set_text(db, MYSQL_SET_CHARSET_NAME, s->values[SET_CHARSET]) &&
         mysql_options(db, MYSQL_OPT_LOCAL_INFILE, &no) == 0 &&
         mysql_options(db, MYSQL_OPT_MAX_ALLOWED_PACKET, &most) == 0 &&
         set_text(db, MYSQL_READ_DEFAULT_FILE, s->values[SET_OPTION_FILE]) &&
         set_text(db, MYSQL_READ_DEFAULT_GROUP, s->values[SET_OPTION_GROUP]) &&
         (!s->compress || mysql_options(db, MYSQL_OPT_COMPRESS, NULL) == 0) &&
         mysql_options4(db, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", s->values[SET_APPLICATION]) == 0 &&
         set_timeouts(s, db) && set_public_key(s, db) &&
         mysqldb_set_plugins(db, s->values[SET_AUTH_PLUGINS], hides_password(s, mode)) && set_tls(s, db, mode);
}

/* ---- connecting ---- */

static pthread_once_t library = PTHREAD_ONCE_INIT;
static int library_failed;

/* The library ignores SIGPIPE for the whole process, which is the host's to decide. It does so in its last step. */
static void begin_library(void) {
  struct sigaction before, after;
  sigaction(SIGPIPE, NULL, &before);
  library_failed = mysql_library_init(0, NULL, NULL);
  sigaction(SIGPIPE, NULL, &after);
  if (after.sa_handler == SIG_IGN) sigaction(SIGPIPE, &before, NULL);
#ifdef MARIADB_BASE_VERSION
  if (!library_failed) mysqldb_listen_begin();
#endif
}

/* An option file may turn on automatic reconnection, which would silently lose the state of the session. */
static bool never_reconnects(MYSQL *db) {
#ifdef MARIADB_BASE_VERSION
  mysql_flag no = 0;
  return mysql_options(db, MYSQL_OPT_RECONNECT, &no) == 0;
#else
  (void)db; /* MySQL's library doesn't read it from option files, and prints a warning if it is set */
  return true;
#endif
}

static bool try_to_connect(mysql_conn *conn, const mysql_settings *s, tls_mode mode) {
  const char *const *v = s->values, *socket = v[SET_SOCKET] && *v[SET_SOCKET] ? v[SET_SOCKET] : NULL;
  const mysql_target to = {.host = socket ? NULL : v[SET_HOST],
                           .user = v[SET_USER],
                           .password = v[SET_PASSWORD],
                           .database = v[SET_DATABASE],
                           .socket = socket,
                           .port = s->port,
                           .flags = CLIENT_FOUND_ROWS,
                           .named = mode == TLS_VERIFY_IDENTITY,
                           .needs_tls = mode >= TLS_REQUIRED,
                           .open = s->tls == TLS_DISABLED,
                           .has_key = (v[SET_PUBLIC_KEY] && *v[SET_PUBLIC_KEY]) || s->get_public_key,
                           .plugins = v[SET_AUTH_PLUGINS]};
  sigpipe_hold(&conn->quiet);
  const bool done = tell(s, conn->db, mode) && mysqldb_real_connect(conn, &to);
  sigpipe_release(&conn->quiet);
  return done;
}

/* `preferred` exists in MySQL's library. With MariaDB's: try TLS first, then without. */
static bool connect_preferring(mysql_conn *conn, const mysql_settings *s) {
#ifdef MARIADB_BASE_VERSION
  if (s->tls == TLS_PREFERRED) {
    if (try_to_connect(conn, s, TLS_REQUIRED)) return true;
    if (!conn->without_tls && (conn->refused[0] || mysql_errno(conn->db) != CR_SSL_CONNECTION_ERROR)) return false;
    mysqldb_disconnect(conn);
    conn->db = mysql_init(NULL);
    conn->base.broken = false;
    return conn->db && try_to_connect(conn, s, TLS_DISABLED);
  }
#endif
  return try_to_connect(conn, s, s->tls);
}

static shunt_status connect_as(mysql_conn *conn, const mysql_settings *s) {
  if (!connect_preferring(conn, s)) return conn->db ? mysqldb_fail(conn, NULL, NULL, s->err) : error_memory(s->err);
  if (!never_reconnects(conn->db)) return mysqldb_fail(conn, NULL, NULL, s->err);
  socket_keep_alive((int)conn->db->net.fd);
  if (s->tls >= TLS_REQUIRED && !mysql_get_ssl_cipher(conn->db))
    return mysqldb_refuse(conn, SHUNT_E_DATASOURCE, "the server does not offer TLS, which ssl_mode requires", NULL,
                          s->err);
  return SHUNT_OK;
}

shunt_status mysqldb_connect(mysql_conn *conn, shunt_error *err) {
  mysql_settings s;
  pthread_once(&library, begin_library);
  conn->db = library_failed ? NULL : mysql_init(NULL);
  if (!conn->db) return error_memory(err);
  shunt_status status = mysqldb_settings_read(&s, conn->base.client, conn->base.deadline_ns, err);
  if (!status) status = connect_as(conn, &s);
  if (!status) mysqldb_mode_set(conn, s.values[SET_SQL_MODE]);
  mysqldb_settings_free(&s);
  return status;
}
