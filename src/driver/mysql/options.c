/* The options of a connection: from the settings and the URL to the client library. */
#include <ctype.h>
#include <errmsg.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/suggest.h"
#include "driver/mysql/conn.h"
#include "driver/socket.h"

enum { CONNECT_TIMEOUT_S = 10, LONGEST_TIMEOUT_S = 24 * 3600, MOST_BYTES_OF_A_PACKET = 1 << 30 };

/* Names and aliases. Case, - and _ make no difference: sslCa, ssl-ca and ssl_ca are the same option. */
#define SETTING_MAP(X)                                                                                                 \
  X(URL, "url", NULL)                                                                                                  \
  X(HOST, "host", NULL)                                                                                                \
  X(PORT, "port", NULL)                                                                                                \
  X(SOCKET, "socket", "unix_socket")                                                                                   \
  X(USER, "user", "username")                                                                                          \
  X(PASSWORD, "password", NULL)                                                                                        \
  X(DATABASE, "database", "dbname")                                                                                    \
  X(CONNECT_TIMEOUT, "connect_timeout", NULL)                                                                          \
  X(READ_TIMEOUT, "read_timeout", NULL)                                                                                \
  X(WRITE_TIMEOUT, "write_timeout", NULL)                                                                              \
  X(CHARSET, "charset", NULL)                                                                                          \
  X(COMPRESS, "compress", NULL)                                                                                        \
  X(APPLICATION, "application_name", "program_name")                                                                   \
  X(OPTION_FILE, "option_file", "defaults_file")                                                                       \
  X(OPTION_GROUP, "option_group", "defaults_group")                                                                    \
  X(SSL_MODE, "ssl_mode", NULL)                                                                                        \
  X(SSL_CA, "ssl_ca", NULL)                                                                                            \
  X(SSL_CAPATH, "ssl_capath", NULL)                                                                                    \
  X(SSL_CERT, "ssl_cert", NULL)                                                                                        \
  X(SSL_KEY, "ssl_key", NULL)                                                                                          \
  X(SSL_CIPHER, "ssl_cipher", NULL)                                                                                    \
  X(SSL_CRL, "ssl_crl", NULL)                                                                                          \
  X(TLS_VERSION, "tls_version", NULL)                                                                                  \
  X(PUBLIC_KEY, "server_public_key_path", "server_public_key")                                                         \
  X(GET_PUBLIC_KEY, "get_server_public_key", NULL)

typedef enum setting {
#define SETTING_ENUM(name, text, other) SET_##name,
  SETTING_MAP(SETTING_ENUM)
#undef SETTING_ENUM
      NSETTINGS
} setting;

static const char *const names[NSETTINGS][2] = {
#define SETTING_NAMES(name, text, other) {text, other},
    SETTING_MAP(SETTING_NAMES)
#undef SETTING_NAMES
};

const char *mysqldb_option(size_t i) { return i < NSETTINGS ? names[i][0] : NULL; }

typedef enum tls_mode {
  TLS_UNSAID,
  TLS_DISABLED,
  TLS_PREFERRED,
  TLS_REQUIRED,
  TLS_VERIFY_CA,
  TLS_VERIFY_IDENTITY
} tls_mode;

typedef struct settings {
  const cat_client *client;
  int64_t deadline_ns;
  const char *values[NSETTINGS];  /* NULL: not given */
  const char *folders[NSETTINGS]; /* of the file that names it */
  arena arena;                    /* owns the decoded parts of the URL */
  unsigned port;
  unsigned timeouts[SET_WRITE_TIMEOUT + 1]; /* in seconds; 0: none */
  tls_mode tls;
  shunt_error *err;
} settings;

static bool is_path(setting s) {
  return s == SET_SSL_CA || s == SET_SSL_CAPATH || s == SET_SSL_CERT || s == SET_SSL_KEY || s == SET_SSL_CRL ||
         s == SET_PUBLIC_KEY || s == SET_OPTION_FILE;
}

/* ---- names ---- */

static bool same_name(const char *a, const char *b) {
  for (;; a++, b++) {
    while (*a == '_' || *a == '-') a++;
    while (*b == '_' || *b == '-') b++;
    if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
    if (!*a) return true;
  }
}

static setting setting_named(const char *name) {
  for (int i = 0; i < NSETTINGS; i++)
    for (int k = 0; k < 2; k++)
      if (names[i][k] && same_name(names[i][k], name)) return (setting)i;
  return NSETTINGS;
}

static shunt_status bad(const settings *s, const char *name, const char *what) {
  error_set(s->err, SHUNT_E_CONFIG, "client '%s', connection, %s: %s", s->client->name, name, what);
  error_client(s->err, s->client->name);
  error_place(s->err, s->client->at.file, s->client->at.line, s->client->at.column);
  return SHUNT_E_CONFIG;
}

static shunt_status unknown(const settings *s, const char *name) {
  char what[256];
  suggest near = suggest_for(name);
  for (int i = 0; i < NSETTINGS; i++) suggest_try(&near, names[i][0]);
  snprintf(what, sizeof what, "unknown option of mysql%s", suggest_text(&near));
  return bad(s, name, what);
}

/* ---- url: mysql://user:password@host:port/database?option=value ---- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)tolower((unsigned char)c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static shunt_status decode(settings *s, const char *from, const char *end, const char **out) {
  char *text = arena_strndup(&s->arena, from, (size_t)(end - from)), *to = text;
  if (!text) return error_memory(s->err);
  for (*out = text; from < end; from++) {
    int byte = (unsigned char)*from;
    if (*from == '%') {
      int high = end - from > 2 ? hex_digit(from[1]) : -1, low = end - from > 2 ? hex_digit(from[2]) : -1;
      byte = high < 0 || low < 0 ? 0 : high * 16 + low;
      if (!byte)
        return bad(s, "url",
                   "a % must be followed by two hexadecimal digits other than 00; write %25 for the sign itself");
      from += 2;
    }
    *to++ = (char)byte;
  }
  *to = 0;
  return SHUNT_OK;
}

static shunt_status set_from_url(settings *s, setting which, const char *from, const char *end) {
  if (from == end || s->values[which]) return SHUNT_OK; /* an option beside the URL wins */
  s->folders[which] = s->folders[SET_URL];
  return decode(s, from, end, &s->values[which]);
}

static shunt_status read_url_options(settings *s, const char *at) {
  shunt_status status = SHUNT_OK;
  while (*at && !status) {
    const char *end = at + strcspn(at, "&"), *equals = memchr(at, '=', (size_t)(end - at));
    const char *name;
    status = decode(s, at, equals ? equals : end, &name);
    if (status) return status;
    setting which = setting_named(name);
    if (which == NSETTINGS || which == SET_URL)
      status = unknown(s, name);
    else
      status = set_from_url(s, which, equals ? equals + 1 : end, end);
    at = *end ? end + 1 : end;
  }
  return status;
}

static shunt_status read_authority(settings *s, const char *from, const char *end) {
  const char *at = end;
  while (at > from && *at != '@') at--; /* the last @: a password may contain others */
  bool user = at > from || *from == '@';
  shunt_status status = SHUNT_OK;
  if (user) {
    const char *colon = memchr(from, ':', (size_t)(at - from));
    status = set_from_url(s, SET_USER, from, colon ? colon : at);
    if (!status && colon) status = set_from_url(s, SET_PASSWORD, colon + 1, at);
    from = at + 1;
  }
  const char *host_end = *from == '[' ? memchr(from, ']', (size_t)(end - from)) : NULL; /* an IPv6 address */
  const char *colon = memchr(host_end ? host_end : from, ':', (size_t)(end - (host_end ? host_end : from)));
  if (!status && colon) status = set_from_url(s, SET_PORT, colon + 1, end);
  if (!status && host_end) return set_from_url(s, SET_HOST, from + 1, host_end);
  return status ? status : set_from_url(s, SET_HOST, from, colon ? colon : end);
}

static shunt_status read_url(settings *s) {
  const char *at = s->values[SET_URL];
  if (!at) return SHUNT_OK;
  if (strncmp(at, "mysql://", 8) != 0 && strncmp(at, "mariadb://", 10) != 0)
    return bad(s, "url", "it has the form mysql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE");
  at = strstr(at, "://") + 3;
  const char *query = at + strcspn(at, "?"), *slash = memchr(at, '/', (size_t)(query - at));
  if (strchr(query, '@')) /* quote nothing of it: it may be a part of the password */
    return bad(s, "url", "write %3F for a ? in the user or password, and %40 for an @ in the options");
  shunt_status status = read_authority(s, at, slash ? slash : query);
  if (!status && slash) status = set_from_url(s, SET_DATABASE, slash + 1, query);
  return status || !*query ? status : read_url_options(s, query + 1);
}

/* ---- values ---- */

static bool read_number(const char *text, unsigned most, unsigned *out) {
  char *end;
  unsigned long n = strtoul(text, &end, 10);
  if (!isdigit((unsigned char)text[0]) || *end || n > most) return false;
  *out = (unsigned)n;
  return true;
}

/* The library counts in seconds: round up. */
static shunt_status read_timeout(settings *s, setting which, unsigned unsaid) {
  const char *text = s->values[which];
  int64_t ms;
  s->timeouts[which] = unsaid;
  if (!text || read_number(text, LONGEST_TIMEOUT_S, &s->timeouts[which])) return SHUNT_OK;
  if (!cat_parse_duration_ms(text, &ms) || ms > LONGEST_TIMEOUT_S * 1000LL)
    return bad(s, names[which][0], "give a number of seconds, or a duration such as 5s");
  s->timeouts[which] = (unsigned)((ms + 999) / 1000);
  return SHUNT_OK;
}

/* The timeout or the time until the deadline, whichever is less: the library's TLS handshake knows only its own
 * timeouts, in seconds. */
static unsigned shortened(unsigned timeout_s, int64_t deadline_ns) {
  const int64_t ns_per_s = 1000000000;
  if (!deadline_ns) return timeout_s;
  int64_t left_s = (deadline_ns - clock_monotonic_ns()) / ns_per_s + 1;
  if (left_s < 1) left_s = 1;
  if (left_s > LONGEST_TIMEOUT_S) left_s = LONGEST_TIMEOUT_S;
  return timeout_s && timeout_s < left_s ? timeout_s : (unsigned)left_s;
}

static shunt_status read_tls(settings *s) {
  static const char *const words[] = {[TLS_DISABLED] = "disabled",
                                      [TLS_PREFERRED] = "preferred",
                                      [TLS_REQUIRED] = "required",
                                      [TLS_VERIFY_CA] = "verify_ca",
                                      [TLS_VERIFY_IDENTITY] = "verify_identity"};
  const char *text = s->values[SET_SSL_MODE];
  /* naming an authority means: verify */
  if (!text) s->tls = s->values[SET_SSL_CA] || s->values[SET_SSL_CAPATH] ? TLS_VERIFY_CA : TLS_UNSAID;
  for (int i = TLS_DISABLED; text && i <= TLS_VERIFY_IDENTITY; i++)
    if (same_name(text, words[i])) s->tls = (tls_mode)i;
  return !text || s->tls != TLS_UNSAID
             ? SHUNT_OK
             : bad(s, "ssl_mode", "give disabled, preferred, required, verify_ca or verify_identity");
}

static shunt_status read_values(settings *s) {
  shunt_status status = read_url(s);
  if (!status && s->values[SET_PORT] && !read_number(s->values[SET_PORT], 65535, &s->port))
    status = bad(s, "port", "give a number up to 65535");
  if (!status) status = read_timeout(s, SET_CONNECT_TIMEOUT, CONNECT_TIMEOUT_S);
  s->timeouts[SET_CONNECT_TIMEOUT] = shortened(s->timeouts[SET_CONNECT_TIMEOUT], s->deadline_ns);
  if (!status) status = read_timeout(s, SET_READ_TIMEOUT, 0);
  if (!status) status = read_timeout(s, SET_WRITE_TIMEOUT, 0);
  if (!status) status = read_tls(s);
  if (!status && s->values[SET_CHARSET] && !same_name(s->values[SET_CHARSET], "utf8mb4"))
    status = bad(s, "charset", "it must be utf8mb4: texts are UTF-8, whatever character set a table has");
  return status;
}

/* A relative path is relative to the file that names it. */
static bool place_paths(settings *s) {
  for (int i = 0; i < NSETTINGS; i++) {
    const char *path = s->values[i];
    if (!is_path((setting)i) || !path || path[0] == '/' || path[0] == 0) continue;
    s->values[i] = arena_printf(&s->arena, "%s%s", s->folders[i], path);
    if (!s->values[i]) return false;
  }
  return true;
}

static shunt_status read_settings(settings *s) {
  const cat_client *client = s->client;
  for (size_t i = 0; i < client->noptions; i++) {
    setting which = setting_named(client->options[i].name);
    if (which == NSETTINGS) return unknown(s, client->options[i].name);
    s->values[which] = client->options[i].value;
    s->folders[which] = client->folders ? client->folders[i] : "";
  }
  shunt_status status = read_values(s);
  if (!status && !place_paths(s)) status = error_memory(s->err);
  return status;
}

/* ---- setting the options ---- */

#ifdef MARIADB_BASE_VERSION
/* MariaDB's library knows two switches: enforce TLS, and verify certificate and host. So verify_ca means
 * verify_identity.
 */
static bool set_tls_mode(MYSQL *db, tls_mode mode) {
  mysql_flag on = mode > TLS_PREFERRED, verified = mode >= TLS_VERIFY_CA;
  return mysql_options(db, MYSQL_OPT_SSL_ENFORCE, &on) == 0 &&
         mysql_options(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verified) == 0;
}
#else
static bool set_tls_mode(MYSQL *db, tls_mode mode) {
  static const unsigned modes[] = {[TLS_DISABLED] = SSL_MODE_DISABLED,
                                   [TLS_PREFERRED] = SSL_MODE_PREFERRED,
                                   [TLS_REQUIRED] = SSL_MODE_REQUIRED,
                                   [TLS_VERIFY_CA] = SSL_MODE_VERIFY_CA,
                                   [TLS_VERIFY_IDENTITY] = SSL_MODE_VERIFY_IDENTITY};
  return mysql_options(db, MYSQL_OPT_SSL_MODE, &modes[mode]) == 0;
}
#endif

static bool set_text(MYSQL *db, enum mysql_option option, const char *text) {
  return !text || mysql_options(db, option, text) == 0;
}

static bool set_tls(const settings *s, MYSQL *db) {
  static const struct {
    setting from;
    enum mysql_option to;
  } options[] = {{SET_SSL_CA, MYSQL_OPT_SSL_CA},          {SET_SSL_CAPATH, MYSQL_OPT_SSL_CAPATH},
                 {SET_SSL_CERT, MYSQL_OPT_SSL_CERT},      {SET_SSL_KEY, MYSQL_OPT_SSL_KEY},
                 {SET_SSL_CIPHER, MYSQL_OPT_SSL_CIPHER},  {SET_SSL_CRL, MYSQL_OPT_SSL_CRL},
                 {SET_TLS_VERSION, MYSQL_OPT_TLS_VERSION}};
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (!set_text(db, options[i].to, s->values[options[i].from])) return false;
  return s->tls == TLS_UNSAID || set_tls_mode(db, s->tls);
}

static bool set_timeouts(const settings *s, MYSQL *db) {
  static const enum mysql_option options[] = {[SET_CONNECT_TIMEOUT] = MYSQL_OPT_CONNECT_TIMEOUT,
                                              [SET_READ_TIMEOUT] = MYSQL_OPT_READ_TIMEOUT,
                                              [SET_WRITE_TIMEOUT] = MYSQL_OPT_WRITE_TIMEOUT};
  for (int i = SET_CONNECT_TIMEOUT; i <= SET_WRITE_TIMEOUT; i++)
    if (s->timeouts[i] && mysql_options(db, options[i], &s->timeouts[i]) != 0) return false;
  return true;
}

static bool is_yes(const char *text) { return text && (same_name(text, "true") || strcmp(text, "1") == 0); }

/* The server's key, which encrypts a password on a connection without TLS. MariaDB's library always asks for it. */
static bool set_public_key(const settings *s, MYSQL *db) {
#ifndef MARIADB_BASE_VERSION
  const bool yes = is_yes(s->values[SET_GET_PUBLIC_KEY]);
  if (yes && mysql_options(db, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &yes) != 0) return false;
#endif
  return set_text(db, MYSQL_SERVER_PUBLIC_KEY, s->values[SET_PUBLIC_KEY]);
}

static bool tell(const settings *s, MYSQL *db) {
  const unsigned no = 0;
  const unsigned long most = MOST_BYTES_OF_A_PACKET;
  const char *application = s->values[SET_APPLICATION] ? s->values[SET_APPLICATION] : "shunt";
  /* LOCAL INFILE is off: a server must not read files of the client */
  return set_text(db, MYSQL_SET_CHARSET_NAME, "utf8mb4") && mysql_options(db, MYSQL_OPT_LOCAL_INFILE, &no) == 0 &&
         mysql_options(db, MYSQL_OPT_MAX_ALLOWED_PACKET, &most) == 0 &&
         set_text(db, MYSQL_READ_DEFAULT_FILE, s->values[SET_OPTION_FILE]) &&
         set_text(db, MYSQL_READ_DEFAULT_GROUP, s->values[SET_OPTION_GROUP]) &&
         (!is_yes(s->values[SET_COMPRESS]) || mysql_options(db, MYSQL_OPT_COMPRESS, NULL) == 0) &&
         mysql_options4(db, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", application) == 0 && set_timeouts(s, db) &&
         set_public_key(s, db) && set_tls(s, db);
}

/* ---- connecting ---- */

static pthread_once_t library = PTHREAD_ONCE_INIT;
static int library_failed;

static void begin_library(void) { library_failed = mysql_library_init(0, NULL, NULL); }

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

static bool try_to_connect(mysql_conn *conn, const settings *s) {
  const char *const *v = s->values;
  const mysql_target to = {.host = v[SET_SOCKET] ? NULL : v[SET_HOST],
                           .user = v[SET_USER],
                           .password = v[SET_PASSWORD],
                           .database = v[SET_DATABASE],
                           .socket = v[SET_SOCKET],
                           .port = s->port,
                           .flags = CLIENT_FOUND_ROWS,
                           .named = s->tls == TLS_VERIFY_IDENTITY};
  return tell(s, conn->db) && mysqldb_real_connect(conn, &to);
}

/* `preferred` exists in MySQL's library. With MariaDB's: try TLS first, then without. */
static bool connect_preferring(mysql_conn *conn, settings *s) {
#ifdef MARIADB_BASE_VERSION
  if (s->tls == TLS_PREFERRED) {
    s->tls = TLS_REQUIRED;
    bool done = try_to_connect(conn, s);
    s->tls = TLS_PREFERRED;
    if (done || mysql_errno(conn->db) != CR_SSL_CONNECTION_ERROR) return done;
    mysql_close(conn->db);
    conn->db = mysql_init(NULL);
  }
#endif
  return conn->db && try_to_connect(conn, s);
}

static shunt_status connect_as(mysql_conn *conn, settings *s) {
  if (!connect_preferring(conn, s)) return conn->db ? mysqldb_fail(conn, NULL, NULL, s->err) : error_memory(s->err);
  if (!never_reconnects(conn->db)) return mysqldb_fail(conn, NULL, NULL, s->err);
  socket_keep_alive((int)conn->db->net.fd);
  if (s->tls >= TLS_REQUIRED && !mysql_get_ssl_cipher(conn->db))
    return mysqldb_refuse(conn, SHUNT_E_DATASOURCE, "the server does not offer TLS, which ssl_mode requires", NULL,
                          s->err);
  return SHUNT_OK;
}

shunt_status mysqldb_connect(mysql_conn *conn, shunt_error *err) {
  settings s = {.client = conn->base.client, .deadline_ns = conn->base.deadline_ns, .err = err};
  pthread_once(&library, begin_library);
  conn->db = library_failed ? NULL : mysql_init(NULL);
  if (!conn->db) return error_memory(err);
  shunt_status status = read_settings(&s);
  if (!status) status = connect_as(conn, &s);
  arena_free(&s.arena);
  return status;
}
