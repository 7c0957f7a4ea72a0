/* The options of a connection: their values from the client, the url and the rows' defaults. */
#define _POSIX_C_SOURCE 200809L
#include "driver/mysql/options.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "catalog/schema_value.h"
#include "catalog/settings.h"

enum { LONGEST_TIMEOUT_S = 24 * 3600 };

/* The message doesn't show the value, which may be a secret. */
static shunt_status refuse(const mysql_settings *s, mysql_setting which) {
  buf what = {0};
  buf_puts(&what, "give ");
  schema_expected(mysqldb_setting_row(which), &what);
  shunt_status status =
      what.failed ? error_memory(s->err) : mysqldb_bad_setting(s, mysqldb_setting_row(which)->key, what.data);
  buf_free(&what);
  return status;
}

/* Checks the value against its row. *out is null for a setting that is not given. */
static shunt_status read_value(const mysql_settings *s, mysql_setting which, shunt_value *out) {
  const char *text = s->values[which];
  *out = shunt_null();
  bool fine = !text || !*text || schema_read_text(&schema_mysql, mysqldb_setting_row(which), text, out);
  return fine ? SHUNT_OK : refuse(s, which);
}

/* The library counts in seconds: round up. */
static shunt_status read_timeout(mysql_settings *s, mysql_setting which) {
  shunt_value ms;
  shunt_status status = read_value(s, which, &ms);
  if (!status && ms.type == SHUNT_INTEGER) s->timeouts[which] = (unsigned)((ms.as.integer + 999) / 1000);
  return status;
}

static shunt_status read_boolean(const mysql_settings *s, mysql_setting which, bool *out) {
  shunt_value yes;
  shunt_status status = read_value(s, which, &yes);
  *out = !status && yes.type == SHUNT_BOOL && yes.as.boolean;
  return status;
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

/* Naming an authority means: verify. */
static shunt_status read_tls(mysql_settings *s) {
  shunt_value word;
  shunt_status status = read_value(s, SET_SSL_MODE, &word);
  s->tls = s->values[SET_SSL_CA] || s->values[SET_SSL_CAPATH] ? TLS_VERIFY_CA : TLS_UNSAID;
  if (!status && word.type == SHUNT_INTEGER) s->tls = (tls_mode)word.as.integer;
  return status;
}

static shunt_status check_plugins(const mysql_settings *s) {
  const char *named = s->values[SET_AUTH_PLUGINS];
  if (!named || mysqldb_plugins_are_valid(named)) return SHUNT_OK;
  return mysqldb_bad_setting(s, "auth_plugins",
                             "give the names of authentication plugins with commas between them; dialog is not "
                             "possible, as it asks at the terminal");
}

static shunt_status read_values(mysql_settings *s) {
  shunt_value port, charset;
  shunt_status status = read_value(s, SET_PORT, &port);
  if (!status && port.type == SHUNT_INTEGER) s->port = (unsigned)port.as.integer;
  if (!status) status = read_timeout(s, SET_CONNECT_TIMEOUT);
  s->timeouts[SET_CONNECT_TIMEOUT] = shortened(s->timeouts[SET_CONNECT_TIMEOUT], s->deadline_ns);
  if (!status) status = read_timeout(s, SET_READ_TIMEOUT);
  if (!status) status = read_timeout(s, SET_WRITE_TIMEOUT);
  if (!status) status = read_boolean(s, SET_COMPRESS, &s->compress);
  if (!status) status = read_boolean(s, SET_GET_PUBLIC_KEY, &s->get_public_key);
  if (!status) status = read_tls(s);
  if (!status) status = read_value(s, SET_CHARSET, &charset);
  const char *modes = s->values[SET_SQL_MODE];
  if (!status && modes && !mysqldb_mode_is_valid(modes))
    status =
        mysqldb_bad_setting(s, "sql_mode",
                            "give a list of NO_ZERO_DATE, NO_ZERO_IN_DATE, ONLY_FULL_GROUP_BY, ALLOW_INVALID_DATES and "
                            "NO_UNSIGNED_SUBTRACTION with commas between them; the strict modes are always on");
  if (!status) status = check_plugins(s);
  if (!status)
    s->values[SET_CHARSET] = mysqldb_setting_row(SET_CHARSET)->words[charset.as.integer]; /* as the library spells it */
  return status;
}

/* For what neither the client nor its url gives. An empty text gives nothing. */
static void add_defaults(mysql_settings *s) {
  for (int i = 0; i < NSETTINGS; i++) {
    const char *fallback = mysqldb_setting_row((mysql_setting)i)->fallback;
    if (fallback && (!s->values[i] || !*s->values[i])) s->values[i] = fallback;
  }
}

static bool is_path(mysql_setting s) {
  return s == SET_SSL_CA || s == SET_SSL_CAPATH || s == SET_SSL_CERT || s == SET_SSL_KEY || s == SET_SSL_CRL ||
         s == SET_PUBLIC_KEY || s == SET_OPTION_FILE;
}

/* A relative path is relative to the file that names it. */
static bool place_paths(mysql_settings *s) {
  for (int i = 0; i < NSETTINGS; i++) {
    const char *path = s->values[i];
    if (!is_path((mysql_setting)i) || !path || path[0] == '/' || path[0] == 0) continue;
    s->values[i] = arena_printf(&s->arena, "%s%s", s->folders[i], path);
    if (!s->values[i]) return false;
  }
  return true;
}

/* Without the file, MariaDB's library would take any key that the server sends. */
static shunt_status check_key(const mysql_settings *s) {
  const char *path = s->values[SET_PUBLIC_KEY];
  if (!path || !*path || s->get_public_key || access(path, R_OK) == 0) return SHUNT_OK;
  return mysqldb_bad_setting(s, "server_public_key_path", "the file can't be read");
}

static shunt_status read_all(mysql_settings *s) {
  const cat_client *client = s->client;
  for (size_t i = 0; i < client->noptions; i++) {
    mysql_setting which = mysqldb_setting_named(client->options[i].name);
    if (which == NSETTINGS) return mysqldb_unknown_setting(s, client->options[i].name);
    s->values[which] = client->options[i].value;
    s->folders[which] = client->folders ? client->folders[i] : "";
  }
  shunt_status status = mysqldb_settings_url(s);
  if (status) return status;
  add_defaults(s);
  status = read_values(s);
  if (!status && !place_paths(s)) status = error_memory(s->err);
  return status ? status : check_key(s);
}

shunt_status mysqldb_settings_read(mysql_settings *s, const cat_client *client, int64_t deadline_ns, shunt_error *err) {
  *s = (mysql_settings){.client = client, .deadline_ns = deadline_ns, .tls = TLS_UNSAID, .err = err};
  return read_all(s);
}

void mysqldb_settings_free(mysql_settings *s) { arena_free(&s->arena); }
