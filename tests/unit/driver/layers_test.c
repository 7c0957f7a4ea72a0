/* A connection goes where the nearest layer says: rule file, app config, overlay, clone and database.base, with keys
 * and urls. The drivers read what the layers give together. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"

#include "driver/mysql/options.h"
#include "driver/pg/conn.h"

enum { PARTS = 6, LAYERS = 7, ROUNDS = 3000 };

/* ADDRESS is what a driver prefers to the host. */
enum { HOST, PORT, ADDRESS, USER, DATABASE, APPLICATION };

typedef struct engine {
  const char *name, *scheme;
  const char *parts[PARTS], *aliases[PARTS];
} engine;

static const engine engines[] = {
    {"pg", "postgresql", {"host", "port", "hostaddr", "user", "dbname", "application_name"}, {[DATABASE] = "database"}},
    {"mysql",
     "mysql",
     {"host", "port", "socket", "user", "database", "application_name"},
     {[ADDRESS] = "unixSocket", [USER] = "username", [DATABASE] = "DBNAME", [APPLICATION] = "program-name"}},
};

typedef struct layer {
  char keys[PARTS][16], url[PARTS][16]; /* "": not given */
  bool has_url;
} layer;

/* ---- what the drivers read ---- */

typedef struct result {
  char values[PARTS][16];
  char password[16];
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
  keep(r.password, pg_value(keywords, values, "password"));
  arena_free(&a);
  return r;
}

static result read_mysql(const cat_client *client) {
  static const mysql_setting settings[PARTS] = {SET_HOST, SET_PORT,     SET_SOCKET,
                                                SET_USER, SET_DATABASE, SET_APPLICATION};
  mysql_settings s;
  shunt_error err;
  result r;
  if (mysqldb_settings_read(&s, client, 0, &err)) fail_msg("%s", err.message);
  for (int p = 0; p < PARTS; p++) keep(r.values[p], s.values[settings[p]]);
  keep(r.password, s.values[SET_PASSWORD]);
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

/* From the nearest layer to the farthest. A host elsewhere has other ports and addresses. */
static const char *expected(const engine *e, const layer *layers, int part) {
  const char *otherwise = part == APPLICATION && e != engines ? "shunt" : NULL;
  for (const layer *l = layers; l < layers + LAYERS; l++) {
    if (*given(l, part)) return given(l, part);
    const bool moves = part == ADDRESS ? *given(l, HOST) != 0 : part == PORT && *l->url[HOST];
    if (moves) break;
  }
  return otherwise ? otherwise : "";
}

/* ---- random layers, as YAML ---- */

static void draw_part(uint64_t *seed, char to[16], int part, int at) {
  static const char *const forms[PARTS] = {"h%d", "6%d", "10.0.0.%d", "u%d", "d%d", "a%d"};
  if (app_random(seed, 3) == 0) snprintf(to, 16, forms[part], at + 1);
}

static void draw(uint64_t *seed, layer layers[LAYERS]) {
  const size_t with_url = (size_t)app_random(seed, LAYERS + 1); /* a url replaces another one whole */
  memset(layers, 0, sizeof *layers * LAYERS);
  for (int i = 0; i < LAYERS; i++) {
    layer *l = &layers[i];
    l->has_url = (size_t)i == with_url;
    for (int p = 0; p < PARTS; p++) {
      draw_part(seed, l->keys[p], p, i);
      if (l->has_url) draw_part(seed, l->url[p], p, i + 20);
    }
    if (!*l->url[HOST]) l->url[PORT][0] = 0;
  }
}

static void write_query(buf *b, const engine *e, const layer *l) {
  const char *before = "?";
  for (int p = 0; p < PARTS; p++) {
    if ((p != ADDRESS && p != APPLICATION) || !*l->url[p]) continue;
    buf_printf(b, "%s%s=%s", before, e->parts[p], l->url[p]);
    before = "&";
  }
}

/* Also libpq's other form. */
static void write_url(buf *b, uint64_t *seed, const engine *e, const layer *l) {
  buf_puts(b, "url: \"");
  if (e == engines && app_random(seed, 2) && *l->url[HOST]) {
    for (int p = 0; p < PARTS; p++)
      if (*l->url[p]) buf_printf(b, app_random(seed, 2) ? " %s = '%s'" : "%s=%s  ", e->parts[p], l->url[p]);
  } else {
    buf_printf(b, "%s://%s%s%s", e->scheme, l->url[USER], *l->url[USER] ? "@" : "", l->url[HOST]);
    buf_printf(b, "%s%s/%s", *l->url[PORT] ? ":" : "", l->url[PORT], l->url[DATABASE]);
    write_query(b, e, l);
  }
  buf_puts(b, "\", ");
}

static void write_layer(buf *b, uint64_t *seed, const engine *e, const layer *l) {
  bool url_last = app_random(seed, 2);
  buf_puts(b, "connection: {");
  if (l->has_url && !url_last) write_url(b, seed, e, l);
  for (int p = 0; p < PARTS; p++) {
    const char *alias = e->aliases[p];
    if (*l->keys[p]) buf_printf(b, "%s: %s, ", alias && app_random(seed, 2) ? alias : e->parts[p], l->keys[p]);
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
  draw(seed, layers);
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
  assert_string_equal(open_clone(base, main, replica).password, expected_password);
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
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_part_is_that_of_the_nearest_layer_that_gives_it),
      cmocka_unit_test(a_url_to_another_host_or_user_does_not_inherit_the_password),
      cmocka_unit_test(a_service_is_a_place_too),
  };
  return cmocka_run_group_tests_name("layers of connections", tests, NULL, NULL);
}
