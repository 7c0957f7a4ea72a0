/* Decisions three ways, which must agree on whatever rules and requests chance makes: remembered, asked of the rules
 * through the index over their conditions, and asked of every rule in turn. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "config/config.h"
#include "random.h"
#include "route/route.h"
#include "rule/host.h"

static const char config_text[] = "database:\n"
                                  "  defaultClient: c0\n"
                                  "  clients:\n"
                                  "    c0: {engine: sqlite3, connection: {filename: c0.db}}\n"
                                  "    c1: {engine: pg, connection: {host: h}}\n"
                                  "    c2: {engine: mysql, connection: {host: h}, role: replica}\n"
                                  "    iso: {engine: pg, connection: {host: h}}\n"
                                  "instance:\n"
                                  "  instances:\n"
                                  "    \"\": {id: 1}\n"
                                  "    acme-eu: {id: 2, config: {region: eu, tier: 2}}\n"
                                  "    acme-us: {id: 3, config: {region: us}}\n"
                                  "    globex: {id: 4}\n"
                                  "    iso: {id: 5, isolate: true, isolateClient: iso}\n"
                                  "rules: {timeout: 10s, instructions: 100000000}\n";

static const char models_text[] =
    "model 'user' { relations = { orders = has_many('order', 'user_id'), team = has_many('user', 'boss', { client = "
    "'_inherit_' }), old = has_many('order', 'user_id', { client = 'c1', table = 'old_orders' }) } }\n"
    "model 'order' { client = 'c2', table = function(req) local b = req:mod('where.user_id', 4); return b and "
    "'orders_' "
    ".. b or 'orders' end, relations = { user = belongs_to('user', 'user_id', { client = '_initial_' }) } }\n"
    "model 'role' { client = function(req) if req.attrs.plan == 'pro' then return 'c1' end end }\n";

typedef struct bench {
  char folder[64];
  catalog *catalog;
  rule_host *host;
  route *route;
} bench;

static void write_file(const bench *b, const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", b->folder, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static void open_bench(bench *b, const char *rules) {
  problems found = {0};
  catalog_source source;
  config_settings settings;
  shunt_error err;
  char path[128];
  memset(b, 0, sizeof *b);
  memset(&source, 0, sizeof source);
  memset(&settings, 0, sizeof settings);
  strcpy(b->folder, "/tmp/shunt-route-XXXXXX");
  assert_non_null(mkdtemp(b->folder));
  snprintf(path, sizeof path, "%s/rules", b->folder);
  assert_int_equal(mkdir(path, 0700), 0);
  write_file(b, "shunt.yaml", config_text);
  write_file(b, "rules/a.lua", models_text);
  write_file(b, "rules/b.lua", rules);
  snprintf(path, sizeof path, "%s/shunt.yaml", b->folder);
  assert_int_equal(config_read(path, "dev", &source, &settings, &found), SHUNT_OK);
  sandbox_limits limits = {settings.instructions, settings.memory_bytes, settings.timeout_ms * NS_PER_MS};
  assert_int_equal(rule_host_new(&limits, &b->host, &err), SHUNT_OK);
  rule_load what = {settings.rule_paths, settings.rule_path_places, settings.nrule_paths, true, false};
  rule_host_load(b->host, &what, &source, &found);
  shunt_status built = catalog_build(&source, &found, &b->catalog);
  for (size_t i = 0; i < found.count; i++)
    printf("%s:%d: %s\n", found.list[i].file, found.list[i].line, found.list[i].message);
  if (found.count) printf("%s", rules);
  assert_int_equal(found.count, 0);
  assert_int_equal(built, SHUNT_OK);
  problems_free(&found);
  assert_int_equal(route_new(b->catalog, b->host, 1, &b->route, &err), SHUNT_OK);
}

static void close_bench(bench *b) {
  static const char *const files[] = {"shunt.yaml", "rules/a.lua", "rules/b.lua", "rules", ""};
  route_free(b->route);
  catalog_free(b->catalog);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", b->folder, files[i]);
    assert_int_equal(remove(path), 0);
  }
}

/* ---- chance ---- */

static const char *const clients[] = {"c0", "c1", "c2", "iso", "default"};
static const char *one(rng *r, const char *const *list, size_t n) { return list[rng_below(r, n)]; }
#define ONE(r, list) one((r), (list), sizeof(list) / sizeof *(list))

/* An expression over the request, reading fields in an order that depends on their values. */
static void write_expression(rng *r, buf *b, int depth) {
  static const char *const fields[] = {"req.model == 'user'",
                                       "req.relation",
                                       "req.explicit == 'c1'",
                                       "req.parent",
                                       "req.current == 'c2'",
                                       "req.instance.name == 'globex'",
                                       "req.instance.isolate",
                                       "(req.instance.config or {}).region == 'eu'",
                                       "req.op == 'write'",
                                       "req.level > 1",
                                       "req.in_transaction",
                                       "req.where.user_id == 3",
                                       "(req:mod('where.user_id', 3) or 0) > 0",
                                       "(req:bucket('attrs.plan', 2) or 0) > 0",
                                       "req:one_of('attrs.plan', {'pro', 7, true})",
                                       "req:prefix('attrs.country', 'n')",
                                       "req.attrs.plan == 7",
                                       "math.type(req.attrs.plan) == 'integer'",
                                       "pcall(function() return req.attrs.country .. 'x' .. nil end)",
                                       "req.attrs.absent"};
  static const char *const joins[] = {"and", "or", "and not"};
  if (depth == 0 || rng_below(r, 3) == 0) {
    buf_puts(b, ONE(r, fields));
    return;
  }
  buf_putc(b, '(');
  write_expression(r, b, depth - 1);
  buf_printf(b, " %s ", ONE(r, joins));
  write_expression(r, b, depth - 1);
  buf_putc(b, ')');
}

static void write_conditions(rng *r, buf *b) {
  static const char *const models[] = {"'user'", "'order'", "{'user', 'role'}", "'r*'", "'*'"};
  static const char *const relations[] = {"'user.orders'", "'*'", "'user.*'", "{'order.user', 'user.team'}"};
  static const char *const instances[] = {"'acme-eu'", "'acme-*'", "{'globex', 'iso'}", "{'acme-us', 'glob*'}",
                                          "'*'",       "''"};
  if (rng_below(r, 3) == 0) buf_printf(b, " model = %s,", ONE(r, models));
  if (rng_below(r, 4) == 0) buf_printf(b, " relation = %s,", ONE(r, relations));
  if (rng_below(r, 3) == 0) buf_printf(b, " instance = %s,", ONE(r, instances));
  if (rng_below(r, 5) == 0) buf_printf(b, " op = '%s',", rng_below(r, 2) ? "read" : "write");
  if (rng_below(r, 3) == 0) buf_printf(b, " priority = %d,", (int)rng_below(r, 3) - 1);
  if (rng_below(r, 2) == 0) {
    buf_puts(b, " when = function(req) return ");
    write_expression(r, b, 2);
    buf_puts(b, " end,");
  }
}

static void write_rule(rng *r, buf *b, int number) {
  static const char *const stages[] = {"override", "explicit", "relation", "model", "current",
                                       "default",  "refine",   "refine",   "guard"};
  const char *stage = ONE(r, stages);
  buf_printf(b, "rule 'r%d' { stage = '%s',", number, stage);
  write_conditions(r, b);
  if (strcmp(stage, "guard") == 0) {
    if (rng_below(r, 2))
      buf_puts(b, " deny = 'no'");
    else {
      buf_puts(b, " check = function(req) if ");
      write_expression(r, b, 2);
      buf_puts(b, " and req.client ~= 'c0' then return deny('why ' .. req.client) end end");
    }
  } else if (strcmp(stage, "refine") == 0 && rng_below(r, 2)) {
    buf_printf(b, " client = function(req) if ");
    write_expression(r, b, 1);
    buf_printf(b, " then return { table = (req.table or '') .. '_x', level = req.level + 1 } end end");
  } else if (rng_below(r, 3) == 0) {
    buf_printf(b, " client = '%s'", strcmp(stage, "default") == 0 ? "c1" : ONE(r, clients));
  } else {
    buf_puts(b, " client = function(req) if ");
    write_expression(r, b, 2);
    buf_printf(b, " then return '%s' end end", strcmp(stage, "default") == 0 ? "c2" : ONE(r, clients));
  }
  buf_puts(b, " }\n");
}

typedef struct sample {
  route_request q;
  shunt_field where[2], attrs[2];
} sample;

static void random_request(rng *r, const bench *b, sample *s) {
  static const char *const relation_clients[] = {"_inherit_", "_initial_", "_auto_", "c1", "default"};
  memset(s, 0, sizeof *s);
  s->q.model = b->catalog->models[rng_below(r, b->catalog->nmodels)];
  if (rng_below(r, 3) == 0) {
    s->q.relation = b->catalog->relations[rng_below(r, b->catalog->nrelations)];
    s->q.model = s->q.relation->target;
    if (rng_below(r, 2)) s->q.relation_client = ONE(r, relation_clients);
    if (rng_below(r, 2)) s->q.parent = ONE(r, clients);
  }
  s->q.instance = b->catalog->instances[rng_below(r, b->catalog->ninstances)];
  if (rng_below(r, 4) == 0) s->q.explicit_client = ONE(r, clients);
  if (rng_below(r, 8) == 0) s->q.explicit_table = "asked_for";
  if (rng_below(r, 3) == 0) s->q.current = ONE(r, clients);
  s->q.op = rng_below(r, 2) ? SHUNT_READ : SHUNT_WRITE;
  s->q.level = (int)rng_below(r, 3);
  s->q.in_transaction = rng_below(r, 2);
  s->q.where = s->where;
  s->q.attrs = s->attrs;
  if (rng_below(r, 2)) s->where[s->q.nwhere++] = (shunt_field){"user_id", shunt_integer((int64_t)rng_below(r, 6))};
  if (rng_below(r, 2)) s->where[s->q.nwhere++] = (shunt_field){"id", shunt_float((double)rng_below(r, 2))};
  static const shunt_value plans[] = {{{.bytes = "pro"}, 3, SHUNT_TEXT},
                                      {{.integer = 7}, 0, SHUNT_INTEGER},
                                      {{.number = 7}, 0, SHUNT_FLOAT},
                                      {{.boolean = true}, 0, SHUNT_BOOL}};
  if (rng_below(r, 3)) s->attrs[s->q.nattrs++] = (shunt_field){"plan", plans[rng_below(r, 4)]};
  if (rng_below(r, 2)) s->attrs[s->q.nattrs++] = (shunt_field){"country", shunt_text(rng_below(r, 2) ? "no" : "se", 2)};
}

static char *told(shunt_status status, const route_decision *d, const shunt_error *err) {
  buf b = {0};
  const shunt_decision *as = &d->as;
  bool made = status == SHUNT_OK || status == SHUNT_E_DENIED;
  buf_printf(&b, "%s %s", shunt_status_name(status), status ? err->message : "");
  if (!made) return buf_take(&b);
  buf_printf(&b,
             " model=%s relation=%s client=%s engine=%s level=%d table=%s op=%d role=%s rule=%s source=%s denied=%s on",
             as->model, as->relation ? as->relation : "-", as->client ? as->client : "-", as->engine ? as->engine : "-",
             as->client ? as->level : 0, as->client ? as->table : "-", (int)as->op, as->role, as->rule, as->source,
             as->denied ? as->denied : "-");
  return buf_take(&b);
}

/* With the fields it depends on, and the trace without the rules that the index passed over. */
static char *told_in_full(shunt_status status, const route_decision *d, const shunt_error *err) {
  buf b = {0};
  char *head = told(status, d, err);
  buf_puts(&b, head);
  free(head);
  for (size_t i = 0; i < d->as.ndepends_on; i++) buf_printf(&b, " %s", d->as.depends_on[i]);
  for (size_t i = 0; i < d->as.ntrace; i++) {
    const shunt_trace *t = &d->as.trace[i];
    buf_printf(&b, "\n  %s %s %s %s", t->stage, t->rule, shunt_verdict_text(t->verdict), t->detail ? t->detail : "");
  }
  return buf_take(&b);
}

static void compare(const bench *b, const sample *s, route_decision *d) {
  shunt_error err;
  route_request every = s->q;
  every.every_rule = true;
  route_remember(b->route, false);
  shunt_status status = route_decide(b->route, &every, d, &err);
  char *by_every_rule = told(status, d, &err);
  status = route_decide(b->route, &s->q, d, &err);
  char *short_form = told(status, d, &err);
  char *by_index = told_in_full(status, d, &err);
  route_remember(b->route, true);
  for (int again = 0; again < 2; again++) {
    status = route_decide(b->route, &s->q, d, &err);
    bool made = status == SHUNT_OK || status == SHUNT_E_DENIED;
    char *remembered = made ? told_in_full(status, d, &err) : NULL;
    if (made) assert_string_equal(remembered, by_index);
    free(remembered);
  }
  assert_string_equal(by_every_rule, short_form);
  free(by_every_rule);
  free(short_form);
  free(by_index);
}

static void agree_however_they_are_made(void **state) {
  (void)state;
  rng r = rng_start("decisions");
  const char *wanted = getenv("SHUNT_COMPARISONS");
  size_t rounds = (wanted ? strtoull(wanted, NULL, 10) : 60000) / 1500;
  route_decision d = {0};
  for (size_t round = 0; round < rounds; round++) {
    buf rules = {0};
    int n = (int)rng_below(&r, 14);
    buf_puts(&rules, "\n");
    for (int i = 0; i < n; i++) write_rule(&r, &rules, i);
    bench b;
    open_bench(&b, rules.data);
    for (int i = 0; i < 1500; i++) {
      sample s;
      random_request(&r, &b, &s);
      compare(&b, &s, &d);
    }
    close_bench(&b);
    buf_free(&rules);
  }
  route_decision_clear(&d);
}

static void draws_a_pick_anew_each_time(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b,
             "rule 'spread' { stage = 'model', model = 'user', client = function() return pick{ 'c1', 'c2' } end }\n");
  route_request q = {.model = catalog_model(b.catalog, "user"), .instance = catalog_instance(b.catalog, "")};
  size_t c1 = 0;
  for (int i = 0; i < 100; i++) {
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    if (strcmp(d.as.client, "c1") == 0) c1++;
  }
  assert_int_equal(c1, 50);
  route_decision_clear(&d);
  close_bench(&b);
}

static void takes_an_uncacheable_decision_anew_each_time(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(
      &b, "rule 'fresh' { stage = 'model', client = function() uncacheable 'the host says when' return 'c1' end }\n");
  route_request q = {.model = catalog_model(b.catalog, "user"), .instance = catalog_instance(b.catalog, "")};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.uncacheable, "the host says when");
  }
  uint64_t asked = 0;
  cat_rule_counts *counts = calloc(b.catalog->nrules, sizeof *counts);
  assert_non_null(counts);
  route_counts(b.route, counts);
  for (size_t i = 0; i < b.catalog->nrules; i++)
    if (strcmp(b.catalog->rules[i]->name, "fresh") == 0) asked = counts[i].asked;
  free(counts);
  assert_int_equal(asked, 3);
  route_decision_clear(&d);
  close_bench(&b);
}

/* The rule that "default" asks in turn makes garbage enough for the answer under way to be collected. */
static void draws_from_texts_that_outlive_the_question_for_the_default(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'pick' { stage = 'override', client = function(req)\n"
                 "  return pick { 'default', ('c'):rep(50):sub(1, 1) .. req.attrs.n, policy = 'round_robin' }\n"
                 "end }\n"
                 "rule 'garbage' { stage = 'default', client = function()\n"
                 "  local t = {}\n"
                 "  for i = 1, 5000 do t[i % 10] = ('y'):rep(50) .. i end\n"
                 "end }\n");
  shunt_field attr = {"n", shunt_text("2", 1)};
  route_request q = {.model = catalog_model(b.catalog, "user"),
                     .instance = catalog_instance(b.catalog, ""),
                     .attrs = &attr,
                     .nattrs = 1};
  for (int i = 0; i < 20; i++) {
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, i % 2 ? "c2" : "c0");
  }
  route_decision_clear(&d);
  close_bench(&b);
}

static void a_candidate_is_no_default(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'over' { stage = 'override', client = 'c1' }\n"
                 "rule 'back' { stage = 'refine', client = 'default' }\n"
                 "rule 'none' { stage = 'default', client = function() return deny 'no default here' end }\n");
  route_request q = {.model = catalog_model(b.catalog, "user"), .instance = catalog_instance(b.catalog, "")};
  assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_E_DENIED);
  assert_string_equal(d.as.denied, "no default here");
  route_decision_clear(&d);
  close_bench(&b);
}

static void a_column_is_the_same_in_whatever_case(void **state) {
  (void)state;
  static const char *const names[] = {"user_id", "USER_ID", "User_Id"};
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "");
  route_request q = {
      .model = catalog_model(b.catalog, "order"), .instance = catalog_instance(b.catalog, ""), .nwhere = 1};
  for (int i = 0; i < 6; i++) { /* asked of the rules, then remembered */
    shunt_field where = {names[i % 3], shunt_integer(6)};
    q.where = &where;
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.table, "orders_2");
    assert_true(route_depends_on_where(&d, names[i % 3]));
  }
  assert_int_equal(route_remembered(b.route), 1);
  route_decision_clear(&d);
  close_bench(&b);
}

static void remembers_nothing_that_hangs_on_a_long_text(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  char text[2000];
  memset(text, 'x', sizeof text);
  open_bench(&b, "rule 'long' { stage = 'override', client = function(req) return req.attrs.who and 'c1' end }\n");
  shunt_field attr = {"who", shunt_text(text, 1000)};
  route_request q = {.model = catalog_model(b.catalog, "user"),
                     .instance = catalog_instance(b.catalog, ""),
                     .attrs = &attr,
                     .nattrs = 1};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_int_equal(route_remembered(b.route), 1);
    attr.value = shunt_text(text, sizeof text);
  }
  assert_string_equal(d.as.client, "c1");
  route_decision_clear(&d);
  close_bench(&b);
}

static void reasons_may_be_without_number(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'fresh' { stage = 'override', client = function(req) uncacheable('n is ' .. req.attrs.n) return "
                 "'c1' end }\n");
  shunt_field attr = {"n", shunt_integer(0)};
  route_request q = {.model = catalog_model(b.catalog, "user"),
                     .instance = catalog_instance(b.catalog, ""),
                     .attrs = &attr,
                     .nattrs = 1};
  for (int i = 0; i < 11000; i++) {
    char why[32];
    attr.value = shunt_integer(i);
    snprintf(why, sizeof why, "n is %d", i);
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.uncacheable, why);
  }
  route_decision_clear(&d);
  close_bench(&b);
}

/* The index gives each of ten thousand tenants its own rule, and asks no other. */
static void asks_one_of_ten_thousand_rules(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(
      &b, "for i = 1, 10000 do\n"
          "  instance('t' .. i) { id = 1000 + i }\n"
          "  rule('tenant ' .. i) { stage = 'override', instance = 't' .. i, client = i % 2 == 0 and 'c1' or 'c2' }\n"
          "end\n");
  for (int i = 1; i <= 10000; i += 777) {
    char name[32];
    snprintf(name, sizeof name, "t%d", i);
    route_request q = {.model = catalog_model(b.catalog, "user"), .instance = catalog_instance(b.catalog, name)};
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, i % 2 == 0 ? "c1" : "c2");
    assert_int_equal(d.as.ntrace, 1);
  }
  route_decision_clear(&d);
  close_bench(&b);
}

/* A rule that asks for a remainder depends on no more than that. */
static void remembers_a_part_and_not_every_value(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "");
  route_request q = {.model = catalog_model(b.catalog, "order"), .instance = catalog_instance(b.catalog, "")};
  for (int i = 0; i < 1000; i++) {
    char table[32];
    shunt_field where = {"user_id", shunt_integer(i - 500)};
    q.where = &where;
    q.nwhere = 1;
    snprintf(table, sizeof table, "orders_%d", ((i - 500) % 4 + 4) % 4);
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.table, table);
    assert_true(route_depends_on_where(&d, "user_id"));
  }
  assert_int_equal(route_remembered(b.route), 4);
  route_decision_clear(&d);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agree_however_they_are_made),
      cmocka_unit_test(draws_a_pick_anew_each_time),
      cmocka_unit_test(takes_an_uncacheable_decision_anew_each_time),
      cmocka_unit_test(remembers_a_part_and_not_every_value),
      cmocka_unit_test(draws_from_texts_that_outlive_the_question_for_the_default),
      cmocka_unit_test(a_candidate_is_no_default),
      cmocka_unit_test(a_column_is_the_same_in_whatever_case),
      cmocka_unit_test(remembers_nothing_that_hangs_on_a_long_text),
      cmocka_unit_test(reasons_may_be_without_number),
      cmocka_unit_test(asks_one_of_ten_thousand_rules),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
