/* The options of a connection: a line with the engine, then one "name=value" a line. The driver takes them or refuses
 * them with a reason, which shows no password. What it took, it takes again without the url; and of the url,
 * catalog/url reads what the driver reads, for PostgreSQL libpq. */
#include <libpq-fe.h>

#include "catalog/report.h"
#include "catalog/schema_value.h"
#include "catalog/settings.h"
#include "catalog/url.h"
#include "driver/mysql/options.h"
#include "driver/pg/conn.h"
#include "fuzz/fuzz.h"

/* Where it is a password, no message and no masked text has it. */
#define SECRET "hunter2"

enum { MOST_OPTIONS = 64 };

typedef struct given {
  cat_option list[MOST_OPTIONS];
  size_t count;
  char *texts[MOST_OPTIONS];
} given;

static void add_line(given *g, fuzz_input line) {
  char *text = fuzz_copy(line.data, line.size), *equals = strchr(text, '=');
  if (!equals || equals == text || g->count == MOST_OPTIONS) {
    free(text);
    return;
  }
  *equals = 0;
  g->texts[g->count] = text;
  g->list[g->count++] = (cat_option){text, equals + 1, false};
}

/* A map has no key twice. */
static bool has_twice(const given *g) {
  for (size_t i = 0; i < g->count; i++)
    for (size_t k = 0; k < i; k++)
      if (strcmp(g->list[i].name, g->list[k].name) == 0) return true;
  return false;
}

static const char *url_of(const given *g) {
  for (size_t i = 0; i < g->count; i++)
    if (strcmp(g->list[i].name, "url") == 0) return g->list[i].value;
  return NULL;
}

static cat_client client_of(cat_engine engine, const cat_option *options, size_t count) {
  return (cat_client){.name = "main", .engine = engine, .options = options, .noptions = count};
}

/* ---- secrets ---- */

/* Whether the text stands in the url once, where only a password can: behind the user, before the last @. */
static bool has_secret(const char *url) {
  static const char *const schemes[] = {"mysql://", "mariadb://", "postgres://", "postgresql://"};
  const char *from = NULL, *secret = strstr(url, SECRET), *last = strrchr(url, '@');
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (strncmp(url, schemes[i], strlen(schemes[i])) == 0) from = url + strlen(schemes[i]);
  if (!from || !secret || !last || secret > last || strstr(secret + 1, SECRET)) return false;
  const char *colon = from + strcspn(from, ":@/?");
  return *colon == ':' && colon < secret;
}

/* A name is no secret, and neither is any value but a password. */
static bool is_secret(const cat_option *o) {
  if (strcmp(o->name, "url") == 0) return has_secret(o->value);
  return strcmp(o->name, "password") == 0;
}

static void check_secrets(const given *g, shunt_status status, const shunt_error *err) {
  const char *url = url_of(g);
  for (size_t i = 0; i < g->count; i++)
    if (strstr(g->list[i].name, SECRET) || (strstr(g->list[i].value, SECRET) && !is_secret(&g->list[i]))) return;
  FUZZ_HOLDS(!status || !strstr(err->message, SECRET), "%s", err->message);
  if (!url || !has_secret(url)) return;
  buf masked = {0};
  show_masked(&masked, url);
  FUZZ_HOLDS(!strstr(masked.data, SECRET), "%s\nis shown as\n%s", url, masked.data);
  buf_free(&masked);
}

static void check_reason(const given *g, shunt_status status, const shunt_error *err) {
  FUZZ_HOLDS(!status || (status == SHUNT_E_CONFIG && strstr(err->message, "'main'")), "%d: %s", (int)status,
             err->message);
  check_secrets(g, status, err);
}

/* ---- the url ---- */

static const char *read_option(const url_options *url, const schema *rows, const char *key) {
  for (size_t i = 0; i < url->count; i++) {
    const schema_field *row = schema_field_of(rows, url->list[i].name);
    if (row && strcmp(row->key, key) == 0) return url->list[i].value;
  }
  return NULL;
}

/* The catalog leaves out what is empty. */
static void check_option(const char *url, const char *key, const char *driver, const char *other) {
  if (driver && !*driver) driver = NULL;
  FUZZ_HOLDS((!driver && !other) || (driver && other && strcmp(driver, other) == 0),
             "%s: %s is '%s' for the driver, and '%s' for the catalog", url, key, driver ? driver : "(none)",
             other ? other : "(none)");
}

/* ---- PostgreSQL ---- */

static void check_pg_url(const char *url) {
  arena a = {0};
  url_options read;
  PQconninfoOption *parts = PQconninfoParse(url, NULL);
  if (!url_options_read(&a, url, &read)) abort();
  for (const PQconninfoOption *o = parts; o && o->keyword; o++) {
    const schema_field *row = schema_field_of(&schema_pg, o->keyword);
    if (row) check_option(url, row->key, o->val, read_option(&read, &schema_pg, row->key));
  }
  PQconninfoFree(parts);
  arena_free(&a);
}

static void check_pg_again(const char *const *names, const char *const *values) {
  cat_option options[MOST_OPTIONS];
  size_t count = 0;
  arena a = {0};
  const char **names_again, **values_again;
  shunt_error err = {0};
  for (; names[count]; count++) {
    if (count == MOST_OPTIONS) abort();
    options[count] = (cat_option){names[count], values[count], false};
  }
  const cat_client client = client_of(CAT_PG, options, count);
  const shunt_status status = pg_options(&client, &a, &names_again, &values_again, &err);
  FUZZ_HOLDS(!status, "taken, and then refused: %s", err.message);
  for (size_t i = 0; names[i] || names_again[i]; i++)
    FUZZ_HOLDS(names[i] && names_again[i] && strcmp(names[i], names_again[i]) == 0 &&
                   strcmp(values[i], values_again[i]) == 0,
               "%s=%s is then %s=%s", names[i], values[i], names_again[i], values_again[i]);
  arena_free(&a);
}

static void check_pg(const given *g) {
  arena a = {0};
  const char **names, **values, *url = url_of(g);
  shunt_error err = {0};
  const cat_client client = client_of(CAT_PG, g->list, g->count);
  const shunt_status status = pg_options(&client, &a, &names, &values, &err);
  check_reason(g, status, &err);
  if (url) check_pg_url(url);
  if (!status) check_pg_again(names, values);
  arena_free(&a);
}

/* ---- MySQL ---- */

/* Of the url alone: beside it, another value may win. */
static void check_mysql_url(const char *url) {
  arena a = {0};
  url_options read;
  mysql_settings s;
  shunt_error err;
  const cat_option option = {"url", url, true};
  const cat_client client = client_of(CAT_MYSQL, &option, 1);
  if (!url_options_read(&a, url, &read)) abort();
  if (mysqldb_settings_read(&s, &client, 0, &err) == SHUNT_OK)
    for (mysql_setting i = SET_URL + 1; i < NSETTINGS; i++) {
      const schema_field *row = mysqldb_setting_row(i);
      const char *other = read_option(&read, &schema_mysql, row->key);
      if (!other && row->fallback) other = row->fallback;
      if (i != SET_CHARSET) check_option(url, row->key, s.values[i], other);
    }
  mysqldb_settings_free(&s);
  arena_free(&a);
}

static void check_mysql_again(const mysql_settings *s) {
  cat_option options[NSETTINGS];
  size_t count = 0;
  mysql_settings again;
  shunt_error err = {0};
  for (mysql_setting i = SET_URL + 1; i < NSETTINGS; i++)
    if (s->values[i]) options[count++] = (cat_option){mysqldb_setting_row(i)->key, s->values[i], false};
  const cat_client client = client_of(CAT_MYSQL, options, count);
  const shunt_status status = mysqldb_settings_read(&again, &client, 0, &err);
  FUZZ_HOLDS(!status, "taken, and then refused: %s", err.message);
  for (mysql_setting i = SET_URL + 1; i < NSETTINGS; i++) {
    const char *was = s->values[i], *is = again.values[i];
    FUZZ_HOLDS((!was && !is) || (was && is && strcmp(was, is) == 0), "%s: '%s' is then '%s'",
               mysqldb_setting_row(i)->key, was, is);
  }
  FUZZ_HOLDS(s->port == again.port && s->tls == again.tls && s->compress == again.compress, "port, TLS or compression");
  mysqldb_settings_free(&again);
}

static void check_mysql(const given *g) {
  mysql_settings s;
  const char *url = url_of(g);
  shunt_error err = {0};
  const cat_client client = client_of(CAT_MYSQL, g->list, g->count);
  const shunt_status status = mysqldb_settings_read(&s, &client, 0, &err);
  check_reason(g, status, &err);
  if (url) check_mysql_url(url);
  if (!status) check_mysql_again(&s);
  mysqldb_settings_free(&s);
}

int shunt_fuzz_connection(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  given g = {.count = 0};
  char *engine = fuzz_line(&in);
  while (in.size) add_line(&g, fuzz_until(&in, '\n'));
  if (!has_twice(&g)) {
    if (engine[0] == 'm')
      check_mysql(&g);
    else
      check_pg(&g);
  }
  for (size_t i = 0; i < g.count; i++) free(g.texts[i]);
  free(engine);
  return 0;
}
