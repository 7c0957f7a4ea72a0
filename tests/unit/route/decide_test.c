/* Decisions three entries, which must agree on whatever rules and requests chance makes: remembered, asked of the rules
 * through the index over their conditions, and asked of every rule in turn. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "random.h"
#include "unit/route/bench.h"

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
                                       "req:one_of('attrs.plan', {7.0, 0, false, 'x'})",
                                       "req:one_of('attrs.plan', {})",
                                       "req:one_of('where.id', {0, 1.5, -1})",
                                       "req:one_of('instance.id', {2, 5})",
                                       "req:one_of('model', {'user', 'role'})",
                                       "req:one_of('relation', {'user.orders', req.attrs.plan})",
                                       "req:one_of('parent', {'c1', 'c2'})",
                                       "req:one_of('level', {0, 2})",
                                       "req:one_of('client', {'c1', 'iso'})",
                                       "req:prefix('attrs.country', 'n')",
                                       "req:prefix('attrs.plan', 'p')",
                                       "req:prefix('attrs.plan', '')",
                                       "req:prefix('instance.name', 'acme-')",
                                       "req:prefix('explicit', 'c')",
                                       "req:prefix('where.user_id', req.attrs.country or '')",
                                       "(req:bucket('instance.id', 3) or 0) == 1",
                                       "(req:bucket('instance.name', 3) or 0) == 1",
                                       "(req:bucket('attrs.deep', 5) or 0) > 2",
                                       "(req:mod('instance.id', 2) or 0) == 1",
                                       "select(2, pcall(req.mod, req, 'attrs.plan', 2)) == 1",
                                       "(req:mod('attrs.deep', 3) or 1) == 1",
                                       "(req.instance.config or {}).quota and req.instance.config.quota.reads > 6",
                                       "req.instance.title",
                                       "req.instance.isolateClient == 'iso'",
                                       "req.instance.id == 3",
                                       "req.attrs[req.attrs.country]",
                                       "req.where[req.attrs.country == 'no' and 'user_id' or 'id'] == 1",
                                       "req.attrs.plan == req.attrs.deep",
                                       "(tostring(req.attrs.plan) .. tostring(req.where.id)):find('7.*0')",
                                       "req.attrs.long and #req.attrs.long > 1000",
                                       "req.attrs.name == 'a name of some length'",
                                       "req.env == 'dev' and req.default == 'c0'",
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

/* Drawn by a hash: so that what is drawn is the same however often it is. */
static void write_pick(rng *r, buf *b, bool in_default) {
  static const char *const keys[] = {"req.attrs.plan or 'none'", "req.where.user_id or 0", "req.instance.name"};
  buf_puts(b, " client = function(req) if ");
  write_expression(r, b, 1);
  buf_puts(b, " then return pick{ ");
  for (int n = (int)rng_below(r, 3); n >= 0; n--) buf_printf(b, "'%s', ", in_default ? "c1" : ONE(r, clients));
  buf_printf(b, "'c2', policy = 'hash', key = %s } end end", ONE(r, keys));
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
  } else if (rng_below(r, 6) == 0) {
    write_pick(r, b, strcmp(stage, "default") == 0);
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
  shunt_field where[3], attrs[6];
} sample;

static char long_text[1100];

/* Of all types; of numbers, those that are alike and not the same. */
static shunt_value random_value(rng *r) {
  static const shunt_value values[] = {
      {{.bytes = "pro"}, 3, SHUNT_TEXT},       {{.bytes = "7"}, 1, SHUNT_TEXT},
      {{.bytes = "-3"}, 2, SHUNT_TEXT},        {{.bytes = ""}, 0, SHUNT_TEXT},
      {{.bytes = "p\0q"}, 3, SHUNT_TEXT},      {{.bytes = "12345678"}, 8, SHUNT_TEXT},
      {{.bytes = "pro"}, 3, SHUNT_BLOB},       {{.bytes = "pxo"}, 3, SHUNT_TEXT},
      {{.bytes = "pr"}, 2, SHUNT_TEXT},        {{.bytes = "123456789"}, 9, SHUNT_TEXT},
      {{.bytes = "123456780"}, 9, SHUNT_TEXT}, {{.integer = 7}, 0, SHUNT_INTEGER},
      {{.number = 7}, 0, SHUNT_FLOAT},         {{.boolean = true}, 0, SHUNT_BOOL},
      {{.boolean = false}, 0, SHUNT_BOOL},     {{.number = 0.0}, 0, SHUNT_FLOAT},
      {{.number = -0.0}, 0, SHUNT_FLOAT},      {{.integer = 0}, 0, SHUNT_INTEGER},
      {{.integer = 1}, 0, SHUNT_INTEGER},      {{.number = 1.5}, 0, SHUNT_FLOAT},
      {{.integer = -3}, 0, SHUNT_INTEGER},     {{.integer = INT64_MIN}, 0, SHUNT_INTEGER},
      {{.number = 1e300}, 0, SHUNT_FLOAT}};
  return values[rng_below(r, sizeof values / sizeof *values)];
}

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
  if (rng_below(r, 2)) s->where[s->q.nwhere++] = (shunt_field){"user_id", random_value(r)};
  if (rng_below(r, 2)) s->where[s->q.nwhere++] = (shunt_field){rng_below(r, 2) ? "id" : "ID", random_value(r)};
  if (rng_below(r, 8) == 0) s->where[s->q.nwhere++] = (shunt_field){"id", shunt_null()};
  if (rng_below(r, 3)) s->attrs[s->q.nattrs++] = (shunt_field){"plan", random_value(r)};
  if (rng_below(r, 2)) s->attrs[s->q.nattrs++] = (shunt_field){"country", shunt_text(rng_below(r, 2) ? "no" : "se", 2)};
  if (rng_below(r, 4) == 0) s->attrs[s->q.nattrs++] = (shunt_field){"deep", random_value(r)};
  if (rng_below(r, 4) == 0) s->attrs[s->q.nattrs++] = (shunt_field){"no", random_value(r)};
  if (rng_below(r, 9) == 0) s->attrs[s->q.nattrs++] = (shunt_field){"name", shunt_text("a name of some length", 21)};
  if (rng_below(r, 40) == 0)
    s->attrs[s->q.nattrs++] = (shunt_field){"long", shunt_text(long_text, 1000 + rng_below(r, 50))};
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
  size_t rounds = (wanted ? strtoull(wanted, NULL, 10) : 500000) / 1500;
  route_decision d = {0};
  memset(long_text, 'x', sizeof long_text - 1);
  uint64_t hits = 0, misses = 0;
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
    route_stats stats;
    route_count(b.route, &stats);
    hits += stats.hits;
    misses += stats.misses;
    close_bench(&b);
    buf_free(&rules);
  }
  assert_true(hits > misses); /* each is asked twice, and some fail or hang on too long a text */
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
