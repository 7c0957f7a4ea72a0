#include "catalog/url.h"

#include <string.h>

#include "base/ascii.h"

typedef struct reader {
  arena *a;
  url_options *out;
  bool libpq; /* reads as libpq does */
  bool failed;
} reader;

static void decode(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++, to++) {
    int high = *from == '%' ? ascii_hex(from[1]) : -1, low = high < 0 ? -1 : ascii_hex(from[2]);
    *to = low < 0 ? *from : (char)(high * 16 + low);
    if (low >= 0) from += 2;
  }
  *to = 0;
}

static char *copy(reader *r, const char *from, const char *end) {
  char *text = arena_strndup(r->a, from, (size_t)(end - from));
  r->failed = r->failed || !text;
  return text;
}

static const char *copy_decoded(reader *r, const char *from, const char *end) {
  char *text = copy(r, from, end);
  if (text) decode(text);
  return text;
}

static void forget(url_options *o, const char *name) {
  for (size_t i = 0; i < o->count; i++)
    if (strcmp(o->list[i].name, name) == 0) o->list[i--] = o->list[--o->count];
}

/* In libpq, the last value of an option counts, even if it is empty, and a name of old still means another. */
static void add(reader *r, const char *name, const char *value) {
  if (!name || !value) return;
  if (r->libpq && strcmp(name, "requiressl") == 0) {
    name = "sslmode";
    value = *value == '1' ? "require" : "prefer";
  }
  if (r->libpq) forget(r->out, name);
  if (*value) r->out->list[r->out->count++] = (url_option){name, value};
}

static void add_decoded(reader *r, const char *name, const char *from, const char *end) {
  add(r, name, copy_decoded(r, from, end));
}

/* ---- ENGINE://… ---- */

/* Reads USER:PASSWORD@, which ends at `at`, and returns what follows. */
static const char *read_user(reader *r, const char *from, const char *at) {
  const char *colon = memchr(from, ':', (size_t)(at - from));
  add_decoded(r, "user", from, colon ? colon : at);
  if (colon) add_decoded(r, "password", colon + 1, at);
  return at + 1;
}

/* libpq takes ssl=true from other drivers' urls. */
static void read_query(reader *r, const char *at) {
  while (*at && !r->failed) {
    const char *end = at + strcspn(at, "&"), *equals = memchr(at, '=', (size_t)(end - at));
    const char *name = copy_decoded(r, at, equals ? equals : end);
    if (r->libpq && equals && name && strcmp(name, "ssl") == 0 && end - equals == 5 && strncmp(equals, "=true", 5) == 0)
      add(r, "sslmode", "require");
    else if (equals)
      add_decoded(r, name, equals + 1, end);
    at = *end ? end + 1 : end;
  }
}

static void read_path(reader *r, const char *at) {
  const char *query = at + strcspn(at, "?");
  if (*at == '/') add_decoded(r, r->libpq ? "dbname" : "database", at + 1, query);
  if (*query) read_query(r, query + 1);
}

/* Up to the last @, as a password may contain others. A port stands behind the bracket of an IPv6 address. */
static void read_mysql(reader *r, const char *from) {
  const char *end = from + strcspn(from, "/?"), *at = end;
  while (at > from && *at != '@') at--;
  if (*at == '@' && at < end) from = read_user(r, from, at);
  const char *bracket = *from == '[' ? memchr(from, ']', (size_t)(end - from)) : NULL;
  const char *after = bracket ? bracket : from, *colon = memchr(after, ':', (size_t)(end - after));
  if (colon) add_decoded(r, "port", colon + 1, end);
  add_decoded(r, "host", from + (bracket != NULL), bracket ? bracket : colon ? colon : end);
  read_path(r, end);
}

/* Appends up to one of `stops`, and returns its place. */
static const char *append(char **to, const char *from, const char *stops) {
  size_t size = strcspn(from, stops);
  memcpy(*to, from, size);
  *to += size;
  return from + size;
}

/* HOST:PORT,… are a list of hosts and one of ports. */
static const char *read_hosts(reader *r, const char *at) {
  const char *end = at + strlen(at);
  char *hosts = copy(r, at, end), *ports = copy(r, at, end), *host = hosts, *port = ports;
  if (r->failed) return end;
  for (bool more = true; more;) {
    at = *at == '[' ? append(&host, at + 1, "]") : append(&host, at, ":/?,");
    at += *at == ']';
    if (*at == ':') at = append(&port, at + 1, "/?,");
    more = *at == ',';
    if (more) *host++ = *port++ = *at++;
  }
  *host = *port = 0;
  decode(hosts);
  decode(ports);
  add(r, "host", hosts);
  add(r, "port", ports);
  return at;
}

static void read_pg(reader *r, const char *from) {
  const char *at = from + strcspn(from, "@/");
  r->libpq = true;
  read_path(r, read_hosts(r, *at == '@' ? read_user(r, from, at) : from));
}

/* ---- OPTION=VALUE … ---- */

static const char BLANK[] = " \t\r\n\f\v";

/* A backslash takes the next character as it stands; without one, it is left out. */
static const char *read_value(reader *r, const char *at, const char *stop, const char *name) {
  char *value = copy(r, at, at + strlen(at)), *to = value;
  if (!value) return at;
  while (*at && !strchr(stop, *at)) {
    at += *at == '\\';
    if (*at) *to++ = *at++;
  }
  *to = 0;
  add(r, name, value);
  return at;
}

static void read_list(reader *r, const char *at) {
  r->libpq = true;
  for (at += strspn(at, BLANK); *at && !r->failed; at += strspn(at, BLANK)) {
    const char *name = at, *name_end = at + strcspn(at, " \t\r\n\f\v=");
    at = name_end + strspn(name_end, BLANK);
    if (*at != '=') continue;
    at += 1 + strspn(at + 1, BLANK);
    const bool quoted = *at == '\'';
    at = read_value(r, at + quoted, quoted ? "'" : BLANK, copy(r, name, name_end));
    at += quoted && *at;
  }
}

/* ---- all forms ---- */

/* What follows the scheme; NULL: another one. */
static const char *behind(const char *url, const char *scheme) {
  size_t size = strlen(scheme);
  return strncmp(url, scheme, size) == 0 ? url + size : NULL;
}

static const char *behind_mysql(const char *url) {
  const char *mysql = behind(url, "mysql://");
  return mysql ? mysql : behind(url, "mariadb://");
}

static const char *behind_pg(const char *url) {
  const char *pg = behind(url, "postgresql://");
  return pg ? pg : behind(url, "postgres://");
}

static void reverse(url_options *o) {
  for (size_t i = 0; i < o->count / 2; i++) {
    url_option *a = &o->list[i], *b = &o->list[o->count - 1 - i], was = *a;
    *a = *b;
    *b = was;
  }
}

/* Of an option that is given twice, libpq takes the last value and src/driver/mysql the first one. */
static void read_any(reader *r, const char *url) {
  const char *mysql = behind_mysql(url), *pg = behind_pg(url);
  if (mysql) {
    read_mysql(r, mysql);
    return;
  }
  if (pg)
    read_pg(r, pg);
  else
    read_list(r, url);
  reverse(r->out);
}

bool url_options_read(arena *a, const char *url, url_options *out) {
  reader r = {.a = a, .out = out};
  *out = (url_options){.list = arena_array(a, url_option, strlen(url) / 2 + 4)}; /* each is two characters or more */
  if (!out->list) return false;
  read_any(&r, url);
  return !r.failed;
}

/* ---- mistakes ---- */

const char *url_odd_port(const char *hosts, const char *end) {
  for (const char *at = hosts; at < end; at++) {
    const char *bracket = *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL; /* an IPv6 address */
    if (bracket) at = bracket;
    if (*at != ':') continue;
    const char *port_end = at + 1 + strspn(at + 1, "0123456789%"); /* a digit may be encoded */
    if (port_end < end && *port_end != ',') return at;
  }
  return NULL;
}

/* src/driver/mysql takes the last @ before a slash for the end of the password, and libpq the first one. */
const char *url_mistake(const char *url) {
  const char *pg = behind_pg(url), *from = pg ? pg : behind_mysql(url);
  if (!from) return NULL;
  const char *end = from + strcspn(from, "/?"), *at = strrchr(from, '@');
  if (at && (at > end || (pg && strchr(from, '@') != at)))
    return "percent-encode special characters: write %40 for an @, %2F for a / and %3F for a ? in the user, the "
           "password "
           "and the options, or give the password separately";
  return url_odd_port(at ? at + 1 : from, end)
             ? "what follows the colon behind a host must be a number, the port; write "
               "USER:PASSWORD@HOST if it is a password"
             : NULL;
}
