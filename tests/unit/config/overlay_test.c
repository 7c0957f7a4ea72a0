/* An overlay is merged as RFC 7396 says, and remembers what it unset. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"

#include "catalog/overlay.h"

#define BASE                                                                                                           \
  "database:\n"                                                                                                        \
  "  defaultClient: main\n"                                                                                            \
  "  base: {pool: {max: 4, idleTimeout: 9s}}\n"                                                                        \
  "  clients:\n"                                                                                                       \
  "    main: {engine: sqlite3, connection: {filename: data/main.db, busyTimeout: 1s}, pool: {max: 2}}\n"               \
  "    iso: {clone: default, connection: {filename: data/iso.db}}\n"                                                   \
  "instance:\n"                                                                                                        \
  "  instances:\n"                                                                                                     \
  "    iso: {id: 9, isolate: true, isolateClient: iso, config: {a: {b: 1, c: 2}, list: [1, 2, 3]}}\n"

static void open_with(app *a, const char *overlay, const char *env) {
  app_begin(a);
  app_file(a, "app.yaml", BASE);
  if (overlay) app_file(a, "app.prod.yaml", overlay);
  app_open(a, env);
}

static const char *filename_of(const app *a, const char *client) {
  const cat_client *c = catalog_client(a->catalog, client);
  assert_non_null(c);
  assert_int_equal(strncmp(c->filename, a->folder, strlen(a->folder)), 0);
  return c->filename + strlen(a->folder) + 1;
}

static void leaves_the_app_config_alone_in_another_environment(void **state) {
  (void)state;
  app a;
  open_with(&a, "database: {defaultClient: unknown}\n", "dev");
  assert_string_equal(a.told, "");
  assert_string_equal(a.catalog->default_client, "main");
  assert_string_equal(a.catalog->env, "dev");
  app_end(&a);
}

static void merges_maps_to_any_depth(void **state) {
  (void)state;
  app a;
  open_with(&a,
            "database: {clients: {main: {connection: {filename: /srv/main.db}}}}\n"
            "instance: {instances: {iso: {config: {a: {c: 3, d: 4}}}}}\n",
            "prod");
  assert_string_equal(a.told, "");
  const cat_client *main = catalog_client(a.catalog, "main");
  assert_string_equal(main->filename, "/srv/main.db");
  assert_int_equal(main->busy_timeout_ms, 1000);
  const node *inner = node_get(catalog_instance(a.catalog, "iso")->config, "a");
  assert_int_equal(node_get(inner, "b")->value.as.integer, 1);
  assert_int_equal(node_get(inner, "c")->value.as.integer, 3);
  assert_int_equal(node_get(inner, "d")->value.as.integer, 4);
  app_end(&a);
}

static void replaces_what_is_no_map(void **state) {
  (void)state;
  app a;
  open_with(&a, "instance: {instances: {iso: {config: {a: 5, list: [4]}}}}\n", "prod");
  assert_string_equal(a.told, "");
  const node *config = catalog_instance(a.catalog, "iso")->config;
  assert_int_equal(node_get(config, "a")->value.as.integer, 5);
  assert_int_equal(node_get(config, "list")->count, 1);
  app_end(&a);
}

static void unsets_with_null(void **state) {
  (void)state;
  app a;
  open_with(&a,
            "database: {clients: {main: {pool: null, connection: {busyTimeout: ~}}}}\n"
            "instance: {instances: {iso: {config: {a: {b: null}}}}}\n",
            "prod");
  assert_string_equal(a.told, "");
  const cat_client *main = catalog_client(a.catalog, "main");
  assert_int_equal(main->busy_timeout_ms, 5000);
  assert_int_equal(main->pool.max, 4); /* from database.base */
  assert_int_equal(node_get(catalog_instance(a.catalog, "iso")->config, "a")->count, 1);
  app_end(&a);
}

static void unsets_a_clone_and_the_instance_on_it(void **state) {
  (void)state;
  app a;
  open_with(&a, "database: {clients: {iso: null}}\ninstance: {instances: {iso: null}}\n", "prod");
  assert_string_equal(a.told, "");
  assert_null(catalog_client(a.catalog, "iso"));
  assert_null(catalog_instance(a.catalog, "iso"));
  assert_int_equal(a.catalog->nclients, 1);
  app_end(&a);
}

static void tells_who_still_names_a_client_that_was_unset(void **state) {
  (void)state;
  app a;
  open_with(&a, "database: {clients: {iso: null}}\n", "prod");
  assert_string_equal(a.told,
                      "app.yaml:9:48: instance 'iso': isolateClient names the client 'iso', which is not defined\n");
  app_end(&a);
}

static void unsets_what_a_rule_file_declares(void **state) {
  (void)state;
  for (int prod = 0; prod < 2; prod++) {
    app a;
    app_begin(&a);
    app_file(&a, "app.yaml", BASE);
    app_file(&a, "app.prod.yaml", "database: {clients: {lua: null}}\n");
    app_read(&a, prod ? "prod" : "dev");
    app_declare(&a, &a.source.datasources, 3, "lua", "{engine: pg}");
    app_build(&a);
    assert_string_equal(a.told, "");
    assert_int_equal(catalog_client(a.catalog, "lua") == NULL, prod);
    app_end(&a);
  }
}

static void takes_paths_from_the_file_that_names_them(void **state) {
  (void)state;
  app a;
  open_with(&a, "database: {clients: {iso: {connection: {filename: ':memory:'}}}}\n", "prod");
  assert_string_equal(filename_of(&a, "main"), "data/main.db");
  assert_string_equal(catalog_client(a.catalog, "iso")->filename, ":memory:");
  assert_int_equal(strncmp(a.catalog->folder, a.folder, strlen(a.folder)), 0);
  app_end(&a);
}

static void adds_sections_that_only_the_overlay_has(void **state) {
  (void)state;
  app a;
  open_with(&a, "models: {user: {table: users, primary_key: null}}\nrules: {timeout: 1s}\n", "prod");
  assert_string_equal(a.told, "");
  assert_string_equal(catalog_model(a.catalog, "user")->primary_key[0], "id");
  assert_int_equal(a.catalog->settings.timeout_ms, 1000);
  app_end(&a);
}

static void wants_the_overlay_of_a_name_of_its_own(void **state) {
  (void)state;
  app a;
  open_with(&a, NULL, "prd");
  assert_string_equal(
      a.told,
      "app.yaml:0:0: the environment 'prd' needs its file app.prd.yaml, which does not exist; did you mean 'prod'?\n");
  app_end(&a);
  open_with(&a, NULL, "prod");
  assert_string_equal(a.told, "");
  app_end(&a);
  app_begin(&a);
  app_file(&a, "app.yaml", BASE);
  app_file(&a, "app.stage-2.yaml", "database: {clients: {main: {pool: {max: 1}}}}\n");
  app_open(&a, "stage-2");
  assert_string_equal(a.told, "");
  assert_int_equal(catalog_client(a.catalog, "main")->pool.max, 1);
  app_end(&a);
}

static void refuses_an_environment_that_is_a_path(void **state) {
  (void)state;
  app a;
  open_with(&a, NULL, "../prod");
  assert_string_equal(a.told,
                      "app.yaml:0:0: '../prod' is not the name of an environment: use letters, digits, _ and -\n");
  app_end(&a);
}

static void goes_by_SHUNT_ENV_and_else_dev(void **state) {
  (void)state;
  app a;
  assert_int_equal(setenv("SHUNT_ENV", "prod", 1), 0);
  open_with(&a, "database: {clients: {iso: {role: replica}}}\n", NULL);
  assert_string_equal(a.catalog->env, "prod");
  assert_true(catalog_client(a.catalog, "iso")->replica);
  app_end(&a);
  assert_int_equal(unsetenv("SHUNT_ENV"), 0);
  open_with(&a, "database: {clients: {iso: {role: replica}}}\n", NULL);
  assert_string_equal(a.catalog->env, "dev");
  assert_false(catalog_client(a.catalog, "iso")->replica);
  app_end(&a);
}

static void tells_mistakes_in_the_base_when_the_overlay_is_no_yaml(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_file(&a, "app.yaml", "databas: {}\n");
  app_file(&a, "app.prod.yaml", "a: [\n");
  app_read(&a, "prod");
  char *told = app_lines(&a, &a.problems);
  assert_int_equal(a.read, SHUNT_E_CONFIG);
  assert_string_equal(
      told, "app.prod.yaml:2:1: not YAML: did not find expected node content (while parsing a flow node, from line 2)\n"
            "app.yaml:1:1: unknown key 'databas' in the configuration; did you mean 'database'?\n");
  base_free(told);
  app_end(&a);
}

/* ---- against the definition: the pseudocode of RFC 7396, section 2 ---- */

static node *random_node(arena *in, uint64_t *random, int depth) {
  place at = {"x", 1, 1};
  uint64_t kind = app_random(random, depth > 3 ? 3 : 6);
  if (kind == 0) return node_value(in, at, shunt_null());
  if (kind < 3) return node_value(in, at, shunt_integer((int64_t)app_random(random, 5)));
  node *n = node_map(in, at);
  size_t count = app_random(random, 8) == 0 ? 60 : app_random(random, 5);
  for (size_t i = 0; i < count; i++) {
    char key[16];
    snprintf(key, sizeof key, "k%llu", (unsigned long long)app_random(random, count * 2));
    assert_true(node_put(in, n, key, at, random_node(in, random, depth + 1)));
  }
  return n;
}

static node *by_the_rfc(arena *in, node *target, const node *patch) {
  if (patch->kind != NODE_MAP) return node_copy(in, patch);
  if (!target || target->kind != NODE_MAP) target = node_map(in, patch->at);
  for (size_t i = 0; i < patch->count; i++) {
    const node_entry *e = &patch->entries[i];
    if (node_is_null(e->value))
      node_remove(target, e->key);
    else
      assert_true(node_put(in, target, e->key, e->at, by_the_rfc(in, node_get(target, e->key), e->value)));
  }
  return target;
}

/* Null is absence on both sides. */
static bool is_within(const node *a, const node *b) {
  if (node_is_null(a) || node_is_null(b)) return node_is_null(a) && node_is_null(b);
  if (a->kind != b->kind) return false;
  if (a->kind == NODE_VALUE) return a->value.as.integer == b->value.as.integer;
  for (size_t i = 0; i < a->count; i++)
    if (!node_is_null(a->entries[i].value) && !is_within(a->entries[i].value, node_get(b, a->entries[i].key)))
      return false;
  return true;
}

static void agrees_with_the_pseudocode_of_the_rfc(void **state) {
  (void)state;
  uint64_t random = app_seed();
  for (int i = 0; i < 2000; i++) {
    arena in = {0};
    node *target = random_node(&in, &random, 0), *patch = random_node(&in, &random, 0);
    node *want = by_the_rfc(&in, node_copy(&in, target), patch);
    node *got = overlay_on(&in, target, patch);
    assert_non_null(got);
    assert_true(is_within(got, want) && is_within(want, got));
    arena_free(&in);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(leaves_the_app_config_alone_in_another_environment),
      cmocka_unit_test(merges_maps_to_any_depth),
      cmocka_unit_test(replaces_what_is_no_map),
      cmocka_unit_test(unsets_with_null),
      cmocka_unit_test(unsets_a_clone_and_the_instance_on_it),
      cmocka_unit_test(tells_who_still_names_a_client_that_was_unset),
      cmocka_unit_test(unsets_what_a_rule_file_declares),
      cmocka_unit_test(takes_paths_from_the_file_that_names_them),
      cmocka_unit_test(adds_sections_that_only_the_overlay_has),
      cmocka_unit_test(wants_the_overlay_of_a_name_of_its_own),
      cmocka_unit_test(refuses_an_environment_that_is_a_path),
      cmocka_unit_test(goes_by_SHUNT_ENV_and_else_dev),
      cmocka_unit_test(tells_mistakes_in_the_base_when_the_overlay_is_no_yaml),
      cmocka_unit_test(agrees_with_the_pseudocode_of_the_rfc),
  };
  return cmocka_run_group_tests_name("overlays", tests, NULL, NULL);
}
