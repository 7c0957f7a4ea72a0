/* For: the options of a connection, read and checked: options.c takes them from the client and the rows of
 * catalog/settings_servers.c (names.c), url.c from the url, connect.c gives them to the client library.
 * Owner: mysqldb_settings_free ends it; the texts are borrowed from the client, the rows, or its own arena.
 * Use: mysql_settings s; status = mysqldb_settings_read(&s, client, deadline_ns, err); … mysqldb_settings_free(&s); */
#ifndef SHUNT_DRIVER_MYSQL_OPTIONS_H
#define SHUNT_DRIVER_MYSQL_OPTIONS_H

#include "base/arena.h"
#include "catalog/schema.h"
#include "driver/driver.h"

/* One for each row. Aliases, defaults, bounds and words are in the row alone. */
#define MYSQL_SETTING_MAP(X)                                                                                           \
  X(URL, "url")                                                                                                        \
  X(HOST, "host")                                                                                                      \
  X(PORT, "port")                                                                                                      \
  X(SOCKET, "socket")                                                                                                  \
  X(USER, "user")                                                                                                      \
  X(PASSWORD, "password")                                                                                              \
  X(DATABASE, "database")                                                                                              \
  X(CONNECT_TIMEOUT, "connect_timeout")                                                                                \
  X(READ_TIMEOUT, "read_timeout")                                                                                      \
  X(WRITE_TIMEOUT, "write_timeout")                                                                                    \
  X(CHARSET, "charset")                                                                                                \
  X(SQL_MODE, "sql_mode")                                                                                              \
  X(COMPRESS, "compress")                                                                                              \
  X(APPLICATION, "application_name")                                                                                   \
  X(OPTION_FILE, "option_file")                                                                                        \
  X(OPTION_GROUP, "option_group")                                                                                      \
  X(SSL_MODE, "ssl_mode")                                                                                              \
  X(SSL_CA, "ssl_ca")                                                                                                  \
  X(SSL_CAPATH, "ssl_capath")                                                                                          \
  X(SSL_CERT, "ssl_cert")                                                                                              \
  X(SSL_KEY, "ssl_key")                                                                                                \
  X(SSL_CIPHER, "ssl_cipher")                                                                                          \
  X(SSL_CRL, "ssl_crl")                                                                                                \
  X(TLS_VERSION, "tls_version")                                                                                        \
  X(PUBLIC_KEY, "server_public_key_path")                                                                              \
  X(GET_PUBLIC_KEY, "get_server_public_key")                                                                           \
  X(AUTH_PLUGINS, "auth_plugins")

typedef enum mysql_setting {
#define MYSQL_SETTING_ENUM(name, key) SET_##name,
  MYSQL_SETTING_MAP(MYSQL_SETTING_ENUM)
#undef MYSQL_SETTING_ENUM
      NSETTINGS
} mysql_setting;

/* In the order of the words of ssl_mode. */
typedef enum tls_mode {
  TLS_UNSAID = -1,
  TLS_DISABLED,
  TLS_PREFERRED,
  TLS_REQUIRED,
  TLS_VERIFY_CA,
  TLS_VERIFY_IDENTITY
} tls_mode;

typedef struct mysql_settings {
  const cat_client *client;
  int64_t deadline_ns;
  const char *values[NSETTINGS];            /* as given, or the row's default; NULL: neither */
  const char *folders[NSETTINGS];           /* of the file that names it */
  arena arena;                              /* owns the decoded parts of the URL, and paths */
  unsigned port;                            /* 0: the library's */
  unsigned timeouts[SET_WRITE_TIMEOUT + 1]; /* in seconds; 0: none */
  bool compress, get_public_key;
  tls_mode tls;
  shunt_error *err;
} mysql_settings;

/* Free it, after an error too. Errors: CONFIG, MEMORY. */
shunt_status mysqldb_settings_read(mysql_settings *s, const cat_client *client, int64_t deadline_ns, shunt_error *err);
void mysqldb_settings_free(mysql_settings *s);

/* ---- mode.c, names.c, plugins.c, url.c ---- */

/* The setting sql_mode: a list of modes with commas between them, in any case. */
bool mysqldb_mode_is_valid(const char *modes);

#define MYSQL_CACHING_SHA2 "caching_sha2_password"
#define MYSQL_SHA256 "sha256_password"
#define MYSQL_CLEAR_PASSWORD "mysql_clear_password"
enum { MYSQL_PLUGIN_BYTES = 64 };

/* Those that need no name. */
extern const char mysqldb_usual_plugins[];
/* The setting auth_plugins: a list of names, without those that no client may use. */
bool mysqldb_plugins_are_valid(const char *list);
/* named: the setting auth_plugins, or NULL. */
bool mysqldb_plugin_is_allowed(const char *name, const char *named);

const schema_field *mysqldb_setting_row(mysql_setting which);
/* NSETTINGS: no such option. */
mysql_setting mysqldb_setting_named(const char *name);
/* CONFIG, with the client, its place and the option's name. */
shunt_status mysqldb_bad_setting(const mysql_settings *s, const char *name, const char *what);
shunt_status mysqldb_unknown_setting(const mysql_settings *s, const char *name);
/* Takes the url apart into the options that are not given beside it. */
shunt_status mysqldb_settings_url(mysql_settings *s);

#endif
