/* Routing rules: what a declaration means, and what is wrong with one. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"

static void begin(app *a) {
  app_begin(a);
  app_file(a, "app.yaml",
           "database:\n"
           "  defaultClient: main\n"
           "  clients:\n"
           "    main: {engine: pg}\n"
           "    order-eu: {engine: pg}\n"
           "models:\n"
           "  user: {table: users}\n"
           "  order: {table: orders, relations: {user: {kind: belongs_to, target: user, foreign_key: user_id}}}\n");
  app_read(a, "dev");
}

static const cat_rule *built(app *a, const char *body) {
  begin(a);
  app_declare(a, &a->source.rules, 3, "a rule", body);
  app_build(a);
  assert_string_equal(a->told, "");
  assert_int_equal(a->catalog->nrules, 1);
  return a->catalog->rules[0];
}

static void reads_conditions_and_patterns(void **state) {
  (void)state;
  app a;
  const cat_rule *r =
      built(&a, "{stage: override, model: order, relation: [order.user, 'user.*'], instance: [acme, 'globex-*', ''], "
                "op: write, env: [dev], when: fn 4, client: order-eu, priority: -1.5}");
  assert_int_equal(r->stage, CAT_STAGE_OVERRIDE);
  assert_string_equal(r->source, "rules.lua:3");
  assert_true(r->priority == -1.5);
  assert_int_equal(r->when_function, 4);
  assert_string_equal(r->client, "order-eu");
  assert_int_equal(r->client_function, CATALOG_NO_FUNCTION);
  assert_int_equal(r->level, -1);
  assert_int_equal(r->conditions[CAT_MODEL].count, 1);
  assert_int_equal(r->conditions[CAT_RELATION].count, 2);
  assert_int_equal(r->conditions[CAT_CLIENT].count, 0);
  const cat_condition *instance = &r->conditions[CAT_INSTANCE];
  assert_int_equal(instance->count, 3);
  assert_false(instance->patterns[0].prefix);
  assert_true(instance->patterns[1].prefix);
  assert_string_equal(instance->patterns[1].text, "globex-");
  assert_int_equal(instance->patterns[1].size, 7);
  assert_int_equal(instance->patterns[2].size, 0);
  app_end(&a);
}

static void takes_every_form_of_an_answer(void **state) {
  (void)state;
  static const struct {
    const char *body;
    const char *client;
    int function;
    const char *table;
    int level;
    size_t candidates;
  } cases[] = {
      {"{stage: model, client: default}", "default", -1, NULL, -1, 0},
      {"{stage: model, client: fn 5}", NULL, 5, NULL, -1, 0},
      {"{stage: model, client: {client: main, table: t, level: 2}}", "main", -1, "t", 2, 0},
      {"{stage: model, client: main, table: t}", "main", -1, "t", -1, 0},
      {"{stage: override, deny: no}", NULL, -1, NULL, -1, 0},
      {"{stage: refine, client: main}", "main", -1, NULL, -1, 0},
      {"{stage: refine, client: fn 5, candidate: x}", NULL, 5, NULL, -1, 1},
      {"{stage: refine, client: {table: t}}", NULL, -1, "t", -1, 0},
      {"{stage: refine, table: t}", NULL, -1, "t", -1, 0},
      {"{stage: refine, level: 0}", NULL, -1, NULL, 0, 0},
      {"{stage: refine, client: [a, b], to: main}", "main", -1, NULL, -1, 2},
      {"{stage: refine, client: a, to: fn 6}", NULL, 6, NULL, -1, 1},
      {"{stage: refine, candidate: [a, 'b*'], to: {client: main, level: 1}}", "main", -1, NULL, 1, 2},
      {"{stage: guard, client: a, deny: no}", NULL, -1, NULL, -1, 1},
      {"{stage: guard, candidate: a, check: fn 7}", NULL, -1, NULL, -1, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    app a;
    const cat_rule *r = built(&a, cases[i].body);
    if (cases[i].client)
      assert_string_equal(r->client, cases[i].client);
    else
      assert_null(r->client);
    if (cases[i].table)
      assert_string_equal(r->table, cases[i].table);
    else
      assert_null(r->table);
    assert_int_equal(r->client_function, cases[i].function);
    assert_int_equal(r->level, cases[i].level);
    assert_int_equal(r->conditions[CAT_CLIENT].count, cases[i].candidates);
    app_end(&a);
  }
}

typedef struct wrong {
  const char *body;
  const char *told; /* each line without its place */
  shunt_status status;
} wrong;

static void tells_what_is_wrong_with_a_rule(void **state) {
  (void)state;
  static const wrong cases[] = {
      {"{client: main}",
       "rule 'a rule': stage is missing: override, explicit, relation, model, current, default, refine or guard",
       SHUNT_E_CONFIG},
      {"{stage: overide, client: main}",
       "rule 'a rule'.stage takes override, explicit, relation, model, current, default, refine or guard, not "
       "'overide'; did you mean 'override'?",
       SHUNT_E_CONFIG},
      {"{stage: model}", "rule 'a rule': it needs a client (a name, a function, or a map) or a deny", SHUNT_E_CONFIG},
      {"{stage: model, clinet: main}", "unknown key 'clinet' in rule 'a rule'; did you mean 'client'?", SHUNT_E_CONFIG},
      {"{stage: model, client: order-uk}",
       "rule 'a rule': client names the client 'order-uk', which is not defined; did you mean 'order-eu'?",
       SHUNT_E_NOT_FOUND},
      {"{stage: refine, client: {client: maim}}",
       "rule 'a rule': client names the client 'maim', which is not defined; did you mean 'main'?", SHUNT_E_NOT_FOUND},
      {"{stage: model, client: main, model: ordr}",
       "rule 'a rule': model names the model 'ordr', which is not defined; did you mean 'order'?", SHUNT_E_NOT_FOUND},
      {"{stage: model, client: main, relation: order.usr}",
       "rule 'a rule': relation names the relation 'order.usr', which is not defined; did you mean 'order.user'?",
       SHUNT_E_NOT_FOUND},
      {"{stage: model, client: main, op: delete}", "rule 'a rule': op is \"read\" or \"write\", not \"delete\"",
       SHUNT_E_CONFIG},
      {"{stage: model, client: main, op: 'r*'}", "rule 'a rule': op is \"read\" or \"write\", not \"r*\"",
       SHUNT_E_CONFIG},
      {"{stage: model, client: main, instance: []}",
       "rule 'a rule': instance is an empty list, so the rule never holds: remove the list or the rule",
       SHUNT_E_CONFIG},
      {"{stage: model, client: main, instance: [5]}", "rule 'a rule'.instance takes text, not 5", SHUNT_E_CONFIG},
      {"{stage: model, client: main, when: true}", "rule 'a rule'.when takes a function, not true", SHUNT_E_CONFIG},
      {"{stage: model, client: main, priority: high}", "rule 'a rule'.priority takes a number, not 'high'",
       SHUNT_E_CONFIG},
      {"{stage: model, client: 5}",
       "rule 'a rule': client is a client's name, a function or a map of client, table and level, not an integer",
       SHUNT_E_CONFIG},
      {"{stage: model, client: {table: t}}", "rule 'a rule': a choice without a client selects nothing",
       SHUNT_E_CONFIG},
      {"{stage: model, client: {client: main, tabel: t}}",
       "rule 'a rule': unknown key 'tabel' in a choice of client, table and level; did you mean 'table'?",
       SHUNT_E_CONFIG},
      {"{stage: model, client: fn 1, table: t}",
       "rule 'a rule': a function returns table and level too: return {client =, table =, level =}", SHUNT_E_CONFIG},
      {"{stage: model, client: main, deny: no}", "rule 'a rule': client and deny exclude each other: give one of them",
       SHUNT_E_CONFIG},
      {"{stage: model, client: main, check: fn 1}", "rule 'a rule': 'check' belongs to a guard rule", SHUNT_E_CONFIG},
      {"{stage: model, client: main, to: main}", "rule 'a rule': 'to' belongs to a refine rule", SHUNT_E_CONFIG},
      {"{stage: model, client: main, candidate: x}",
       "rule 'a rule': there is no candidate yet in a select stage: it belongs to refine and guard rules",
       SHUNT_E_CONFIG},
      {"{stage: refine}", "rule 'a rule': a refine rule needs something to change: client (or to), table or level",
       SHUNT_E_CONFIG},
      {"{stage: refine, client: [main]}",
       "rule 'a rule': client is the answer of a refine rule; write a condition on the candidate as candidate = {...}",
       SHUNT_E_CONFIG},
      {"{stage: refine, client: a, candidate: b, to: main}",
       "rule 'a rule': client and candidate are one condition here: give one of them", SHUNT_E_CONFIG},
      {"{stage: refine, level: -1}", "rule 'a rule'.level takes an integer of 0 or more, not -1", SHUNT_E_CONFIG},
      {"{stage: refine, level: 9}", "rule 'a rule': level is a whole number from 0 to 8 (database.maxLevel)",
       SHUNT_E_CONFIG},
      {"{stage: guard}", "rule 'a rule': a guard rule needs a deny (a text) or a check (a function)", SHUNT_E_CONFIG},
      {"{stage: guard, deny: no, check: fn 1}",
       "rule 'a rule': it has both deny and check: deny always refuses, so give one of them", SHUNT_E_CONFIG},
      {"{stage: guard, deny: no, table: t}",
       "rule 'a rule': a guard rule changes nothing: table belongs to a refine rule", SHUNT_E_CONFIG},
      {"{stage: guard, deny: no, client: fn 1}",
       "rule 'a rule': client is a condition here: a name or a list of them, not a function", SHUNT_E_CONFIG},
      {"{stage: guard, deny: 5}", "rule 'a rule'.deny takes text, not 5", SHUNT_E_CONFIG},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    app a;
    buf told = {0};
    begin(&a);
    app_declare(&a, &a.source.rules, 3, "a rule", cases[i].body);
    app_build(&a);
    for (size_t k = 0; k < a.problems.count; k++) {
      assert_string_equal(a.problems.list[k].file, "rules.lua");
      assert_int_equal(a.problems.list[k].line, 3);
      buf_printf(&told, "%s%s", k ? "\n" : "", a.problems.list[k].message);
    }
    if (strcmp(told.data ? told.data : "", cases[i].told) != 0) print_error("%s\n", cases[i].body);
    assert_string_equal(told.data ? told.data : "", cases[i].told);
    assert_int_equal(a.built, cases[i].status);
    buf_free(&told);
    app_end(&a);
  }
}

static void keeps_load_order_and_names_apart(void **state) {
  (void)state;
  app a;
  begin(&a);
  app_declare(&a, &a.source.rules, 1, "one", "{stage: model, client: main}");
  app_declare(&a, &a.source.rules, 2, "two", "{stage: override, client: main}");
  a.source.rules.list[1].standard = true;
  app_build(&a);
  assert_string_equal(a.told, "");
  assert_string_equal(a.catalog->rules[1]->name, "two");
  assert_int_equal(a.catalog->rules[1]->id, 1);
  assert_true(a.catalog->rules[1]->standard);
  assert_false(a.catalog->rules[0]->standard);
  app_end(&a);
  begin(&a);
  app_declare(&a, &a.source.rules, 1, "one", "{stage: model, client: main}");
  app_declare(&a, &a.source.rules, 2, "one", "{stage: model, client: main}");
  app_build(&a);
  assert_string_equal(a.told, "rules.lua:2:0: rule 'one' is declared twice: the first one is at rules.lua:1\n");
  app_end(&a);
}

/* A look-up of each of n names among n names, were there one anywhere, would not end in a test's time. */
static void builds_a_hundred_thousand_instances_and_ten_thousand_rules(void **state) {
  (void)state;
  enum { INSTANCES = 100000, RULES = 10000 };
  app a;
  buf yaml = {0}, overlay = {0};
  buf_puts(&yaml, "database: {defaultClient: main, clients: {main: {engine: pg}}}\nmodels: {order: {table: "
                  "t}}\ninstance:\n  instances:\n");
  buf_puts(&overlay, "instance:\n  instances:\n");
  for (int i = 0; i < INSTANCES; i++) {
    buf_printf(&yaml, "    i%d: {id: %d}\n", i, i);
    if (i % 2) buf_printf(&overlay, "    i%d: {title: T}\n    more%d: {}\n", i, i);
  }
  app_begin(&a);
  app_file_of(&a, "app.yaml", yaml.data, yaml.size);
  app_file_of(&a, "app.prod.yaml", overlay.data, overlay.size);
  app_read(&a, "prod");
  arena *in = &a.source.arena;
  for (int i = 0; i < RULES; i++) {
    place at = {"rules.lua", i + 1, 0};
    node *body = node_map(in, at);
    const char *name = arena_printf(in, "rule %d", i), *instance = arena_printf(in, "i%d", i);
    assert_true(node_put(in, body, "stage", at, node_text(in, at, "override", 8)));
    assert_true(node_put(in, body, "model", at, node_text(in, at, "order", 5)));
    assert_true(node_put(in, body, "client", at, node_text(in, at, "main", 4)));
    assert_true(node_put(in, body, "instance", at, node_text(in, at, instance, strlen(instance))));
    assert_true(cat_declare(&a.source.rules, (cat_declaration){name, body, at, false}));
  }
  app_build(&a);
  assert_string_equal(a.told, "");
  assert_int_equal(a.catalog->ninstances, INSTANCES + INSTANCES / 2 + 1);
  assert_int_equal(a.catalog->nrules, RULES);
  assert_string_equal(catalog_instance(a.catalog, "i99999")->title, "T");
  assert_int_equal(catalog_instance(a.catalog, "i99999")->number, 99999);
  buf_free(&yaml);
  buf_free(&overlay);
  app_end(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_conditions_and_patterns),
      cmocka_unit_test(takes_every_form_of_an_answer),
      cmocka_unit_test(tells_what_is_wrong_with_a_rule),
      cmocka_unit_test(keeps_load_order_and_names_apart),
      cmocka_unit_test(builds_a_hundred_thousand_instances_and_ten_thousand_rules),
  };
  return cmocka_run_group_tests_name("rules in the catalog", tests, NULL, NULL);
}
