/* What is made of the table of settings agrees with the check, which reads the same rows. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"
#include "unit/config/json_validator.h"

#include <ctype.h>
#include <glob.h>

#include "catalog/describe.h"
#include "catalog/schema_value.h"
#include "catalog/settings.h"
#include "catalog/table_name.h"

/* ---- defaults ---- */

static const char required[] =
    "database:\n"
    "  defaultClient: a\n"
    "  clients:\n"
    "    a: {engine: sqlite3, connection: {filename: a.db}}\n"
    "    b: {engine: pg, connection: {host: h}}\n"
    "instance: {instances: {'': {id: 1}, x: {id: 2}}}\n"
    "models: {m: {table: t, relations: {self: {kind: has_one, target: m, foreign_key: k}}}}\n";

static char *described(const char *yaml, cat_settings *settings) {
  app a;
  char *json;
  app_begin(&a);
  app_file(&a, "app.yaml", yaml);
  app_file(&a, "app.dev.yaml", required);
  app_open(&a, "dev");
  assert_string_equal(a.told, "");
  *settings = a.catalog->settings;
  assert_int_equal(catalog_describe(a.catalog, 1, NULL, &json, NULL), SHUNT_OK);
  size_t folder = strlen(a.folder);
  for (char *at; (at = strstr(json, a.folder)) != NULL;) memmove(at, at + folder, strlen(at + folder) + 1);
  app_end(&a);
  return json;
}

static void the_defaults_mean_the_same_as_an_empty_configuration(void **state) {
  (void)state;
  char *defaults = NULL;
  cat_settings of_empty, of_defaults;
  assert_int_equal(config_defaults(&defaults, NULL), SHUNT_OK);
  assert_non_null(strstr(defaults, "\n  maxLevel: 8\n"));
  char *expected = described("", &of_empty), *found = described(defaults, &of_defaults);
  assert_string_equal(found, expected);
  assert_memory_equal(&of_defaults, &of_empty, sizeof of_empty);
  base_free(defaults);
  base_free(expected);
  base_free(found);
}

static size_t check_rows(const schema *s) {
  size_t count = 0;
  for (const schema_field *f = s->fields; f->key; f++) {
    shunt_value ignored;
    bool has_rows = f->type == SCHEMA_MAP || f->type == SCHEMA_NAMED || f->type == SCHEMA_MAPS;
    if (!f->sentence || f->sentence[strlen(f->sentence) - 1] != '.') fail_msg("the sentence of %s", f->key);
    if (f->fallback && f->type != SCHEMA_TEXTS) assert_true(schema_read_text(s, f, f->fallback, &ignored));
    if (f->type != SCHEMA_NAME && f->type != SCHEMA_TEXT_OR_FUNCTION) assert_int_equal(has_rows, f->of != NULL);
    assert_int_equal(f->type == SCHEMA_WORD, f->words != NULL);
    if (f->slot) assert_non_null(s->record);
    if (f->slot == SLOT_INT && f->type == SCHEMA_INTEGER) assert_true(f->least < f->most && f->most <= INT32_MAX);
    count += 1 + (f->of ? check_rows(f->of) : 0);
  }
  return count;
}

static void every_row_is_complete(void **state) {
  (void)state;
  size_t count = check_rows(&schema_config);
  for (const char *const *engine = settings_engines; *engine; engine++)
    count += check_rows(settings_of_connection(*engine));
  assert_true(count > 150);
}

/* ---- the JSON Schema ---- */

static json_t *load_schema(void) {
  char *text = NULL;
  json_error_t where;
  assert_int_equal(config_schema(&text, NULL), SHUNT_OK);
  json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
  if (!root) fail_msg("%s, line %d", where.text, where.line);
  base_free(text);
  return root;
}

static void the_json_schema_accepts_every_configuration_of_the_project(void **state) {
  (void)state;
  json_t *json = load_schema();
  glob_t found;
  assert_int_equal(glob("rules/*/shunt*.yaml", 0, NULL, &found), 0);
  glob("rules/*/*/shunt*.yaml", GLOB_APPEND, NULL, &found);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    char text[16384];
    FILE *f = fopen(found.gl_pathv[i], "rb");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    arena a = {0};
    problems p = {0};
    node *root = NULL;
    assert_int_equal(yaml_read(&a, &p, found.gl_pathv[i], text, size, &root), SHUNT_OK);
    if (!json_accepts(json, json, root)) fail_msg("%s", found.gl_pathv[i]);
    problems_free(&p);
    arena_free(&a);
  }
  assert_true(found.gl_pathc > 3);
  globfree(&found);
  json_decref(json);
}

static const char everything[] =
    "database:\n"
    "  defaultClient: a\n"
    "  maxLevel: 3\n"
    "  base: {pool: {min: 1, max: 4}, role: primary, connection: {x: 1}}\n"
    "  clients:\n"
    "    a: {engine: sqlite3, connection: {filename: a.db, create: true, readonly: false, busyTimeout: 3s}}\n"
    "    b: {engine: pg, role: replica, connection: {host: h, port: 5432, dbname: d, sslmode: require,\n"
    "        connect_timeout: 5, tcp_user_timeout: 3s, keepalives: 1, application_name: x}}\n"
    "    c: {engine: mysql, connection: {host: h, port: '3306', sslMode: Verify_CA, read_timeout: 5,\n"
    "        defaults_file: f, compress: true, charset: utf8mb4}, pool: {acquireTimeout: 1s, idleTimeout: 2m}}\n"
    "    d: {clone: a, connection: {filename: d.db}}\n"
    "instance:\n"
    "  isolation: strict\n"
    "  instances: {x: {id: 1, title: t, isolate: true, isolateClient: d, config: {k: [1, {a: b}]}}}\n"
    "models:\n"
    "  m: {table: t, client: a, primary_key: id, instance_column: i, relations: {r: {kind: has_many, target: m,\n"
    "      foreign_key: k, columns: [a, b], where: {a: {gt: 1}}, order: a, limit: 3, autoload: false}}}\n"
    "rules: {path: [rules], standard: false, instructions: 5, memory: 3MiB, timeout: 5ms, remember: 7, audit: 0.5,\n"
    "    selftest: [{model: m, op: read, level: 0, where: {a: 1}, attrs: {b: x}, expect: {client: a, denied: "
    "false}}]}\n"
    "jobs: {client: a, path: jobs, lease: 5s}\n"
    "watch: false\n";

enum { MOST_MAPS = 128 };

static size_t maps_in(node *n, node **maps, size_t count) {
  if (n->kind == NODE_MAP && n->count > 0 && count < MOST_MAPS) maps[count++] = n;
  for (size_t i = 0; i < n->count; i++)
    count = maps_in(n->kind == NODE_MAP ? n->entries[i].value : n->items[i], maps, count);
  return count;
}

static node *random_value(arena *a, uint64_t *random) {
  static const char *const values[] = {"null", "true",   "5", "-1",   "1.5",  "text",    "''",  "5s", "[a]",      "[5]",
                                       "{}",   "{x: 1}", "0", "7MiB", "read", "replica", "'3'", "[]", "{x: [1]}", "a"};
  char yaml[32];
  node *root = NULL;
  problems p = {0};
  snprintf(yaml, sizeof yaml, "v: %s\n", values[app_random(random, sizeof values / sizeof *values)]);
  assert_int_equal(yaml_read(a, &p, "edit", yaml, strlen(yaml), &root), SHUNT_OK);
  problems_free(&p);
  return node_get(root, "v");
}

static void edit(arena *a, node *root, uint64_t *random) {
  node *maps[MOST_MAPS];
  node *in = maps[app_random(random, maps_in(root, maps, 0))];
  node_entry *e = &in->entries[app_random(random, in->count)];
  char *key = arena_printf(a, "%s%s", e->key, "x");
  switch (app_random(random, 4)) {
  case 0:
    e->key = key;
    break;
  case 1:
    key[strlen(key) - 1] = 0;
    *key = (char)toupper((unsigned char)*key);
    e->key = key;
    break;
  case 2:
    node_remove(in, e->key);
    break;
  default:
    e->value = random_value(a, random);
  }
}

static void check_connection(problems *p, const node *client) {
  const node *engine = node_get(client, "engine"), *connection = node_get(client, "connection");
  const schema *s = node_is_text(engine) ? settings_of_connection(engine->value.as.bytes) : NULL;
  if (s && connection && connection->kind == NODE_MAP) schema_check(p, connection, s, "connection", false);
}

/* As the catalog does: in models, and in their relations. */
static void check_tables(problems *p, const node *list) {
  for (size_t i = 0; list && list->kind == NODE_MAP && i < list->count; i++) {
    const node *one = list->entries[i].value, *table = node_get(one, "table");
    arena a = {0};
    const char *name;
    shunt_error err;
    if (table && table->kind == NODE_MAP && table_name_from(&a, table, &name, &err)) problems_add_error(p, &err);
    arena_free(&a);
    check_tables(p, node_get(one, "relations"));
  }
}

/* Whether the check finds nothing, as far as it goes by one file; otherwise says is its first mistake. */
static bool passes_check(const node *root, char says[256]) {
  problems p = {0};
  const node *database = node_get(root, "database"), *clients = node_get(database, "clients");
  schema_check(&p, root, &schema_config, "", false);
  check_connection(&p, node_get(database, "base"));
  for (size_t i = 0; clients && clients->kind == NODE_MAP && i < clients->count; i++)
    check_connection(&p, clients->entries[i].value);
  check_tables(&p, node_get(root, "models"));
  bool passes = p.count == 0;
  snprintf(says, 256, "%.255s", passes ? "yes" : p.list[0].message);
  problems_free(&p);
  return passes;
}

static void the_json_schema_refuses_what_the_check_refuses(void **state) {
  (void)state;
  uint64_t random = app_seed();
  json_t *json = load_schema();
  int refused = 0;
  enum { EDITS = 1000 };
  for (int i = 0; i < EDITS; i++) {
    arena a = {0};
    problems p = {0};
    node *root = NULL;
    assert_int_equal(yaml_read(&a, &p, "app.yaml", everything, sizeof everything - 1, &root), SHUNT_OK);
    for (uint64_t edits = i ? 1 + app_random(&random, 2) : 0; edits > 0; edits--) edit(&a, root, &random);
    char says[256];
    bool passes = passes_check(root, says);
    if (json_accepts(json, json, root) != passes) {
      char *yaml = NULL;
      assert_int_equal(config_print(root, &yaml, NULL), SHUNT_OK);
      fputs(yaml, stdout);
      base_free(yaml);
      fail_msg("the check says: %s; the JSON Schema: %s", says, passes ? "no" : "yes");
    }
    refused += !passes;
    if (i == 0) assert_true(passes);
    problems_free(&p);
    arena_free(&a);
  }
  assert_in_range(refused, EDITS / 10, EDITS * 9 / 10);
  json_decref(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_defaults_mean_the_same_as_an_empty_configuration),
      cmocka_unit_test(every_row_is_complete),
      cmocka_unit_test(the_json_schema_accepts_every_configuration_of_the_project),
      cmocka_unit_test(the_json_schema_refuses_what_the_check_refuses),
  };
  return cmocka_run_group_tests_name("documents made of the settings", tests, NULL, NULL);
}
