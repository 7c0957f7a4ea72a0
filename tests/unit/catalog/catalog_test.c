/* Datasources, instances, models and relations, from rule files and the app config together. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"

#define GOOD                                                                                                           \
  "database:\n"                                                                                                        \
  "  defaultClient: main\n"                                                                                            \
  "  base: {pool: {max: 4, idleTimeout: 9s}}\n"                                                                        \
  "  clients:\n"                                                                                                       \
  "    main: {engine: sqlite3, connection: {filename: main.db, busyTimeout: 1s, create: true}, pool: {max: 2}}\n"      \
  "    pg: {engine: pg, role: replica, connection: {host: h, password: p, url: 'pg://u:p@h', application_name: "       \
  "true}}\n"

static void begin(app *a, const char *more) {
  app_begin(a);
  char yaml[2048];
  snprintf(yaml, sizeof yaml, "%s%s", GOOD, more);
  app_file(a, "app.yaml", yaml);
  app_read(a, "dev");
}

#define USER                                                                                                           \
  "{table: users, instance_column: iid, client: pg, relations: {"                                                      \
  "orders: {kind: has_many, target: order, foreign_key: user_id, client: main, order: id, limit: 3, autoload: true},"  \
  "roles: {kind: belongs_to_many, through: role_user, target: role, foreign_key: user_id, through_key: role_id}}}"
#define ORDER                                                                                                          \
  "{table: fn 7, primary_key: number, client: fn 8, relations: {"                                                      \
  "user: {kind: belongs_to, target: user, foreign_key: user_id, columns: [id, name], where: {gone: null}}}}"

static void declare_models(app *a) {
  app_declare(a, &a->source.models, 1, "user", USER);
  app_declare(a, &a->source.models, 5, "order", ORDER);
  app_declare(a, &a->source.models, 9, "role", "{primary_key: code}");
  app_declare(a, &a->source.models, 9, "role_user", "{}");
}

/* ---- datasources ---- */

static void fills_in_what_a_client_leaves_out(void **state) {
  (void)state;
  app a;
  begin(&a, "");
  app_build(&a);
  assert_string_equal(a.told, "");
  const cat_client *main = catalog_client(a.catalog, "main"), *pg = catalog_client(a.catalog, "pg");
  assert_int_equal(main->engine, CAT_SQLITE3);
  assert_int_equal(main->busy_timeout_ms, 1000);
  assert_true(main->create);
  assert_false(main->read_only);
  assert_false(main->replica);
  assert_int_equal(main->pool.max, 2);
  assert_int_equal(main->pool.idle_timeout_ms, 9000);
  assert_int_equal(main->pool.acquire_timeout_ms, 5000);
  assert_int_equal(main->pool.max_lifetime_ms, 1800000);
  assert_int_equal(pg->engine, CAT_PG);
  assert_true(pg->replica);
  assert_int_equal(pg->pool.max, 4);
  assert_int_equal(pg->noptions, 4);
  for (size_t i = 0; i < 4; i++) assert_int_equal(pg->options[i].secret, i == 1);
  assert_string_equal(pg->options[3].value, "true");
  app_end(&a);
}

static void puts_the_app_config_on_top_of_a_datasource_of_lua(void **state) {
  (void)state;
  app a;
  begin(&a, "    lua: {connection: {filename: over.db}}\n");
  app_declare(&a, &a.source.datasources, 2, "lua",
              "{engine: sqlite3, env: dev, connection: {filename: under.db, readonly: true}}");
  app_declare(&a, &a.source.datasources, 3, "mine", "{engine: sqlite3, connection: {filename: mine.db}}");
  app_build(&a);
  assert_string_equal(a.told, "");
  const cat_client *lua = catalog_client(a.catalog, "lua");
  assert_non_null(strstr(lua->filename, "over.db"));
  assert_true(lua->read_only);
  assert_string_equal(lua->at.file, "rules.lua");
  assert_string_equal(catalog_client(a.catalog, "mine")->filename, app_path(&a, "mine.db"));
  app_end(&a);
}

static void clones_the_default_and_others_in_any_order(void **state) {
  (void)state;
  app a;
  begin(&a, "    third: {clone: second, pool: {min: 1}}\n"
            "    second: {clone: default, connection: {filename: second.db}, pool: {max: 3}}\n"
            "    bare: {clone: pg, connection: null, pool: null}\n"
            "    of-lua: {clone: lua}\n");
  app_declare(&a, &a.source.datasources, 2, "lua", "{clone: third, connection: {create: false}}");
  app_build(&a);
  assert_string_equal(a.told, "");
  const cat_client *third = catalog_client(a.catalog, "third"), *of_lua = catalog_client(a.catalog, "of-lua");
  assert_non_null(strstr(third->filename, "second.db"));
  assert_int_equal(third->busy_timeout_ms, 1000);
  assert_int_equal(third->pool.min, 1);
  assert_int_equal(third->pool.max, 3);
  assert_true(third->create);
  assert_false(of_lua->create);
  assert_non_null(strstr(of_lua->filename, "second.db"));
  const cat_client *bare = catalog_client(a.catalog, "bare");
  assert_true(bare->replica);
  assert_int_equal(bare->noptions, 0);
  assert_int_equal(bare->pool.max, 8);
  assert_int_equal(catalog_client(a.catalog, "main")->pool.max, 2); /* the original is as it was */
  app_end(&a);
}

static void clones_through_a_long_chain(void **state) {
  (void)state;
  enum { LENGTH = 50000 };
  app a;
  buf b = {0};
  buf_puts(&b, "database:\n  defaultClient: c0\n  clients:\n");
  for (int i = LENGTH; i > 0; i--) buf_printf(&b, "    c%d: {clone: c%d}\n", i, i - 1);
  buf_puts(&b, "    c0: {engine: pg}\n");
  app_begin(&a);
  app_file_of(&a, "app.yaml", b.data, b.size);
  app_open(&a, "dev");
  assert_string_equal(a.told, "");
  assert_int_equal(catalog_client(a.catalog, "c50000")->engine, CAT_PG);
  buf_free(&b);
  app_end(&a);
}

/* ---- instances ---- */

static void builds_instances_of_both_kinds(void **state) {
  (void)state;
  app a;
  begin(&a, "instance:\n  isolation: strict\n  instances:\n    '': {id: 1}\n    b: {title: Bee, config: {k: {x: null, "
            "y: 1}}}\n");
  app_declare(&a, &a.source.instances, 4, "iso", "{id: -7, isolate: true, isolateClient: pg}");
  app_build(&a);
  assert_string_equal(a.told, "");
  assert_true(a.catalog->settings.strict_isolation);
  assert_int_equal(a.catalog->ninstances, 3);
  const cat_instance *none = catalog_instance(a.catalog, ""), *b = catalog_instance(a.catalog, "b");
  const cat_instance *iso = catalog_instance(a.catalog, "iso");
  assert_true(none->has_number);
  assert_string_equal(none->title, "Default");
  assert_string_equal(b->title, "Bee");
  assert_false(b->has_number);
  assert_int_equal(node_get(b->config, "k")->count, 1);
  assert_null(b->isolate_client);
  assert_int_equal(iso->number, -7);
  assert_string_equal(iso->title, "iso");
  assert_ptr_equal(iso->isolate_client, catalog_client(a.catalog, "pg"));
  app_end(&a);
}

static void has_a_default_instance_where_none_is_given(void **state) {
  (void)state;
  app a;
  begin(&a, "");
  app_build(&a);
  assert_int_equal(a.catalog->ninstances, 1);
  const cat_instance *none = catalog_instance(a.catalog, "");
  assert_string_equal(none->title, "Default");
  assert_false(none->has_number);
  assert_false(a.catalog->settings.strict_isolation);
  app_end(&a);
}

/* ---- jobs ---- */

static void keeps_jobs_in_a_file_of_their_own_where_nothing_else_is_said(void **state) {
  (void)state;
  app a;
  begin(&a, "");
  app_build(&a);
  const cat_jobs *jobs = &a.catalog->jobs;
  assert_true(jobs->own);
  assert_int_equal(jobs->client->id, a.catalog->nclients);
  assert_ptr_equal(a.catalog->clients[a.catalog->nclients], jobs->client);
  assert_null(catalog_client(a.catalog, jobs->client->name));
  assert_string_equal(strrchr(jobs->client->filename, 'j'), "jobs.db");
  assert_true(jobs->client->create);
  assert_int_equal(jobs->npaths, 1);
  assert_int_equal(a.catalog->settings.lease_ms, 30000);
  app_end(&a);
}

static void keeps_jobs_on_the_client_that_is_named(void **state) {
  (void)state;
  app a;
  begin(&a, "jobs: {client: main, path: [/srv/a.lua, work], lease: 2m}\n");
  app_build(&a);
  const cat_jobs *jobs = &a.catalog->jobs;
  assert_string_equal(a.told, "");
  assert_false(jobs->own);
  assert_ptr_equal(jobs->client, catalog_client(a.catalog, "main"));
  assert_int_equal(jobs->npaths, 2);
  assert_string_equal(jobs->paths[0], "/srv/a.lua");
  assert_non_null(strstr(jobs->paths[1], "work"));
  assert_int_equal(a.catalog->settings.lease_ms, 120000);
  app_end(&a);
}

/* ---- models and relations ---- */

static void builds_models_with_their_relations(void **state) {
  (void)state;
  app a;
  begin(&a, "");
  declare_models(&a);
  app_build(&a);
  assert_string_equal(a.told, "");
  const cat_model *user = catalog_model(a.catalog, "user"), *order = catalog_model(a.catalog, "order");
  assert_string_equal(user->table, "users");
  assert_string_equal(user->primary_key[0], "id");
  assert_string_equal(user->instance_column, "iid");
  assert_string_equal(user->client, "pg");
  assert_int_equal(user->client_function, CATALOG_NO_FUNCTION);
  assert_null(order->table);
  assert_int_equal(order->table_function, 7);
  assert_int_equal(order->client_function, 8);
  assert_string_equal(catalog_model(a.catalog, "role_user")->table, "role_user");
  assert_int_equal(a.catalog->nrelations, 3);
  const cat_relation *orders = cat_model_relation(user, "orders");
  assert_ptr_equal(orders, catalog_relation(a.catalog, "user.orders"));
  assert_ptr_equal(orders->target, order);
  assert_string_equal(orders->as.key[0], "id");
  assert_string_equal(orders->as.client, "main");
  assert_true(orders->as.limit == 3 && orders->as.autoload);
  assert_int_equal(orders->as.norder, 1);
  const cat_relation *roles = catalog_relation(a.catalog, "user.roles");
  assert_int_equal(roles->as.kind, SHUNT_BELONGS_TO_MANY);
  assert_string_equal(roles->through->name, "role_user");
  assert_string_equal(roles->as.key[0], "id");
  assert_string_equal(roles->as.client, "_auto_");
  assert_string_equal(roles->as.through_client, "_auto_");
  const cat_relation *of = catalog_relation(a.catalog, "order.user");
  assert_string_equal(of->as.key[0], "id");
  assert_int_equal(of->as.ncolumns, 2);
  assert_int_equal(of->as.where->op, SHUNT_EQ);
  assert_int_equal(of->as.where->values[0].type, SHUNT_NULL);
  assert_int_equal(of->as.limit, 0);
  assert_null(cat_model_relation(order, "nothing"));
  app_end(&a);
}

static void puts_the_app_config_on_top_of_a_model(void **state) {
  (void)state;
  app a;
  begin(&a,
        "models:\n"
        "  order: {client: default, table: orders, relations: {user: {where: {age: 5}, client: _inherit_, columns: "
        "null}}}\n"
        "  user: {relations: {roles: null, last: {kind: has_one, target: order, foreign_key: user_id, order: [-id]}}}\n"
        "  log: {table: logs}\n");
  declare_models(&a);
  app_build(&a);
  assert_string_equal(a.told, "");
  const cat_model *order = catalog_model(a.catalog, "order");
  assert_string_equal(order->client, "default");
  assert_int_equal(order->client_function, CATALOG_NO_FUNCTION);
  assert_string_equal(order->table, "orders");
  assert_int_equal(order->table_function, CATALOG_NO_FUNCTION);
  const cat_relation *of = catalog_relation(a.catalog, "order.user");
  assert_string_equal(of->as.client, "_inherit_");
  assert_int_equal(of->as.ncolumns, 0);
  assert_int_equal(of->as.where->op, SHUNT_AND); /* the null of the declaration is still a condition */
  assert_int_equal(of->as.where->nitems, 2);
  assert_null(catalog_relation(a.catalog, "user.roles"));
  assert_non_null(catalog_relation(a.catalog, "user.last"));
  assert_string_equal(catalog_model(a.catalog, "log")->table, "logs");
  app_end(&a);
}

typedef struct wrong {
  const char *word;
  const char *name;
  const char *body;
  const char *told;
  shunt_status status;
} wrong;

static void tells_mistakes_in_declarations(void **state) {
  (void)state;
  static const wrong cases[] = {
      {"datasource", "x", "{engin: pg}",
       "rules.lua:20:0: unknown key 'engin' in datasource 'x'; did you mean 'engine'?\n", SHUNT_E_CONFIG},
      {"datasource", "x", "{engine: pg, pool: {max: a}}",
       "rules.lua:20:0: datasource 'x'.pool.max takes an integer from 1 to 32767, not 'a'\n", SHUNT_E_CONFIG},
      {"datasource", "x", "{clone: mian}",
       "rules.lua:20:0: client 'x': clone names the client 'mian', which is not defined; did you mean 'main'?\n",
       SHUNT_E_NOT_FOUND},
      {"datasource", "x", "{engine: sqlite3, connection: []}",
       "rules.lua:20:0: the client 'x' has no filename: add connection: {filename: FILE}\n", SHUNT_E_CONFIG},
      {"instance", "x", "{isolate: true, isolateClient: gp, id: 4}",
       "rules.lua:20:0: instance 'x': isolateClient names the client 'gp', which is not defined; did you mean 'pg'?\n",
       SHUNT_E_NOT_FOUND},
      {"instance", "x", "{id: fn 1}", "rules.lua:20:0: instance 'x'.id takes an integer, not a function\n",
       SHUNT_E_CONFIG},
      {"model", "x.y", "{}", "rules.lua:20:0: the name of the model 'x.y' must not contain a '.'\n", SHUNT_E_CONFIG},
      {"model", "x", "{table: 5}", "rules.lua:20:0: model 'x'.table takes text or a function, not 5\n", SHUNT_E_CONFIG},
      {"model", "x", "{client: maim}",
       "rules.lua:20:0: model 'x': client names the client 'maim', which is not defined; did you mean 'main'?\n",
       SHUNT_E_NOT_FOUND},
      {"model", "x", "{relations: {r: {kind: has_one, target: usr, foreign_key: k}}}",
       "rules.lua:20:0: relation 'x.r': target names the model 'usr', which is not defined; did you mean 'user'?\n",
       SHUNT_E_NOT_FOUND},
      {"model", "x",
       "{relations: {r: {kind: belongs_to_many, target: user, foreign_key: k, through: role_usr, through_key: j}}}",
       "rules.lua:20:0: relation 'x.r': through names the model 'role_usr', which is not defined; did you mean "
       "'role_user'?\n",
       SHUNT_E_NOT_FOUND},
      {"model", "x", "{relations: {r: {kind: has_one, target: user, foreign_key: k, through: role_user}}}",
       "rules.lua:20:0: relation 'x.r': only a belongs_to_many goes through a model\n", SHUNT_E_CONFIG},
      {"model", "x", "{relations: {r: {kind: has_one, target: user, foreign_key: k, client: _auto}}}",
       "rules.lua:20:0: relation 'x.r': client names the client '_auto', which is not defined\n", SHUNT_E_NOT_FOUND},
      {"model", "x", "{relations: {r: {kind: has_one, target: user, foreign_key: k, limit: -1}}}",
       "rules.lua:20:0: model 'x'.relations.r.limit takes an integer of 0 or more, not -1\n", SHUNT_E_CONFIG},
      {"model", "x", "{relations: {r: {kind: has_one, target: user, foreign_key: k, wher: {}}}}",
       "rules.lua:20:0: unknown key 'wher' in model 'x'.relations.r; did you mean 'where'?\n", SHUNT_E_CONFIG},
      {"model", "x", "{primary_key: []}", "rules.lua:20:0: model 'x': primary_key names no column\n", SHUNT_E_CONFIG},
      {"model", "x", "{primary_key: [a, b, A]}", "rules.lua:20:0: model 'x': primary_key names the column 'A' twice\n",
       SHUNT_E_CONFIG},
      {"model", "x", "{primary_key: [a, b, c, d, e, f, g, h, i]}",
       "rules.lua:20:0: model 'x': primary_key has 9 columns, and a key has at most 8\n", SHUNT_E_CONFIG},
      {"model", "x", "{primary_key: [a, '']}", "rules.lua:20:0: model 'x': primary_key contains an empty column name\n",
       SHUNT_E_CONFIG},
      {"model", "x", "{primary_key: [a, 5]}", "rules.lua:20:0: model 'x'.primary_key takes text, not 5\n",
       SHUNT_E_CONFIG},
      {"model", "x", "{relations: {r: {kind: has_many, target: user, foreign_key: [a, b]}}}",
       "rules.lua:20:0: relation 'x.r': foreign_key has 2 columns, and the primary key has 1\n", SHUNT_E_CONFIG},
      {"model", "x",
       "{primary_key: [a, b], relations: {r: {kind: has_many, target: user, foreign_key: [a, b], key: c}}}",
       "rules.lua:20:0: relation 'x.r': foreign_key has 2 columns, and key has 1\n", SHUNT_E_CONFIG},
      {"model", "x",
       "{relations: {r: {kind: belongs_to_many, target: user, foreign_key: k, through: role_user, through_key: [i, "
       "j]}}}",
       "rules.lua:20:0: relation 'x.r': through_key has 2 columns, and the target's primary key has 1\n",
       SHUNT_E_CONFIG},
      {"model", "user", "{}", "rules.lua:20:0: model 'user' is declared twice: the first one is at rules.lua:1\n",
       SHUNT_E_CONFIG},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    app a;
    begin(&a, "");
    declare_models(&a);
    const char *word = cases[i].word;
    cat_declarations *to = strcmp(word, "datasource") == 0 ? &a.source.datasources
                           : strcmp(word, "instance") == 0 ? &a.source.instances
                                                           : &a.source.models;
    app_declare(&a, to, 20, cases[i].name, cases[i].body);
    app_build(&a);
    assert_string_equal(a.told, cases[i].told);
    assert_int_equal(a.built, cases[i].status);
    assert_null(a.catalog);
    app_end(&a);
  }
}

/* ---- names, units, secrets ---- */

static void finds_by_name_or_tells_the_nearest(void **state) {
  (void)state;
  app a;
  shunt_error err;
  const cat_client *client;
  const cat_instance *instance;
  const cat_model *model;
  const cat_relation *relation;
  begin(&a, "instance: {instances: {acme: {id: 4}}}\n");
  declare_models(&a);
  app_build(&a);
  assert_int_equal(catalog_find_client(a.catalog, "pg", &client, &err), SHUNT_OK);
  assert_string_equal(client->name, "pg");
  assert_int_equal(catalog_find_client(a.catalog, "mian", &client, &err), SHUNT_E_NOT_FOUND);
  assert_string_equal(err.message, "there is no client 'mian'; did you mean 'main'?");
  assert_null(client);
  assert_int_equal(catalog_find_instance(a.catalog, "acne", &instance, &err), SHUNT_E_NOT_FOUND);
  assert_string_equal(err.message, "there is no instance 'acne'; did you mean 'acme'?");
  assert_int_equal(catalog_find_model(a.catalog, "zzzzzz", &model, &err), SHUNT_E_NOT_FOUND);
  assert_string_equal(err.message, "there is no model 'zzzzzz'");
  assert_int_equal(catalog_find_relation(a.catalog, "user.order", &relation, &err), SHUNT_E_NOT_FOUND);
  assert_string_equal(err.message, "there is no relation 'user.order'; did you mean 'user.orders'?");
  assert_int_equal(catalog_find_relation(a.catalog, "user.orders", &relation, NULL), SHUNT_OK);
  app_end(&a);
}

static void parses_durations_and_sizes(void **state) {
  (void)state;
  int64_t n = -1;
  assert_true(cat_parse_duration_ms("1500ms", &n) && n == 1500);
  assert_true(cat_parse_duration_ms("5s", &n) && n == 5000);
  assert_true(cat_parse_duration_ms("2m", &n) && n == 120000);
  assert_true(cat_parse_duration_ms("1h", &n) && n == 3600000);
  assert_true(cat_parse_duration_ms("0s", &n) && n == 0);
  assert_true(cat_parse_size_bytes("64MiB", &n) && n == 64 << 20);
  assert_true(cat_parse_size_bytes("3KiB", &n) && n == 3072);
  assert_true(cat_parse_size_bytes("2GiB", &n) && n == (int64_t)2 << 30);
  static const char *const bad[] = {"",
                                    "5",
                                    "s",
                                    "5 s",
                                    " 5s",
                                    "5S",
                                    "-5s",
                                    "1.5s",
                                    "5sec",
                                    "0",
                                    "5MB",
                                    "5mib",
                                    "9223372036854775807h",
                                    "99999999999999999999s"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    n = 42;
    assert_false(cat_parse_duration_ms(bad[i], &n));
    assert_false(cat_parse_size_bytes(bad[i], &n));
    assert_int_equal(n, 42);
  }
}

static void knows_the_keys_of_secrets(void **state) {
  (void)state;
  static const char *const secrets[] = {"password", "PassWord",      "PGPASSWORD",  "passwd",    "passphrase",
                                        "secret",   "client_secret", "token",       "authToken", "sslpassword",
                                        "api_key",  "apiKey",        "private-key", "sslkey",    "pwd"};
  static const char *const harmless[] = {
      "host",     "port", "user", "key",      "primary_key",     "foreign_key",          "through_key",
      "filename", "",     "keys", "database", "passport_number", "get_server_public_key"};
  for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) assert_true(cat_secret_key(secrets[i]));
  for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) assert_false(cat_secret_key(harmless[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fills_in_what_a_client_leaves_out),
      cmocka_unit_test(keeps_jobs_in_a_file_of_their_own_where_nothing_else_is_said),
      cmocka_unit_test(keeps_jobs_on_the_client_that_is_named),
      cmocka_unit_test(puts_the_app_config_on_top_of_a_datasource_of_lua),
      cmocka_unit_test(clones_the_default_and_others_in_any_order),
      cmocka_unit_test(clones_through_a_long_chain),
      cmocka_unit_test(builds_instances_of_both_kinds),
      cmocka_unit_test(has_a_default_instance_where_none_is_given),
      cmocka_unit_test(builds_models_with_their_relations),
      cmocka_unit_test(puts_the_app_config_on_top_of_a_model),
      cmocka_unit_test(tells_mistakes_in_declarations),
      cmocka_unit_test(finds_by_name_or_tells_the_nearest),
      cmocka_unit_test(parses_durations_and_sizes),
      cmocka_unit_test(knows_the_keys_of_secrets),
  };
  return cmocka_run_group_tests_name("the catalog", tests, NULL, NULL);
}
