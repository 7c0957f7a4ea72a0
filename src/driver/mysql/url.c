/* The url of a connection: mysql://user:password@host:port/database?option=value */
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "catalog/url.h"
#include "driver/mysql/options.h"

static shunt_status decode(mysql_settings *s, const char *from, const char *end, const char **out) {
  char *text = arena_strndup(&s->arena, from, (size_t)(end - from)), *to = text;
  if (!text) return error_memory(s->err);
  for (*out = text; from < end; from++) {
    int byte = (unsigned char)*from;
    if (*from == '%') {
      int high = end - from > 2 ? ascii_hex(from[1]) : -1, low = end - from > 2 ? ascii_hex(from[2]) : -1;
      byte = high < 0 || low < 0 ? 0 : high * 16 + low;
      if (!byte)
        return mysqldb_bad_setting(
            s, "url", "a % must be followed by two hexadecimal digits other than 00; write %25 for the sign itself");
      from += 2;
    }
    *to++ = (char)byte;
  }
  *to = 0;
  return SHUNT_OK;
}

static shunt_status set_from_url(mysql_settings *s, mysql_setting which, const char *from, const char *end) {
  if (from == end || s->values[which]) return SHUNT_OK; /* an option beside the URL wins */
  s->folders[which] = s->folders[SET_URL];
  return decode(s, from, end, &s->values[which]);
}

static shunt_status read_url_options(mysql_settings *s, const char *at) {
  shunt_status status = SHUNT_OK;
  while (*at && !status) {
    const char *end = at + strcspn(at, "&"), *equals = memchr(at, '=', (size_t)(end - at));
    const char *name;
    status = decode(s, at, equals ? equals : end, &name);
    if (status) return status;
    mysql_setting which = mysqldb_setting_named(name);
    if (which == NSETTINGS || which == SET_URL)
      status = mysqldb_unknown_setting(s, name);
    else
      status = set_from_url(s, which, equals ? equals + 1 : end, end);
    at = *end ? end + 1 : end;
  }
  return status;
}

static shunt_status read_authority(mysql_settings *s, const char *from, const char *end) {
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

shunt_status mysqldb_settings_url(mysql_settings *s) {
  const char *at = s->values[SET_URL];
  if (!at) return SHUNT_OK;
  if (strncmp(at, "mysql://", 8) != 0 && strncmp(at, "mariadb://", 10) != 0)
    return mysqldb_bad_setting(s, "url", "it has the form mysql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE");
  const char *mistake = url_mistake(at);
  if (mistake) return mysqldb_bad_setting(s, "url", mistake);
  at = strstr(at, "://") + 3;
  const char *query = at + strcspn(at, "?"), *slash = memchr(at, '/', (size_t)(query - at));
  shunt_status status = read_authority(s, at, slash ? slash : query);
  if (!status && slash) status = set_from_url(s, SET_DATABASE, slash + 1, query);
  return status || !*query ? status : read_url_options(s, query + 1);
}
