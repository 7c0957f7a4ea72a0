#include <limits.h>
#include <string.h>

#include "base/suggest.h"
#include "catalog/schema_value.h"
#include "catalog/settings.h"
#include "catalog/url.h"
#include "driver/pg/conn.h"

typedef struct list {
  const cat_client *client;
  arena *a;
  const PQconninfoOption *known;
  const char **keywords, **values;
  size_t count;
} list;

/* The one option that is not libpq's. */
static const char prepare_option[] = "prepare";

bool pg_is_pooled(const cat_client *client) {
  for (size_t i = 0; i < client->noptions; i++) {
    const cat_option *o = &client->options[i];
    if (strcmp(o->name, prepare_option) == 0) return strcmp(o->value, "false") == 0 || strcmp(o->value, "0") == 0;
  }
  return false;
}

static const char *value_of(const list *l, const char *keyword) {
  for (size_t i = 0; i < l->count; i++)
    if (strcmp(l->keywords[i], keyword) == 0) return l->values[i];
  return NULL;
}

/* Replaces an earlier value. */
static void set(list *l, const char *keyword, const char *value) {
  size_t i = 0;
  while (i < l->count && strcmp(l->keywords[i], keyword) != 0) i++;
  l->keywords[i] = keyword;
  l->values[i] = value;
  if (i == l->count) l->count++;
}

static bool is_path(const char *keyword) {
  static const char *const paths[] = {"sslrootcert", "sslcert",  "sslkey",      "sslcrl",
                                      "sslcrldir",   "passfile", "servicefile", "sslkeylogfile"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    if (strcmp(keyword, paths[i]) == 0) return true;
  return false;
}

/* A relative path is relative to the file that names it. Two values are not paths: "system" (the system's certificates)
 * and ENGINE:NAME (a key in an OpenSSL engine). */
static bool set_beside(list *l, const char *folder, const char *keyword, const char *value) {
  bool path = is_path(keyword) && value[0] && value[0] != '/' && strcmp(value, "system") != 0 &&
              !(strcmp(keyword, "sslkey") == 0 && strchr(value, ':'));
  const char *placed = path ? arena_printf(l->a, "%s%s", folder, value) : value;
  if (placed) set(l, keyword, placed);
  return placed != NULL;
}

static bool is_known(const list *l, const char *keyword) {
  for (const PQconninfoOption *o = l->known; o->keyword; o++)
    if (strcmp(o->keyword, keyword) == 0) return true;
  return false;
}

/* Also by the environment, or by a service file. */
static bool is_set(const list *l, const char *keyword) {
  for (const PQconninfoOption *o = l->known; o->keyword; o++)
    if (strcmp(o->keyword, keyword) == 0 && o->val && *o->val) return true;
  return value_of(l, keyword) != NULL;
}

/* An option that a newer libpq has is a row, so that it was not found before. */
static shunt_status unknown(const list *l, const char *keyword, shunt_error *err) {
  enum { EACH_VERSION = 10000 };
  if (schema_field_of(&schema_pg, keyword))
    return error_set(err, SHUNT_E_CONFIG, "client '%s': libpq %d has no option '%s'", l->client->name,
                     PQlibVersion() / EACH_VERSION, keyword);
  suggest near = suggest_for(keyword);
  suggest_try(&near, "url");
  suggest_try(&near, "database");
  suggest_try(&near, prepare_option);
  for (const PQconninfoOption *o = l->known; o->keyword; o++) suggest_try(&near, o->keyword);
  return error_set(err, SHUNT_E_CONFIG, "client '%s': unknown option '%s' of the connection to PostgreSQL%s",
                   l->client->name, keyword, suggest_text(&near));
}

/* Leaves out libpq's own message, which may quote the password. */
static shunt_status add_url(list *l, const char *folder, const char *url, shunt_error *err) {
  const char *mistake = url_mistake(url);
  if (mistake) return error_set(err, SHUNT_E_CONFIG, "client '%s': url: %s", l->client->name, mistake);
  char *message = NULL;
  PQconninfoOption *parts = PQconninfoParse(url, &message);
  /* at its beginning: behind that, a message may quote the url */
  static const char no_memory[] = "out of memory";
  const bool lacks_memory = !parts && (!message || strncmp(message, no_memory, sizeof no_memory - 1) == 0);
  PQfreemem(message);
  if (lacks_memory) return error_memory(err);
  if (!parts)
    return error_set(
        err, SHUNT_E_CONFIG,
        "client '%s': the url of its connection can't be read; it has the form "
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE, with %%XX for what has a meaning there",
        l->client->name);
  bool ok = true;
  for (const PQconninfoOption *o = parts; o->keyword && ok; o++) {
    if (!o->val) continue;
    const char *keyword = arena_strdup(l->a, o->keyword), *value = arena_strdup(l->a, o->val);
    ok = keyword && value && set_beside(l, folder, keyword, value);
  }
  PQconninfoFree(parts);
  return ok ? SHUNT_OK : error_memory(err);
}

static shunt_status add_option(list *l, const char *folder, const cat_option *o, shunt_error *err) {
  const char *keyword = strcmp(o->name, "database") == 0 ? "dbname" : o->name;
  if (strcmp(keyword, prepare_option) == 0) return SHUNT_OK;
  if (!is_known(l, keyword)) return unknown(l, o->name, err);
  return set_beside(l, folder, keyword, o->value) ? SHUNT_OK : error_memory(err);
}

/* libpq takes whole numbers of a unit. */
static shunt_status count_duration(list *l, const schema_field *row, shunt_error *err) {
  const char *text = value_of(l, row->key);
  int64_t unit_ms = row->bare_ms;
  shunt_value ms;
  if (!text || !*text) return SHUNT_OK;
  if (!schema_read_text(&schema_pg, row, text, &ms) || ms.as.integer > INT_MAX * unit_ms)
    return error_set(err, SHUNT_E_CONFIG, "client '%s': %s takes a duration such as 5s, or a number of %s",
                     l->client->name, row->key, unit_ms == 1 ? "milliseconds" : "seconds");
  const char *number = arena_printf(l->a, "%lld", (long long)((ms.as.integer + unit_ms - 1) / unit_ms));
  if (!number) return error_memory(err);
  set(l, row->key, number);
  return SHUNT_OK;
}

/* The rows' defaults, where nothing else gives a value: libpq keeps its own, and those of its environment. */
static shunt_status complete(list *l, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (const schema_field *row = schema_pg.fields; row->key && !status; row++) {
    /* a service file may name the application, too */
    const char *keyword = strcmp(row->key, "application_name") == 0 ? "fallback_application_name" : row->key;
    if (row->fallback && is_known(l, keyword) && !is_set(l, keyword)) set(l, keyword, row->fallback);
    if (row->type == SCHEMA_DURATION) status = count_duration(l, row, err);
  }
  set(l, "client_encoding", "UTF8");
  return status;
}

/* The url first, so that options beside it win. */
static shunt_status fill(list *l, shunt_error *err) {
  const cat_client *client = l->client;
  shunt_status status = SHUNT_OK;
  for (int beside = 0; beside < 2; beside++)
    for (size_t i = 0; i < client->noptions && !status; i++) {
      const cat_option *o = &client->options[i];
      const char *folder = client->folders ? client->folders[i] : "";
      if ((strcmp(o->name, "url") != 0) != beside) continue;
      status = beside ? add_option(l, folder, o, err) : add_url(l, folder, o->value, err);
    }
  return status ? status : complete(l, err);
}

shunt_status pg_options(const cat_client *client, arena *a, const char ***keywords, const char ***values,
                        shunt_error *err) {
  size_t most = 1; /* the end of the list */
  PQconninfoOption *known = PQconndefaults();
  if (!known) return error_memory(err);
  for (const PQconninfoOption *o = known; o->keyword; o++) most++; /* each is listed once */
  list l = {.client = client, .a = a, .known = known};
  l.keywords = arena_array(a, const char *, most);
  l.values = arena_array(a, const char *, most);
  shunt_status status = l.keywords && l.values ? fill(&l, err) : error_memory(err);
  PQconninfoFree(known);
  *keywords = l.keywords;
  *values = l.values;
  return status;
}
