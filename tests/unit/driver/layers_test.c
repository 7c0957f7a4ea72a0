/* A connection goes where the nearest layer says: rule file, app config, overlay, clone and database.base, with keys
 * and urls. The drivers read what the layers give together. */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>

#include "unit/config/app.h"

#include "driver/mysql/options.h"
#include "driver/pg/conn.h"

enum { LAYERS = 7, ROUNDS = 6000 };

/* ADDRESS is what a driver prefers to the host, FILE_OF a path. Only libpq has services. */
enum { HOST, PORT, ADDRESS, SERVICE, USER, PASSWORD, DATABASE, APPLICATION, TLS, FILE_OF, PARTS };

typedef struct engine {
  const char *name, *schemes[2];
  const char *parts[PARTS], *aliases[PARTS], *fallbacks[PARTS];
} engine;

static const engine engines[] = {
    {"pg",
     {"postgresql", "postgres"},
     {"host", "port", "hostaddr", "service", "user", "password", "dbname", "application_name", "sslmode", "passfile"},
     {[DATABASE] = "database"},
     {NULL}},
    {"mysql",
     {"mysql", "mariadb"},
     {"host", "port", "socket", NULL, "user", "password", "database", "application_name", "ssl_mode", "ssl_ca"},
     {[ADDRESS] = "unixSocket",
      [USER] = "username",
      [DATABASE] = "DBNAME",
      [APPLICATION] = "program-name",
      [TLS] = "ssl-mode",
      [FILE_OF] = "sslCa"},
     {[APPLICATION] = "shunt"}},
};

static bool is_pg(const engine *e) { return e == engines; }

typedef struct layer {
  char keys[PARTS][16], url[PARTS][16]; /* "": not given */
  bool has_url;
} layer;

/* ---- what the drivers read ---- */

typedef struct result {
  char values[PARTS][16];
} result;

static void keep(char to[16], const char *value) { snprintf(to, 16, "%s", value ? value : ""); }

static const char *pg_value(const char *const *keywords, const char *const *values, const char *name) {
  for (; *keywords; keywords++, values++)
    if (strcmp(*keywords, name) == 0) return *values;
  return NULL;
}

static result read_pg(const cat_client *client) {
  const char **keywords, **values;
  arena a = {0};
  shunt_error err;
  result r;
  if (pg_options(client, &a, &keywords, &values, &err)) fail_msg("%s", err.message);
  for (int p = 0; p < PARTS; p++) keep(r.values[p], pg_value(keywords, values, engines[0].parts[p]));
  arena_free(&a);
  return r;
}

static result read_mysql(const cat_client *client) {
  static const mysql_setting settings[PARTS] = {SET_HOST,     SET_PORT,     SET_SOCKET,      NSETTINGS,    SET_USER,
                                                SET_PASSWORD, SET_DATABASE, SET_APPLICATION, SET_SSL_MODE, SET_SSL_CA};
  mysql_settings s;
  shunt_error err;
  result r;
  if (mysqldb_settings_read(&s, client, 0, &err)) fail_msg("%s", err.message);
  for (int p = 0; p < PARTS; p++) keep(r.values[p], settings[p] == NSETTINGS ? NULL : s.values[settings[p]]);
  mysqldb_settings_free(&s);
  return r;
}

static result read_client(const app *a, const char *name) {
  const cat_client *client = catalog_client(a->catalog, name);
  assert_non_null(client);
  return client->engine == CAT_PG ? read_pg(client) : read_mysql(client);
}

/* ---- the model: the nearest layer that gives a part ---- */

static const char *given(const layer *l, int part) { return *l->keys[part] ? l->keys[part] : l->url[part]; }

/* Whether the layer names another server, so that the part of a farther one is not for it. */
static bool ends(const layer *l, int part) {
  const bool service = *given(l, SERVICE), url_host = *l->url[HOST];
  return part == ADDRESS   ? *given(l, HOST) || service
         : part == PORT    ? url_host || service
         : part == HOST    ? service
         : part == SERVICE ? url_host
                           : false;
}

static const char *nearest(const layer *from, const layer *to, int part) {
  for (const layer *l = from; l < to; l++) {
    if (*given(l, part)) return given(l, part);
    if (ends(l, part)) break;
  }
  return "";
}

/* Whether the layers' server or user is another one than the url's: their password is not for it. */
static bool is_another(const layer *from, const layer *to, const layer *url) {
  static const int server[] = {HOST, ADDRESS, SERVICE};
  const char *user = nearest(from, to, USER);
  bool named = false, other = false;
  for (int i = 0; i < 3; i++) {
    const char *was = nearest(from, to, server[i]), *is = url->url[server[i]];
    named = named || *was;
    other = other || (*is && strcmp(was, is) != 0);
  }
  return (named && other) || (*user && *url->url[USER] && strcmp(user, url->url[USER]) != 0);
}

/* A client's own layers are laid over each other first; then the client over its original, and that over the base. */
static const char *expected_password(const layer *layers) {
  static const int ends_of[] = {2, 5, LAYERS};
  const layer *url = layers;
  while (url < layers + LAYERS && !url->has_url) url++;
  for (int from = 0, client = 0; from < LAYERS; client += from == ends_of[client]) {
    const bool own =
        from <= url - layers || url >= layers + LAYERS || url - layers >= (client ? ends_of[client - 1] : 0);
    const int to = own ? from + 1 : ends_of[client];
    const char *password = nearest(&layers[from], &layers[to], PASSWORD);
    const bool other = from > url - layers && is_another(&layers[from], &layers[to], url);
    if (*password && !other) return password;
    from = to;
  }
  return "";
}

static const char *expected(const engine *e, const layer *layers, int part) {
  const char *value = part == PASSWORD ? expected_password(layers) : nearest(layers, layers + LAYERS, part);
  return !*value && e->fallbacks[part] ? e->fallbacks[part] : value;
}

/* ---- random layers, as YAML ---- */

static void draw_part(uint64_t *seed, const engine *e, char to[16], int part, int at) {
  static const char *const forms[PARTS] = {"h%d",  "6%d",     "10.0.0.%d", "s%d", "u:%d",
                                           "p@%d", "d/%d'\\", "a://%d",    NULL,  "/f%d"};
  static const char *const modes[] = {"disable", "require", "verify-ca", "disabled", "required", "verify_ca"};
  if (!e->parts[part] || app_random(seed, 3)) return;
  if (part == TLS)
    snprintf(to, 16, "%s", modes[app_random(seed, 3) + (is_pg(e) ? 0 : 3)]);
  else
    snprintf(to, 16, forms[part], at + 1);
}

/* libpq gives each of several hosts a port, and an empty one if the url gives none. */
static void draw_hosts(uint64_t *seed, const engine *e, char parts[PARTS][16], bool in_url) {
  if (!is_pg(e) || !*parts[HOST] || app_random(seed, 2)) return;
  strcat(parts[HOST], ",k");
  if (*parts[PORT] || in_url) strcat(parts[PORT], *parts[PORT] ? ",77" : ",");
}

/* The same server or user as a farther layer's. */
static void repeat(uint64_t *seed, char to[16], const layer *farther, size_t count, int part) {
  const char *from = farther[app_random(seed, count)].keys[part];
  if (*to && !strchr(from, ',') && app_random(seed, 2)) snprintf(to, 16, "%s", from);
}

static void draw_layer(uint64_t *seed, const engine *e, layer *l, int at) {
  for (int p = 0; p < PARTS; p++) {
    draw_part(seed, e, l->keys[p], p, at);
    if (l->has_url) draw_part(seed, e, l->url[p], p, at + 20);
    if (l->has_url && at + 1 < LAYERS) repeat(seed, l->url[p], l + 1, (size_t)(LAYERS - 1 - at), p);
  }
  draw_hosts(seed, e, l->keys, false);
  draw_hosts(seed, e, l->url, true);
}

/* A url replaces another one whole, and so does a service: such a url is not drawn. */
static bool is_replaced(const layer *layers, int url) {
  for (int i = 0; i < url; i++)
    if (*layers[i].keys[SERVICE]) return true;
  return false;
}

static void draw(uint64_t *seed, const engine *e, layer layers[LAYERS]) {
  const int with_url = (int)app_random(seed, LAYERS + 1);
  memset(layers, 0, sizeof *layers * LAYERS);
  if (with_url < LAYERS) layers[with_url].has_url = true;
  for (int i = LAYERS; i-- > 0;) draw_layer(seed, e, &layers[i], i);
  if (with_url < LAYERS && is_replaced(layers, with_url)) {
    memset(layers[with_url].url, 0, sizeof layers[with_url].url);
    layers[with_url].has_url = false;
  }
}

/* Percent-encodes what has a meaning in a url, and some of the rest. */
static void write_encoded(buf *b, uint64_t *seed, const char *text) {
  for (; *text; text++) {
    const bool plain = isalnum((unsigned char)*text) || strchr(",._", *text);
    buf_printf(b, plain && app_random(seed, 8) ? "%c" : "%%%02x", *text);
  }
}

static void write_option(buf *b, uint64_t *seed, const char *name, const char *value) {
  buf_puts(b, strchr(b->data + strlen(b->data) - 1, '?') ? "" : "&");
  if (strcmp(name, "sslmode") == 0 && strcmp(value, "require") == 0 && app_random(seed, 2)) {
    buf_puts(b, "ssl=true");
    return;
  }
  write_encoded(b, seed, name);
  buf_puts(b, "=");
  write_encoded(b, seed, value);
}

/* The options that `left` holds. Of two values, libpq takes the last one, and src/driver/mysql the first. */
static void write_query(buf *b, uint64_t *seed, const engine *e, const layer *l, const bool left[PARTS]) {
  buf_puts(b, "?");
  for (int p = 0; p < PARTS; p++) {
    const bool twice = *l->url[p] && app_random(seed, 4) == 0;
    if (twice && is_pg(e) && left[p]) write_option(b, seed, e->parts[p], "decoy");
    if (*l->url[p] && left[p]) write_option(b, seed, e->parts[p], l->url[p]);
    if (twice && !is_pg(e)) write_option(b, seed, e->parts[p], "decoy");
  }
}

/* HOST:PORT,… */
static void write_hosts(buf *b, uint64_t *seed, const char *host, const char *port) {
  const char *more_hosts = strchr(host, ','), *more_ports = strchr(port, ',');
  char first[16];
  snprintf(first, sizeof first, "%.*s", (int)strcspn(host, ","), host);
  write_encoded(b, seed, first);
  snprintf(first, sizeof first, "%.*s", (int)strcspn(port, ","), port);
  if (*first || (*port && app_random(seed, 2))) buf_puts(b, ":");
  write_encoded(b, seed, first);
  if (!more_hosts) return;
  buf_puts(b, ",");
  write_hosts(b, seed, more_hosts + 1, more_ports ? more_ports + 1 : "");
}

/* Each option stands in its own place, or among the others behind the ?. */
static void write_uri(buf *b, uint64_t *seed, const engine *e, const layer *l) {
  bool left[PARTS];
  for (int p = 0; p < PARTS; p++) left[p] = p == ADDRESS || p == SERVICE || p >= APPLICATION || app_random(seed, 2);
  left[PORT] = left[HOST];
  buf_printf(b, "%s://", e->schemes[app_random(seed, 2)]);
  if (!left[USER]) write_encoded(b, seed, l->url[USER]);
  if (!left[PASSWORD]) buf_puts(b, ":");
  if (!left[PASSWORD]) write_encoded(b, seed, l->url[PASSWORD]);
  if (!left[USER] || !left[PASSWORD]) buf_puts(b, "@");
  if (!left[HOST]) write_hosts(b, seed, l->url[HOST], l->url[PORT]);
  if (left[HOST] && *l->url[HOST] && is_pg(e) && app_random(seed, 2)) buf_puts(b, "decoy");
  buf_puts(b, "/");
  if (!left[DATABASE]) write_encoded(b, seed, l->url[DATABASE]);
  write_query(b, seed, e, l, left);
}

/* libpq's other form, inside the quotes of YAML. */
static void write_list(buf *b, uint64_t *seed, const engine *e, const layer *l) {
  for (int p = 0; p < PARTS; p++) {
    const bool quoted = app_random(seed, 2);
    if (!*l->url[p]) continue;
    buf_printf(b, " %s %s%s", e->parts[p], app_random(seed, 2) ? "= " : "=", quoted ? "'" : "");
    for (const char *at = l->url[p]; *at; at++)
      buf_printf(b, strchr("'\\", *at) || app_random(seed, 8) == 0 ? "\\\\%s%c" : "%s%c", *at == '\\' ? "\\" : "", *at);
    if (quoted) buf_puts(b, "'");
  }
}

static void write_url(buf *b, uint64_t *seed, const engine *e, const layer *l) {
  buf_puts(b, "url: \"");
  if (is_pg(e) && app_random(seed, 2))
    write_list(b, seed, e, l);
  else
    write_uri(b, seed, e, l);
  buf_puts(b, "\", ");
}

static void write_layer(buf *b, uint64_t *seed, const engine *e, const layer *l) {
  bool url_last = app_random(seed, 2);
  buf_puts(b, "connection: {");
  if (l->has_url && !url_last) write_url(b, seed, e, l);
  for (int p = 0; p < PARTS; p++) {
    const char *alias = e->aliases[p];
    if (!*l->keys[p]) continue;
    buf_printf(b, "%s: \"", alias && app_random(seed, 2) ? alias : e->parts[p]);
    for (const char *at = l->keys[p]; *at; at++) buf_printf(b, *at == '\\' ? "\\%c" : "%c", *at);
    buf_puts(b, "\", ");
  }
  if (l->has_url && url_last) write_url(b, seed, e, l);
  buf_puts(b, "}");
}

/* From the nearest to the farthest: the clone in the overlay and the app config; its original there and in a rule file;
 * database.base. */
static void open_layers(app *a, uint64_t *seed, const engine *e, const layer layers[LAYERS]) {
  char *text[LAYERS];
  for (int i = 0; i < LAYERS; i++) {
    buf b = {0};
    write_layer(&b, seed, e, &layers[i]);
    text[i] = buf_take(&b);
    assert_non_null(text[i]);
  }
  app_begin(a);
  static const char form[] = "database: {%s base: {%s %s}, clients: {replica: {%s %s}, main: {%s %s}}}\n";
  app_file(a, "app.yaml",
           app_text(a, form, "defaultClient: main,", "pool: {max: 2},", text[6], "clone: main,", text[1],
                    app_text(a, "engine: %s,", e->name), text[3]));
  app_file(a, "app.prod.yaml", app_text(a, form, "", "pool: {max: 3},", text[5], "", text[0], "", text[2]));
  app_read(a, "prod");
  app_declare(a, &a->source.datasources, 1, "main", app_text(a, "{%s}", text[4]));
  app_build(a);
  for (int i = 0; i < LAYERS; i++) base_free(text[i]);
}

static void check_round(uint64_t *seed, const engine *e) {
  app a;
  layer layers[LAYERS];
  draw(seed, e, layers);
  open_layers(&a, seed, e, layers);
  assert_string_equal(a.told, "");
  result got = read_client(&a, "replica");
  for (int p = 0; p < PARTS; p++)
    if (strcmp(got.values[p], expected(e, layers, p)) != 0)
      fail_msg("%s: %s is '%s' and not '%s'", e->name, e->parts[p], got.values[p], expected(e, layers, p));
  app_end(&a);
}

static void each_part_is_that_of_the_nearest_layer_that_gives_it(void **state) {
  (void)state;
  uint64_t seed = app_seed();
  for (int i = 0; i < ROUNDS; i++) check_round(&seed, &engines[i % 2]);
}

/* ---- examples ---- */

static result open_clone(const char *base, const char *main, const char *replica) {
  app a;
  app_begin(&a);
  app_file(&a, "app.yaml",
           app_text(&a,
                    "database: {defaultClient: main, base: {engine: pg, connection: {%s}}, clients: {main: "
                    "{connection: {%s}}, replica: {clone: main, connection: {%s}}}}\n",
                    base, main, replica));
  app_open(&a, "dev");
  assert_string_equal(a.told, "");
  result r = read_client(&a, "replica");
  app_end(&a);
  return r;
}

static void assert_password(const char *expected_password, const char *base, const char *main, const char *replica) {
  assert_string_equal(open_clone(base, main, replica).values[PASSWORD], expected_password);
}

/* A password stands beside the host and the user for which it is. */
static void a_url_to_another_host_or_user_does_not_inherit_the_password(void **state) {
  (void)state;
  static const char main[] = "host: primary, user: app, password: secret";
  assert_password("", "", main, "url: postgresql://reader@replica/copy");
  assert_password("", "", main, "url: postgresql://replica/copy");
  assert_password("", "", main, "url: postgresql://reader@primary/copy");
  assert_password("secret", "", main, "url: postgresql://app@primary/copy");
  assert_password("secret", "", main, "url: postgresql:///copy");
  assert_password("secret", "", main, "host: replica");
  assert_password("other", "", main, "url: postgresql://replica/copy, password: other");
  assert_password("secret", "user: app, password: secret", "host: primary", "url: postgresql://replica/copy");
  assert_password("", "", "url: postgresql://app:secret@primary/shop", "url: postgresql://replica/copy");
  assert_password("", "", "url: postgresql://primary/shop, password: secret", "url: postgresql://replica/copy");
  assert_password("secret", "", "url: postgresql://app:secret@primary/shop", "host: replica");
}

static void a_service_is_a_place_too(void **state) {
  (void)state;
  result r = open_clone("user: app", "host: primary, port: 6432", "service: copies");
  assert_string_equal(r.values[HOST], "");
  assert_string_equal(r.values[PORT], "");
  assert_string_equal(r.values[USER], "app");
  assert_string_equal(open_clone("", "url: postgresql://primary/shop", "service: copies").values[HOST], "");
  r = open_clone("", "host: primary, password: secret", "url: 'postgresql:///copy?service=copies'");
  assert_string_equal(r.values[HOST], "");
  assert_string_equal(r.values[PASSWORD], "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_part_is_that_of_the_nearest_layer_that_gives_it),
      cmocka_unit_test(a_url_to_another_host_or_user_does_not_inherit_the_password),
      cmocka_unit_test(a_service_is_a_place_too),
  };
  return cmocka_run_group_tests_name("layers of connections", tests, NULL, NULL);
}
