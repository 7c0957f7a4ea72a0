/* What is remembered, how much of it, and what happens when it turns out to be wrong. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/route_inner.h" /* to forge a leaf */
#include "unit/faults.h"
#include "unit/route/bench.h"

static route_stats stats_of(const bench *b) {
  route_stats stats;
  route_count(b->route, &stats);
  return stats;
}

static route_request request_for_user(const bench *b) {
  return (route_request){.model = catalog_model(b->catalog, "user"), .instance = catalog_instance(b->catalog, "")};
}

/* Asks with that value of attrs.n. */
static shunt_status ask(const bench *b, shunt_value n, route_decision *d, shunt_error *err) {
  shunt_field attr = {"n", n};
  route_request q = request_for_user(b);
  q.attrs = &attr;
  q.nattrs = 1;
  return route_decide(b->route, &q, d, err);
}

static void says_whether_it_was_remembered(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "");
  route_request q = request_for_user(&b);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_int_equal(d.as.remembered, i > 0);
  }
  q.every_rule = true;
  assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
  assert_false(d.as.remembered);
  route_decision_clear(&d);
  close_bench(&b);
}

static void a_denial_is_remembered_with_all_that_is_told_of_it(void **state) {
  (void)state;
  bench b;
  shunt_error first, again;
  route_decision d = {0};
  open_bench(&b, "rule 'shut' { stage = 'guard', check = function(req) return deny('no ' .. req.attrs.n) end }\n");
  assert_int_equal(ask(&b, shunt_integer(1), &d, &first), SHUNT_E_DENIED);
  memset(&again, 'x', sizeof again);
  assert_int_equal(ask(&b, shunt_integer(1), &d, &again), SHUNT_E_DENIED);
  assert_true(d.as.remembered);
  assert_string_equal(d.as.denied, "no 1");
  assert_string_equal(again.message, "denied by the rule 'shut': no 1");
  assert_string_equal(again.message, first.message);
  assert_string_equal(again.rule, first.rule);
  assert_string_equal(again.file, first.file);
  assert_int_equal(again.line, first.line);
  assert_string_equal(again.traceback, "");
  assert_int_equal(ask(&b, shunt_integer(1), &d, NULL), SHUNT_E_DENIED);
  route_decision_clear(&d);
  close_bench(&b);
}

static void errors_and_limits_are_not_remembered(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'fails' { stage = 'override', client = function(req)\n"
                 "  if req.attrs.n == 1 then error 'broken' end\n"
                 "  if req.attrs.n == 2 then while true do end end\n"
                 "  if req.attrs.n == 3 then return 'nowhere' end\n"
                 "end }\n");
  static const shunt_status expected[] = {SHUNT_OK, SHUNT_E_RULE, SHUNT_E_LIMIT, SHUNT_E_NOT_FOUND};
  for (int round = 0; round < 2; round++)
    for (int n = 0; n < 4; n++) assert_int_equal(ask(&b, shunt_integer(n), &d, &err), expected[n]);
  assert_int_equal(stats_of(&b).entries, 1);
  assert_int_equal(stats_of(&b).hits, 1);
  assert_int_equal(stats_of(&b).misses, 7);
  route_decision_clear(&d);
  close_bench(&b);
}

/* mod's message has the value: a decision that is made of it must not be given for other values. */
static void a_caught_message_of_mod_counts_as_a_read_of_the_value(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'odd' { stage = 'override', client = function(req)\n"
                 "  local fine, why = pcall(req.mod, req, 'attrs.n', 2)\n"
                 "  return not fine and why:find('abc', 1, true) and 'c1' or 'c2'\n"
                 "end }\n");
  for (int round = 0; round < 2; round++) {
    assert_int_equal(ask(&b, shunt_text("abc", 3), &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, "c1");
    assert_int_equal(ask(&b, shunt_text("xyz", 3), &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, "c2");
  }
  assert_int_equal(stats_of(&b).hits, 2);
  route_decision_clear(&d);
  close_bench(&b);
}

static void mod_says_which_value_of_which_model_it_can_not_take(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b,
             "rule 'parts' { stage = 'override', client = function(req) return 'c' .. req:mod('attrs.n', 2) end }\n");
  assert_int_equal(ask(&b, shunt_text("abc", 3), &d, &err), SHUNT_E_RULE);
  assert_string_equal(err.message,
                      "mod: attrs.n is the text 'abc', not a whole number (model 'user'): use bucket, which "
                      "takes any value");
  assert_string_equal(err.rule, "parts");
  assert_int_equal(ask(&b, shunt_float(1.5), &d, &err), SHUNT_E_RULE);
  assert_non_null(strstr(err.message, "attrs.n is 1.5, not a whole number"));
  route_decision_clear(&d);
  close_bench(&b);
}

/* A rule can't go on where the record of what it read has an end. */
static void names_without_number_end_in_a_limit_that_nothing_catches(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'names' { stage = 'override', client = function(req)\n"
                 "  local fine = pcall(function() for i = 1, 20000 do local x = req.attrs['a' .. i] end end)\n"
                 "  return fine and 'c1' or 'c2'\n"
                 "end }\n");
  assert_int_equal(ask(&b, shunt_integer(1), &d, &err), SHUNT_E_LIMIT);
  assert_non_null(strstr(err.message, "computed names"));
  assert_int_equal(stats_of(&b).entries, 0);
  route_decision_clear(&d);
  close_bench(&b);
}

static void one_and_one_point_nought_are_told_apart(void **state) {
  (void)state;
  static const shunt_value values[] = {{{.integer = 1}, 0, SHUNT_INTEGER}, {{.number = 1}, 0, SHUNT_FLOAT},
                                       {{.bytes = "1"}, 1, SHUNT_TEXT},    {{.boolean = true}, 0, SHUNT_BOOL},
                                       {{.number = 0.0}, 0, SHUNT_FLOAT},  {{.number = -0.0}, 0, SHUNT_FLOAT},
                                       {{.integer = 0}, 0, SHUNT_INTEGER}, {{.boolean = false}, 0, SHUNT_BOOL}};
  enum { VALUES = sizeof values / sizeof *values };
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'type' { stage = 'override', client = function(req)\n"
                 "  local n = req.attrs.n\n"
                 "  return { client = 'c1', table = (math.type(n) or type(n)) .. ' ' .. tostring(n) }\n"
                 "end }\n");
  char tables[VALUES][32];
  for (int round = 0; round < 2; round++)
    for (size_t i = 0; i < VALUES; i++) {
      assert_int_equal(ask(&b, values[i], &d, &err), SHUNT_OK);
      if (round == 0) snprintf(tables[i], sizeof tables[i], "%s", d.as.table);
      assert_string_equal(d.as.table, tables[i]);
    }
  assert_int_equal(stats_of(&b).entries, VALUES);
  assert_int_equal(stats_of(&b).hits, VALUES);
  route_decision_clear(&d);
  close_bench(&b);
}

/* ---- what a value leads to is enough ---- */

static void a_predicate_is_remembered_by_what_it_says(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "local few = { 3, 'x', 900 }\n"
                 "rule 'few' { stage = 'override', client = function(req)\n"
                 "  if req:one_of('attrs.n', few) then return 'c1' end\n"
                 "  if req:prefix('attrs.n', 'te') then return 'c2' end\n"
                 "end }\n");
  for (int i = 0; i < 1000; i++) {
    assert_int_equal(ask(&b, i % 2 ? shunt_integer(i) : shunt_float(i), &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, i == 3 || i == 900 ? "c1" : "c0");
    assert_true(route_depends_on(&d, RULE_FIELD_ATTRS));
  }
  assert_int_equal(ask(&b, shunt_text("tea", 3), &d, &err), SHUNT_OK);
  assert_string_equal(d.as.client, "c2");
  assert_int_equal(ask(&b, shunt_null(), &d, &err), SHUNT_OK);
  assert_string_equal(d.as.client, "c0");
  assert_int_equal(stats_of(&b).entries, 3);
  route_decision_clear(&d);
  close_bench(&b);
}

/* Lists that are made anew for each request are as good, until there are too many; then the value is remembered. */
static void lists_without_number_are_no_more_than_slow(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'own' { stage = 'override', client = function(req)\n"
                 "  local n = req.where.n\n"
                 "  if req:one_of('attrs.n', { n, n + 1 }) then return 'c1' end\n"
                 "  if req:prefix('attrs.n', 'p' .. n) then return 'c2' end\n"
                 "end }\n");
  for (int i = 0; i < 6000; i++) {
    shunt_field where = {"n", shunt_integer(i)}, attr = {"n", shunt_integer(i % 3 == 0 ? i + 1 : -1)};
    route_request q = request_for_user(&b);
    q.where = &where;
    q.nwhere = 1;
    q.attrs = &attr;
    q.nattrs = 1;
    for (int again = 0; again < 2; again++) {
      assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
      assert_string_equal(d.as.client, i % 3 == 0 ? "c1" : "c0");
    }
  }
  route_decision_clear(&d);
  close_bench(&b);
}

static void instances_that_are_alike_share_what_is_remembered(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "for i = 1, 1000 do instance('t' .. i) { id = 1000 + i } end\n"
                 "rule 'own' { stage = 'override', instance = { 't7', 't9*' }, client = 'c1' }\n"
                 "rule 'shard' { stage = 'refine', client = function(req)\n"
                 "  return { table = 'part_' .. req:bucket('instance.id', 4) }\n"
                 "end }\n");
  for (int i = 1; i <= 1000; i++) {
    char name[16];
    snprintf(name, sizeof name, "t%d", i);
    route_request q = request_for_user(&b);
    q.instance = catalog_instance(b.catalog, name);
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, i == 7 || name[1] == '9' ? "c1" : "c0");
  }
  assert_in_range(stats_of(&b).entries, 8, 12); /* four parts, of those with a rule (one of two), and of the others */
  route_decision_clear(&d);
  close_bench(&b);
}

/* ---- draws ---- */

static void what_comes_after_a_draw_is_exact(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  route_settings all = {ROUTE_REMEMBER, 1};
  open_bench_with(
      &b,
      "rule 'spread' { stage = 'override', client = function(req)\n"
      "  return pick{ 'c1', 'c2', 'default', policy = req.attrs.n }\n"
      "end }\n"
      "rule 'again' { stage = 'refine', client = function(req)\n"
      "  if req.client == 'c2' then return pick{ 'c2', 'iso' } end\n"
      "end }\n"
      "rule 'table' { stage = 'refine', client = function(req) return { table = 'of_' .. req.client } end }\n"
      "rule 'iso' { stage = 'guard', client = nil, check = function(req)\n"
      "  if req.client == 'iso' and req.op == 'write' then return deny 'not there' end\n"
      "end }\n",
      NULL, &all);
  static const char *const policies[] = {"round_robin", "random", "least_busy"};
  size_t denied = 0, seen[4] = {0};
  for (int i = 0; i < 3000; i++) {
    const char *policy = policies[i % 3];
    shunt_field attr = {"n", shunt_text(policy, strlen(policy))};
    route_request q = request_for_user(&b);
    q.attrs = &attr;
    q.nattrs = 1;
    q.op = i % 2 ? SHUNT_WRITE : SHUNT_READ;
    shunt_status status = route_decide(b.route, &q, &d, &err);
    if (status == SHUNT_E_DENIED) {
      denied++;
      continue;
    }
    assert_int_equal(status, SHUNT_OK);
    char table[16];
    snprintf(table, sizeof table, "of_%s", d.as.client);
    assert_string_equal(d.as.table, table);
    seen[strcmp(d.as.client, "iso") == 0 ? 3 : d.as.client[1] - '0']++;
  }
  for (int i = 0; i < 4; i++) assert_in_range(seen[i], 100, 1200);
  assert_in_range(denied, 100, 400);
  route_stats stats = stats_of(&b);
  assert_int_equal(stats.audits, stats.hits); /* each was asked again, with the clients that had been drawn */
  assert_int_equal(stats.differences, 0);
  assert_in_range(stats.misses, 1, 40);
  route_decision_clear(&d);
  close_bench(&b);
}

/* ---- bounds ---- */

static void stays_within_its_bounds_and_says_so(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  route_settings ten = {10, 0};
  const char *rules = "rule 'n' { stage = 'override', client = function(req) return req.attrs.n and 'c1' end }\n";
  open_bench_with(&b, rules, NULL, &ten);
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < 100; i++) assert_int_equal(ask(&b, shunt_integer(i), &d, &err), SHUNT_OK);
  assert_int_equal(stats_of(&b).entries, 10);
  assert_int_equal(stats_of(&b).hits, 10);
  assert_int_equal(stats_of(&b).refused_entries, 180);
  close_bench(&b);
  open_bench(&b, rules);
  for (int i = 0; i < TRIE_MOST_CHILDREN + 100; i++) assert_int_equal(ask(&b, shunt_integer(i), &d, &err), SHUNT_OK);
  assert_int_equal(stats_of(&b).entries, TRIE_MOST_CHILDREN);
  assert_int_equal(stats_of(&b).decisions, 1);
  assert_int_equal(stats_of(&b).refused_children, 100);
  assert_int_equal(ask(&b, shunt_integer(5), &d, &err), SHUNT_OK);
  assert_true(d.as.remembered);
  close_bench(&b);
  route_settings none = {0, 0};
  open_bench_with(&b, rules, NULL, &none);
  for (int i = 0; i < 3; i++) assert_int_equal(ask(&b, shunt_integer(1), &d, &err), SHUNT_OK);
  assert_false(d.as.remembered);
  route_remember(b.route, true);
  assert_int_equal(ask(&b, shunt_integer(1), &d, &err), SHUNT_OK);
  assert_int_equal(stats_of(&b).entries + stats_of(&b).hits, 0);
  route_decision_clear(&d);
  close_bench(&b);
}

static void counts_what_each_rule_came_to(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'n' { stage = 'override', client = function(req)\n"
                 "  if req.attrs.n == 1 then return 'c1' end\n"
                 "  if req.attrs.n == 2 then return deny 'two' end\n"
                 "  if req.attrs.n == 3 then error 'three' end\n"
                 "end }\n");
  for (int round = 0; round < 5; round++)
    for (int n = 0; n < 4; n++) (void)!ask(&b, shunt_integer(n), &d, &err);
  route_rule_stats *rules = calloc(b.catalog->nrules, sizeof *rules), n = {0};
  assert_non_null(rules);
  route_count_rules(b.route, rules);
  for (size_t i = 0; i < b.catalog->nrules; i++)
    if (strcmp(b.catalog->rules[i]->name, "n") == 0) n = rules[i];
  free(rules);
  assert_int_equal(n.asked, 20);
  assert_int_equal(n.selected, 5);
  assert_int_equal(n.denied, 5);
  assert_int_equal(n.failed, 5);
  assert_int_equal(n.passed, 5);
  assert_true(n.timed > 0);
  route_decision_clear(&d);
  close_bench(&b);
}

/* ---- the audit ---- */

static void forge(void *ud, const trie_leaf *leaf) {
  trie_leaf *forged;
  memcpy(&forged, &leaf, sizeof forged);
  forged->client = ud;
  forged->as.client = forged->client->name;
}

typedef struct heard {
  int times;
  char remembered[16], asked[16];
} heard;

static void hear(void *ud, const shunt_difference *difference) {
  heard *h = ud;
  h->times++;
  snprintf(h->remembered, sizeof h->remembered, "%s", difference->remembered->client);
  snprintf(h->asked, sizeof h->asked, "%s", difference->asked->client);
  assert_int_equal(difference->status, SHUNT_OK);
  assert_true(difference->remembered->ntrace > 0);
  assert_int_equal(difference->remembered->ntrace, difference->asked->ntrace);
}

static void an_audit_finds_what_is_wrong_and_ends_remembering(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  heard h = {0};
  route_settings tenth = {ROUTE_REMEMBER, 0.1};
  open_bench_with(&b, "", NULL, &tenth);
  route_on_difference(b.route, hear, &h);
  route_request q = request_for_user(&b);
  for (int i = 0; i < 101; i++) assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
  assert_int_equal(stats_of(&b).audits, 10);
  assert_int_equal(stats_of(&b).differences, 0);
  const cat_client *c1 = catalog_client(b.catalog, "c1");
  void *forged;
  memcpy(&forged, &c1, sizeof forged);
  trie_each_leaf(&b.route->trie, forge, forged);
  for (int i = 0; i < 30; i++) {
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, i < 9 ? "c1" : "c0");
    assert_int_equal(d.as.remembered, i < 9);
  }
  assert_int_equal(h.times, 1);
  assert_string_equal(h.remembered, "c1");
  assert_string_equal(h.asked, "c0");
  assert_int_equal(stats_of(&b).differences, 1);
  assert_int_equal(stats_of(&b).hits, 110);
  route_decision_clear(&d);
  close_bench(&b);
}

/* ---- memory ---- */

static const char *const hungry =
    "rule 'own' { stage = 'override', client = function(req)\n"
    "  if req:one_of('attrs.n', { 1, 2 }) then return pick{ 'c1', 'c2' } end\n"
    "  if req:prefix('attrs.n', 'x') or req:mod('attrs.n', 7) == 6 then return deny 'no' end\n"
    "  return { client = 'c1', table = 't' .. req.attrs.n }\n"
    "end }\n";

typedef struct hungry_thread {
  const bench *b;
  faults *f;
  size_t fail_at;
  bool lane; /* its rule state is made while memory fails; else only the decisions are */
} hungry_thread;

/* NULL if every decision was made, or failed with SHUNT_E_MEMORY. */
static void *decide_hungrily(void *ud) {
  hungry_thread *h = ud;
  shunt_error err;
  route_decision d = {0};
  void *wrong = NULL;
  if (!h->lane && route_prepare(h->b->route, &err)) wrong = h;
  h->f->seen = 0;
  h->f->failed = false;
  h->f->fail_at = h->fail_at;
  for (int i = 0; i < 40; i++) {
    shunt_status status = ask(h->b, shunt_integer(i % 20), &d, &err);
    if (status && status != SHUNT_E_DENIED && status != SHUNT_E_MEMORY) wrong = h;
  }
  h->f->fail_at = 0;
  for (int i = 0; i < 20; i++) { /* and nothing wrong was kept */
    shunt_status status = ask(h->b, shunt_integer(i), &d, &err);
    if (status != (i % 7 == 6 ? SHUNT_E_DENIED : SHUNT_OK)) wrong = h;
    char table[16];
    snprintf(table, sizeof table, "t%d", i);
    if (!status && i != 1 && i != 2 && strcmp(d.as.table, table) != 0) wrong = h;
  }
  route_decision_clear(&d);
  return wrong;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  faults f;
  faults_on(&f);
  for (int lane = 0; lane < 2; lane++) {
    bool failed = true;
    for (size_t n = 1; failed; n += lane ? 1 + n / 8 : 1) {
      bench b;
      pthread_t thread;
      void *wrong;
      open_bench(&b, hungry);
      hungry_thread h = {&b, &f, n, lane};
      assert_int_equal(pthread_create(&thread, NULL, decide_hungrily, &h), 0);
      assert_int_equal(pthread_join(thread, &wrong), 0);
      assert_null(wrong);
      failed = f.failed;
      close_bench(&b);
      assert_int_equal(f.live, 0);
    }
  }
  faults_off();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(says_whether_it_was_remembered),
      cmocka_unit_test(a_denial_is_remembered_with_all_that_is_told_of_it),
      cmocka_unit_test(errors_and_limits_are_not_remembered),
      cmocka_unit_test(a_caught_message_of_mod_counts_as_a_read_of_the_value),
      cmocka_unit_test(mod_says_which_value_of_which_model_it_can_not_take),
      cmocka_unit_test(names_without_number_end_in_a_limit_that_nothing_catches),
      cmocka_unit_test(one_and_one_point_nought_are_told_apart),
      cmocka_unit_test(a_predicate_is_remembered_by_what_it_says),
      cmocka_unit_test(lists_without_number_are_no_more_than_slow),
      cmocka_unit_test(instances_that_are_alike_share_what_is_remembered),
      cmocka_unit_test(what_comes_after_a_draw_is_exact),
      cmocka_unit_test(stays_within_its_bounds_and_says_so),
      cmocka_unit_test(counts_what_each_rule_came_to),
      cmocka_unit_test(every_allocation_may_fail),
      cmocka_unit_test(an_audit_finds_what_is_wrong_and_ends_remembering),
  };
  return cmocka_run_group_tests_name("route/remember", tests, NULL, NULL);
}
