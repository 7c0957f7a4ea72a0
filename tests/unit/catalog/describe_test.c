#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "catalog/describe.h"

/* A catalog of one thing of each kind, put together by hand. */
typedef struct sample {
  cat_client sqlite, pg, *clients[2];
  cat_option options[3];
  cat_instance instance, *instances[1];
  cat_model model, *models[1];
  cat_relation relation, *relations[1];
  cat_pattern patterns[2];
  cat_rule rule, *rules[1];
  arena a;
  catalog c;
} sample;

static void fill_clients(sample *s) {
  s->sqlite =
      (cat_client){.name = "main", .engine = CAT_SQLITE3, .filename = "data/main.db", .at = {"shunt.yaml", 5, 3}};
  s->sqlite.pool.max = 8;
  s->options[0] = (cat_option){"host", "db.example", false};
  s->options[1] = (cat_option){"password", "hunter2", true};
  s->options[2] = (cat_option){"database", "users", false};
  s->pg = (cat_client){.name = "user-pg", .engine = CAT_PG, .replica = true, .options = s->options, .noptions = 3};
  s->clients[0] = &s->sqlite;
  s->clients[1] = &s->pg;
  s->c.clients = s->clients;
  s->c.nclients = 2;
  static const char *paths[] = {"jobs", "/srv/more.lua"};
  s->c.jobs = (cat_jobs){.client = &s->pg, .paths = paths, .npaths = 2};
  s->c.settings.lease_ms = 30000;
}

static void fill_instance(sample *s) {
  node *config = node_map(&s->a, (place){0});
  assert_true(node_put(&s->a, config, "password", (place){0}, node_text(&s->a, (place){0}, "hunter2", 7)));
  assert_true(node_put(&s->a, config, "seats", (place){0}, node_value(&s->a, (place){0}, shunt_integer(9))));
  node *token = node_text(&s->a, (place){0}, "hunter2", 7);
  token->secret = true;
  node *below = node_list(&s->a, (place){0}), *url = node_text(&s->a, (place){0}, "pg://app:hunter2@db", 19);
  assert_true(node_append(&s->a, below, node_text(&s->a, (place){0}, "hunter2", 7)));
  assert_true(node_put(&s->a, config, "tokens", (place){0}, below));
  assert_true(node_put(&s->a, config, "dsn", (place){0}, url));
  assert_true(node_put(&s->a, config, "other", (place){0}, token));
  s->instance = (cat_instance){.name = "acme",
                               .has_number = true,
                               .number = INT64_MAX,
                               .title = "\xFF"
                                        "cme"};
  s->instance.isolate = true;
  s->instance.isolate_client = &s->sqlite;
  s->instance.config = config;
  s->instances[0] = &s->instance;
  s->c.instances = s->instances;
  s->c.ninstances = 1;
}

static const cat_typed types[] = {{"on", CAT_TYPE_DATE}};

static void fill_model(sample *s) {
  s->relation.full_name = "user.orders";
  s->relation.as = (shunt_relation){.name = "orders", .kind = SHUNT_HAS_MANY, .target = "order", .client = "_auto_"};
  s->relations[0] = &s->relation;
  s->model = (cat_model){.name = "user",
                         .table_function = 3,
                         .client_function = CATALOG_NO_FUNCTION,
                         .primary_key = {"id"},
                         .types = types,
                         .ntypes = 1};
  s->model.relations = s->relations;
  s->model.nrelations = 1;
  s->models[0] = &s->model;
  s->c.models = s->models;
  s->c.nmodels = 1;
}

static void fill_rule(sample *s) {
  s->patterns[0] = (cat_pattern){"acme", 4, false};
  s->patterns[1] = (cat_pattern){"globex-", 7, true};
  s->rule = (cat_rule){.name = "EU", .stage = CAT_STAGE_OVERRIDE, .when_function = 1, .source = "rules/eu.lua:3"};
  s->rule.client_function = s->rule.check_function = CATALOG_NO_FUNCTION;
  s->rule.client = "main";
  s->rule.conditions[CAT_INSTANCE] = (cat_condition){s->patterns, 2};
  s->rules[0] = &s->rule;
  s->c.rules = s->rules;
  s->c.nrules = 1;
}

static void fill_attributes(sample *s) {
  static const shunt_value values[] = {{.as.bytes = "free", .size = 4, .type = SHUNT_TEXT},
                                       {.as.integer = 7, .type = SHUNT_INTEGER}};
  static cat_attribute attributes[] = {{"plan", CAT_ATTRIBUTE_LISTED, values, 2},
                                       {.name = "age", .type = CAT_ATTRIBUTE_INTEGER}};
  static cat_use use = {"attrs.age", CAT_USE_ORDER, {.as.integer = 18, .type = SHUNT_INTEGER}, {"rules/a.lua", 2, 0}};
  s->c.closed_attributes = true;
  s->c.attributes = attributes;
  s->c.nattributes = 2;
  s->c.uses = (cat_uses){.list = &use, .count = 1, .capacity = 1, .cut = true};
}

static int begin(void **state) {
  sample *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->c.env = "dev";
  s->c.default_client = "main";
  fill_clients(s);
  fill_instance(s);
  fill_model(s);
  fill_rule(s);
  fill_attributes(s);
  *state = s;
  return 0;
}

static int end(void **state) {
  sample *s = *state;
  arena_free(&s->a);
  free(s);
  return 0;
}

static void tells_what_the_catalog_holds(void **state) {
  sample *s = *state;
  char *text = NULL;
  const cat_rule_counts counts[] = {{12, 5}};
  assert_int_equal(catalog_describe(&s->c, 4, counts, &text, NULL), SHUNT_OK);
  static const char expected[] =
      "{'generation':4,'env':'dev','default_client':'main','isolation':'loose','clients':["
      "{'name':'main','engine':'sqlite3','role':'primary','target':'data/main.db','pool':{'min':0,'max':8,"
      "'acquire_timeout_ms':0,'idle_timeout_ms':0,'max_lifetime_ms':0},'source':'shunt.yaml:5'},"
      "{'name':'user-pg','engine':'pg','role':'replica','target':'db.example/users','pool':{'min':0,'max':0,"
      "'acquire_timeout_ms':0,'idle_timeout_ms':0,'max_lifetime_ms':0},'source':null}],"
      "'instances':[{'name':'acme','id':9223372036854775807,'title':'\xEF\xBF\xBD"
      "cme','isolate':true,"
      "'isolate_client':'main','config':{'password':'********','seats':9,'tokens':['********'],"
      "'dsn':'pg://app:********@db','other':'********'},'source':null}],"
      "'models':[{'name':'user','table':null,'table_function':true,'client':null,'client_function':false,"
      "'primary_key':'id','instance_column':null,'soft_delete':null,'timestamps':{'created':null,'updated':null},"
      "'parts':[],'types':{'on':'date'},'source':null,'relations':[{'name':'orders','full_name':'user.orders',"
      "'kind':'has_many','target':'order','foreign_key':null,'through':null,'through_key':null,'key':null,"
      "'client':'_auto_','through_client':null,'table':null,'autoload':false,'source':null}]}],"
      "'jobs':{'client':'user-pg','path':['jobs','/srv/more.lua'],'lease_ms':30000},"
      "'attributes':[{'name':'plan','type':'list','values':['free',7]},{'name':'age','type':'integer','values':[]}],"
      "'uses':[{'field':'attrs.age','kind':'order','value':18,'source':'rules/a.lua:2'}],'uses_cut':true,"
      "'rules':[{'name':'EU','stage':'override','standard':false,'priority':0.0,'conditions':{'instance':['acme',"
      "'globex-*']},'has_when':true,'client':'main','client_function':false,'deny':null,'has_check':false,"
      "'source':'rules/eu.lua:3','asked':12,'decided':5}]}";
  for (char *p = text; *p; p++)
    if (*p == '"') *p = '\'';
  assert_string_equal(text, expected);
  base_free(text);
}

static void never_tells_a_secret(void **state) {
  sample *s = *state;
  char *text = NULL;
  s->options[0].secret = true; /* even where a host would be one */
  s->options[2].value = "pg://app:hunter2@db/users";
  assert_int_equal(catalog_describe(&s->c, 1, NULL, &text, NULL), SHUNT_OK);
  assert_null(strstr(text, "hunter2"));
  base_free(text);
}

static void tells_where_a_server_is(void **state) {
  sample *s = *state;
  static const struct {
    cat_option options[3];
    const char *target;
  } cases[] = {
      {{{"url", "pg://app:hunter2@db/users", false}, {"application_name", "shop", false}},
       "pg://app:********@db/users"},
      {{{"url", "pg://app:hunter2@db/users", true}}, "********"},
      {{{"host", "db", false}, {"port", "5433", false}, {"dbname", "users", false}}, "db:5433/users"},
      {{{"socket", "/run/db.sock", false}, {"port", "5433", false}, {"database", "users", false}},
       "/run/db.sock/users"},
      {{{"user", "app", false}}, "localhost"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = NULL, expected[64];
    s->pg.options = cases[i].options;
    for (s->pg.noptions = 0; s->pg.noptions < 3 && cases[i].options[s->pg.noptions].name;) s->pg.noptions++;
    assert_int_equal(catalog_describe(&s->c, 1, NULL, &text, NULL), SHUNT_OK);
    snprintf(expected, sizeof expected, "\"target\":\"%s\"", cases[i].target);
    assert_non_null(strstr(text, expected));
    base_free(text);
  }
}

static long budget;
static void *scarce(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  (void)old_bytes;
  if (new_bytes == 0) {
    free(block);
    return NULL;
  }
  return budget-- > 0 ? realloc(block, new_bytes) : NULL;
}

static void tells_when_memory_runs_out(void **state) {
  sample *s = *state;
  shunt_status status = SHUNT_E_MEMORY;
  long n = 0;
  for (; status; n++) {
    char *text = NULL;
    shunt_error err;
    shunt_set_allocator(scarce, NULL);
    budget = n;
    status = catalog_describe(&s->c, 1, NULL, &text, &err);
    base_free(text);
    shunt_set_allocator(NULL, NULL);
    if (status) assert_int_equal(status, SHUNT_E_MEMORY);
  }
  assert_true(n > 2);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(tells_what_the_catalog_holds),
      TEST(never_tells_a_secret),
      TEST(tells_where_a_server_is),
      TEST(tells_when_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
