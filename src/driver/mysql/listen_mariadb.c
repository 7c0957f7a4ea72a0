/* Hears the server before MariaDB's client library acts on what it says. While it connects, the library does what it is
 * asked for: it sends the password in clear, prints the server's text, or goes on without TLS. Here a message that asks
 * for such things becomes an error, and the connection ends before anything else is sent. Later, a server that never
 * ends what it says is heard out until the deadline and no longer. */
#define _POSIX_C_SOURCE 200809L
#include "driver/mysql/listen.h"

#ifdef MARIADB_BASE_VERSION

#include <errmsg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "driver/mysql/options.h"

enum {
  PROTOCOL = 10,
  HEADER_BYTES = 4,
  LARGEST = 0xFFFFFF, /* a part of a message that goes on */
  /* of the greeting: the connection's id, 8 random bytes, 0; then capabilities, character set, status, more
   * capabilities, the number of random bytes, filler */
  BEFORE_FLAGS = 4 + 8 + 1,
  FLAGS_BYTES = 2 + 1 + 2 + 2 + 1 + 10,
  LEAST_RANDOM = 13, /* after the first 8, with a NUL */
  END_BYTES = 5,     /* of the end of rows */
  /* first bytes of messages */
  SWITCHES = 0xFE,
  FAILS = 0xFF,
  AROUND_BYTES = 1 << 20, /* of messages around the rows */
  CONNECTING_BYTES = 4 << 20,
  TIMES_GATHERED = 16, /* what the library needs of memory for the bytes of short messages */
  CACHED = 3           /* caching_sha2_password: the server needs no more than it has got */
};

/* The library exports it, and no header of it declares it. */
int ma_pvio_register_callback(my_bool on, void (*hear)(int sends, MYSQL *db, const unsigned char *bytes, size_t n));

/* Another copy of this code in the process has connections of its own: the key has an address that no other copy has.
 */
static const char own;
static char key[40];

/* ---- refusing ---- */

/* The message becomes an error that no server may send, so that the library does nothing but fail. */
static void refuse(mysql_conn *conn, const char *why) {
  static const unsigned char error[] = {FAILS, CR_MALFORMED_PACKET & 0xFF, CR_MALFORMED_PACKET >> 8};
  mysql_listener *l = conn->listener;
  if (conn->refused[0]) return;
  snprintf(conn->refused, sizeof conn->refused, "%s", why);
  for (size_t i = 0; i < sizeof error && i < l->size; i++) l->body[i] = error[i];
  mysqldb_hang_up(conn);
}

static void refuse_malformed(mysql_conn *conn) {
  refuse(conn, "the server does not speak MySQL's protocol, or not as it is since MySQL 5.5");
}

/* ---- plugins ---- */

static bool is_local(const mysql_conn *conn) {
  struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof at;
  return getsockname(socket_of(conn), (struct sockaddr *)&at, &size) == 0 && at.ss_family == AF_UNIX;
}

/* `encrypts`: there is TLS, or there will be before the plugin sends anything. */
static void choose_plugin(mysql_conn *conn, const char *name, bool encrypts) {
  mysql_listener *l = conn->listener;
  const mysql_target *to = l->to;
  if (!mysqldb_plugin_is_allowed(name, to->plugins)) {
    char why[160 + MYSQL_PLUGIN_BYTES];
    snprintf(why, sizeof why, "the server asks for the authentication plugin '%s', which %s", name,
             strcmp(name, "dialog") == 0 ? "is never used: it asks at the terminal"
                                         : "auth_plugins must name before it is used");
    refuse(conn, why);
    return;
  }
  if (strcmp(name, MYSQL_CLEAR_PASSWORD) == 0 && !encrypts && !to->open && !is_local(conn)) {
    refuse(conn, "the server asks for the password in clear on a connection without TLS");
    return;
  }
  snprintf(l->plugin, sizeof l->plugin, "%s", name);
  l->accepted = false;
}

/* What is printed of a name: it is the server's. */
static const char *copy_name(char room[MYSQL_PLUGIN_BYTES], const unsigned char *from, size_t size) {
  size_t n = 0;
  for (; n < size && n + 1 < MYSQL_PLUGIN_BYTES && from[n]; n++)
    room[n] = (char)(from[n] > ' ' && from[n] < 127 ? from[n] : '?');
  room[n] = 0;
  return room;
}

/* ---- messages ---- */

static unsigned number_at(const unsigned char *at) { return at[0] | (unsigned)at[1] << 8; }

/* The name of the plugin is the last in the message, with a NUL behind it or not. An option file may choose another. */
static void choose_first_plugin(mysql_conn *conn, const unsigned char *from, size_t size, unsigned long flags) {
  char name[MYSQL_PLUGIN_BYTES] = "mysql_native_password";
  const char *chosen = NULL;
  if (flags & CLIENT_PLUGIN_AUTH) {
    copy_name(name, from, size);
    mysql_get_optionv(conn->db, MYSQL_DEFAULT_AUTH, &chosen);
  }
  choose_plugin(conn, chosen ? chosen : name, conn->db->options.use_ssl && flags & CLIENT_SSL);
}

static void hear_greeting(mysql_conn *conn, const unsigned char *head, size_t size) {
  const unsigned char *version_end = memchr(head, 0, size), *end = head + size;
  if (head[0] != PROTOCOL || !version_end || end - version_end < 1 + BEFORE_FLAGS + FLAGS_BYTES + LEAST_RANDOM) {
    refuse_malformed(conn);
    return;
  }
  const unsigned char *at = version_end + 1 + BEFORE_FLAGS, *random = at + FLAGS_BYTES;
  const unsigned long flags = number_at(at) | (unsigned long)number_at(at + 5) << 16;
  const size_t bytes = flags & CLIENT_PLUGIN_AUTH ? at[7] : 8 + LEAST_RANDOM;
  if (!(flags & CLIENT_PROTOCOL_41) || !(flags & CLIENT_SECURE_CONNECTION) || bytes < 8 + LEAST_RANDOM ||
      bytes - 8 > (size_t)(end - random)) {
    refuse_malformed(conn);
    return;
  }
  conn->without_tls = conn->listener->to->needs_tls && !(flags & CLIENT_SSL);
  if (conn->without_tls)
    refuse(conn, "the server does not offer TLS, which ssl_mode requires");
  else
    choose_first_plugin(conn, random + bytes - 8, (size_t)(end - random) - (bytes - 8), flags);
}

/* These two send the password itself where the library takes the connection for a safe one, and otherwise encrypt it
 * with any key that they get. So without TLS, a socket or a key of ours they get no answer that makes them go on. */
static bool gives_password_away(const mysql_conn *conn) {
  const mysql_listener *l = conn->listener;
  const MYSQL *db = conn->db;
  if (strcmp(l->plugin, MYSQL_CACHING_SHA2) != 0 && strcmp(l->plugin, MYSQL_SHA256) != 0) return false;
  if (l->accepted || !db->passwd || !*db->passwd || mysql_get_ssl_cipher(conn->db) || is_local(conn)) return false;
  return !l->to->has_key || db->options.use_ssl;
}

static void hear_switch(mysql_conn *conn, const unsigned char *head, size_t size) {
  char name[MYSQL_PLUGIN_BYTES] = "mysql_old_password";
  if (size > 1) copy_name(name, head + 1, size - 1);
  choose_plugin(conn, name, mysql_get_ssl_cipher(conn->db) != NULL);
}

static void hear_answer(mysql_conn *conn, const unsigned char *head, size_t size) {
  mysql_listener *l = conn->listener;
  const bool ends_rows = size == END_BYTES && !head[1]; /* of an init_command, after the server has let it in */
  if (head[0] == SWITCHES && !ends_rows)
    hear_switch(conn, head, size);
  else if (size <= 2 && head[size - 1] == CACHED && (size == 1 || head[0] == 1))
    l->accepted = true;
  else if (head[0] != FAILS && gives_password_away(conn))
    refuse(conn, "the server asks for the password itself, which needs TLS, a Unix socket, server_public_key_path or "
                 "get_server_public_key");
}

static void hear_message(mysql_conn *conn) {
  mysql_listener *l = conn->listener;
  const bool first = !l->greeted;
  l->greeted = true;
  if (!l->size) return; /* an error for the library too */
  if (l->size == LARGEST || (first && l->size > sizeof l->head))
    refuse_malformed(conn);
  else if (l->head[0] == FAILS && l->size > 2 && l->head[1] == 0xFF && l->head[2] == 0xFF)
    refuse_malformed(conn); /* news of a statement's progress, of which the library expects none either */
  else if (!first)
    hear_answer(conn, l->head, l->size < sizeof l->head ? l->size : sizeof l->head);
  else if (l->head[0] != FAILS)
    hear_greeting(conn, l->head, l->size);
}

/* ---- bytes ---- */

/* Takes one byte of a header, or bytes of a body. Returns how many. */
static size_t take(mysql_listener *l, unsigned char *bytes, size_t n) {
  if (l->at < HEADER_BYTES) {
    if (l->at < HEADER_BYTES - 1) l->size |= (uint32_t)bytes[0] << 8 * l->at;
    l->at++;
    return 1;
  }
  size_t done = l->at - HEADER_BYTES, left = l->size - done, some = left < n ? left : n;
  if (done == 0) l->body = bytes;
  if (done < sizeof l->head) {
    size_t room = sizeof l->head - done;
    memcpy(l->head + done, bytes, some < room ? some : room);
  }
  l->at += some;
  return some;
}

/* What the library has taken of a message before stands in its own buffer. The server has no reason to say more before
 * it has an answer to its greeting. With TLS the library would take that for something said under TLS. */
static void hear_bytes(mysql_conn *conn, unsigned char *bytes, size_t n) {
  mysql_listener *l = conn->listener;
  if (l->at > HEADER_BYTES) l->body = conn->db->net.buff + conn->db->net.where_b;
  while (n && !conn->refused[0]) {
    const bool first = !l->greeted;
    size_t some = take(l, bytes, n);
    bytes += some;
    n -= some;
    if (l->at < HEADER_BYTES || l->at - HEADER_BYTES < l->size) continue;
    hear_message(conn);
    if (first && n) refuse(conn, "the server says more than its greeting before it has an answer");
    l->at = l->size = 0;
  }
}

/* A read inside of a call that goes on without a look at the deadline. The call's own look comes first. */
static bool is_past(const mysql_conn *conn) {
  int64_t limit = conn->until_ns || !conn->base.deadline_ns ? conn->until_ns : conn->base.deadline_ns + CANCEL_GRACE_NS;
  return limit && clock_monotonic_ns() >= limit;
}

static void refuse_more(mysql_conn *conn) {
  conn->too_large = !conn->listener;
  if (!conn->refused[0])
    snprintf(conn->refused, sizeof conn->refused, "the server says too much before it is connected");
  mysqldb_hang_up(conn);
}

static void hear(int sends, MYSQL *db, const unsigned char *bytes, size_t n) {
  mysql_conn *conn = NULL;
  if (sends || !n || n > SIZE_MAX / 2) return; /* the library's -1 */
  mysql_get_optionv(db, MARIADB_OPT_USERDATA, key, &conn);
  if (!conn || conn->db != db) return;
  if (conn->listener && !db->net.compress) hear_bytes(conn, (unsigned char *)(uintptr_t)bytes, n);
  conn->may_hear_bytes -= (int64_t)n;
  if (conn->may_hear_bytes < 0) refuse_more(conn);
  if (!is_past(conn)) return;
  conn->until_ns = clock_monotonic_ns();
  mysqldb_hang_up(conn);
}

void mysqldb_limit_bytes(mysql_conn *conn, call_memory memory) {
  const int64_t most = memory == CALL_DROPS ? 0 : conn->base.client->max_result_bytes;
  conn->may_hear_bytes = most ? most / (memory == CALL_GATHERS ? TIMES_GATHERED : 1) + AROUND_BYTES : INT64_MAX;
}

void mysqldb_listen_begin(void) {
  snprintf(key, sizeof key, "shunt %p", (const void *)&own);
  ma_pvio_register_callback(1, hear);
}

bool mysqldb_listen(mysql_conn *conn, mysql_listener *l, const mysql_target *to) {
  *l = (mysql_listener){.to = to};
  conn->listener = l;
  conn->refused[0] = 0;
  conn->may_hear_bytes = CONNECTING_BYTES;
  conn->without_tls = false;
  return mysql_optionsv(conn->db, MARIADB_OPT_USERDATA, key, conn) == 0;
}

#endif
