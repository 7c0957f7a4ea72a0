#include "catalog/url.h"

#include <string.h>

#include "base/ascii.h"

typedef struct reader {
  arena *a;
  url_options *out;
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

static const char *copy(reader *r, const char *from, const char *end) {
  char *text = arena_strndup(r->a, from, (size_t)(end - from));
  if (text) decode(text);
  r->failed = r->failed || !text;
  return text;
}

static void add(reader *r, const char *name, const char *from, const char *end) {
  if (from >= end) return;
  r->out->list[r->out->count++] = (url_option){name, copy(r, from, end)};
}

/* ---- ENGINE://… ---- */

/* A port stands behind the last bracket of an IPv6 address. */
static void read_host(reader *r, const char *from, const char *end) {
  const char *bracket = memchr(from, ']', (size_t)(end - from)), *after = bracket ? bracket : from;
  const char *colon = memchr(after, ':', (size_t)(end - after)), *comma = memchr(from, ',', (size_t)(end - from));
  if (colon) add(r, "port", colon + 1, end);
  if (*from == '[' && bracket && !comma)
    add(r, "host", from + 1, bracket);
  else
    add(r, "host", from, colon && !comma ? colon : end);
}

static void read_authority(reader *r, const char *from, const char *end) {
  const char *at = end;
  while (at > from && *at != '@') at--;
  if (*at == '@' && at < end) {
    const char *colon = memchr(from, ':', (size_t)(at - from));
    add(r, "user", from, colon ? colon : at);
    if (colon) add(r, "password", colon + 1, at);
    from = at + 1;
  }
  read_host(r, from, end);
}

static void read_query(reader *r, const char *at) {
  while (*at && !r->failed) {
    const char *end = at + strcspn(at, "&"), *equals = memchr(at, '=', (size_t)(end - at));
    if (equals) add(r, copy(r, at, equals), equals + 1, end);
    at = *end ? end + 1 : end;
  }
}

static void read_url(reader *r, const char *at) {
  const char *query = at + strcspn(at, "?"), *slash = memchr(at, '/', (size_t)(query - at));
  read_authority(r, at, slash ? slash : query);
  if (slash) add(r, "database", slash + 1, query);
  if (*query) read_query(r, query + 1);
}

/* ---- OPTION=VALUE … ---- */

static const char BLANK[] = " \t\r\n\f\v";

/* The end of a value: a backslash takes the next character along. */
static const char *end_of(const char *at, const char *stop) {
  while (*at && !strchr(stop, *at)) at += at[0] == '\\' && at[1] ? 2 : 1;
  return at;
}

static void read_list(reader *r, const char *at) {
  for (at += strspn(at, BLANK); *at && !r->failed; at += strspn(at, BLANK)) {
    const char *name = at, *name_end = at + strcspn(at, " \t\r\n\f\v=");
    at = name_end + strspn(name_end, BLANK);
    if (*at != '=') continue;
    at += 1 + strspn(at + 1, BLANK);
    const bool quoted = *at == '\'';
    const char *value = at + quoted, *value_end = end_of(value, quoted ? "'" : BLANK);
    add(r, copy(r, name, name_end), value, value_end);
    at = value_end + (quoted && *value_end);
  }
}

bool url_options_read(arena *a, const char *url, url_options *out) {
  const char *authority = strstr(url, "://");
  reader r = {.a = a, .out = out};
  *out = (url_options){.list = arena_array(a, url_option, strlen(url) / 2 + 4)}; /* each is two characters or more */
  if (!out->list) return false;
  if (authority)
    read_url(&r, authority + 3);
  else
    read_list(&r, url);
  return !r.failed;
}
