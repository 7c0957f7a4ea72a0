/* Many threads in one route: each has a rule state of its own, and all share what is remembered. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/slot.h"
#include "random.h"
#include "route/route_inner.h" /* to look without asking the rules */
#include "unit/route/bench.h"

static const char rules_text[] =
    "local lib = require 'lib'\n"
    "rule 'plan' { stage = 'override', when = function(req) return req.attrs.plan == 3 end, client = 'c1' }\n"
    "rule 'bucket' { stage = 'override', instance = 'acme-*', client = function(req)\n"
    "  if req:bucket('attrs.user', 64) == 7 then return { client = 'c2', level = 2 } end\n"
    "end }\n"
    "rule 'of lib' { stage = 'override', client = lib.choose }\n"
    "rule 'spread' { stage = 'refine', model = 'role', client = function() return pick{ 'c1', 'c2' } end }\n"
    "rule 'closed' { stage = 'guard', op = 'write', model = 'user', check = function(req)\n"
    "  if req.attrs.plan == 1 then return deny('closed for ' .. req.instance.name) end\n"
    "end }\n";
static const char lib_text[] = "return { choose = function(req) if req.attrs.user == 5 then return 'c0' end end }\n";

enum { SAMPLES = 512, ROUNDS = 20, MANY = 300 };

typedef struct sample {
  route_request q;
  shunt_field attrs[2];
  shunt_status status;
  char told[64]; /* what it comes to: client, table and level; of a pick, the table and level */
} sample;

typedef struct crowd {
  bench b;
  sample samples[SAMPLES];
  pthread_barrier_t start;
  int threads;
} crowd;

static void tell(const crowd *c, const sample *s, const route_decision *d, char *told, size_t room) {
  bool drawn = s->q.model == catalog_model(c->b.catalog, "role") && d->client;
  if (d->as.denied)
    snprintf(told, room, "%s", d->as.denied);
  else
    snprintf(told, room, "%s %s %d", drawn ? "any" : d->as.client, d->as.table, drawn ? 0 : d->as.level);
}

static void open_crowd(crowd *c) {
  rng r = rng_start("threads");
  shunt_error err;
  route_decision d = {0};
  memset(c, 0, sizeof *c);
  open_bench_with(&c->b, rules_text, lib_text, NULL);
  const catalog *cat = c->b.catalog;
  route_remember(c->b.route, false);
  for (int i = 0; i < SAMPLES; i++) {
    sample *s = &c->samples[i];
    s->q.model = cat->models[rng_below(&r, cat->nmodels)];
    s->q.instance = cat->instances[rng_below(&r, cat->ninstances)];
    s->q.op = rng_below(&r, 2) ? SHUNT_READ : SHUNT_WRITE;
    s->q.level = (int)rng_below(&r, 3);
    s->attrs[0] = (shunt_field){"plan", shunt_integer((int64_t)rng_below(&r, 5))};
    s->attrs[1] = (shunt_field){"user", shunt_integer((int64_t)rng_below(&r, 100))};
    s->q.attrs = s->attrs;
    s->q.nattrs = 2;
    s->status = route_decide(c->b.route, &s->q, &d, &err);
    tell(c, s, &d, s->told, sizeof s->told);
  }
  route_remember(c->b.route, true);
  route_decision_clear(&d);
}

/* NULL where every answer was the one that a single thread had. */
static void *decide_all(void *ud) {
  crowd *c = ud;
  route_decision d = {0};
  shunt_error err;
  void *wrong = NULL;
  pthread_barrier_wait(&c->start);
  unsigned first = slot_of_thread() * 37;
  for (int n = 0; n < SAMPLES * ROUNDS / c->threads && !wrong; n++) {
    sample *s = &c->samples[(first + (unsigned)n) % SAMPLES];
    char told[64];
    if (route_decide(c->b.route, &s->q, &d, &err) != s->status) {
      wrong = s;
      break;
    }
    tell(c, s, &d, told, sizeof told);
    if (strcmp(told, s->told) != 0) wrong = s;
  }
  pthread_barrier_wait(&c->start); /* all of them live at once */
  route_decision_clear(&d);
  return wrong;
}

static void run_crowd(crowd *c, int n) {
  static pthread_t threads[MANY];
  c->threads = n;
  assert_int_equal(pthread_barrier_init(&c->start, NULL, (unsigned)n), 0);
  for (int i = 0; i < n; i++) assert_int_equal(pthread_create(&threads[i], NULL, decide_all, c), 0);
  for (int i = 0; i < n; i++) {
    void *wrong;
    assert_int_equal(pthread_join(threads[i], &wrong), 0);
    assert_null(wrong);
  }
  pthread_barrier_destroy(&c->start);
}

static void two_threads_say_what_one_does(void **state) {
  (void)state;
  static crowd c;
  route_stats stats;
  open_crowd(&c);
  for (int i = 0; i < 10; i++) run_crowd(&c, 2);
  route_count(c.b.route, &stats);
  assert_int_equal(stats.hits + stats.misses, 10 * 2 * (SAMPLES * ROUNDS / 2));
  assert_true(stats.hits > stats.misses);
  assert_int_equal(stats.lanes, 3);
  close_bench(&c.b);
}

/* More than there are numbers for: the last of them share a rule state. */
static void three_hundred_threads_come_and_go(void **state) {
  (void)state;
  static crowd c;
  route_stats stats;
  open_crowd(&c);
  for (int i = 0; i < 2; i++) run_crowd(&c, MANY);
  route_count(c.b.route, &stats);
  assert_int_equal(stats.lanes, SLOT_MOST);
  assert_int_equal(stats.hits + stats.misses, 2 * MANY * (SAMPLES * ROUNDS / MANY));
  cat_rule_counts *counts = calloc(c.b.catalog->nrules, sizeof *counts);
  assert_non_null(counts);
  assert_true(route_counts(c.b.route, counts));
  uint64_t asked = 0;
  for (size_t i = 0; i < c.b.catalog->nrules; i++)
    if (strcmp(c.b.catalog->rules[i]->name, "plan") == 0) asked = counts[i].asked;
  assert_int_equal(asked, stats.hits + stats.misses + SAMPLES); /* once for each decision, wherever it was taken */
  free(counts);
  close_bench(&c.b);
}

static void a_new_thread_runs_the_texts_that_were_checked(void **state) {
  (void)state;
  static crowd c;
  open_crowd(&c);
  write_file(&c.b, "rules/b.lua", "error 'not what was loaded'\n");
  write_file(&c.b, "rules/lib.lua", "error 'nor this'\n");
  run_crowd(&c, 1);
  close_bench(&c.b);
}

static void *prepare(void *ud) {
  shunt_error err;
  return route_prepare(ud, &err) ? ud : NULL;
}

static void a_rule_state_can_be_made_ahead(void **state) {
  (void)state;
  static crowd c;
  pthread_t thread;
  void *failed;
  route_stats stats;
  open_crowd(&c);
  assert_int_equal(pthread_create(&thread, NULL, prepare, c.b.route), 0);
  assert_int_equal(pthread_join(thread, &failed), 0);
  assert_null(failed);
  route_count(c.b.route, &stats);
  assert_int_equal(stats.lanes, 2);
  close_bench(&c.b);
}

/* ---- what is looked for while it is added ---- */

enum { BRANCHES = 2000, VALUES = 48 };

typedef struct lookout {
  bench b;
  atomic_int branch; /* that is added to; below 0: none any more */
  int found;
} lookout;

static route_request request_in(const lookout *l, shunt_field attrs[2], int branch, int64_t value) {
  attrs[0] = (shunt_field){"branch", shunt_integer(branch)};
  attrs[1] = (shunt_field){"value", shunt_integer(value)};
  return (route_request){.model = catalog_model(l->b.catalog, "user"),
                         .instance = catalog_instance(l->b.catalog, ""),
                         .attrs = attrs,
                         .nattrs = 2};
}

static void *look_for_what_is_never_added(void *ud) {
  lookout *l = ud;
  pick_draws draws = {.count = 0};
  int branch;
  for (int64_t value = -1; (branch = atomic_load(&l->branch)) >= 0; value = value % 64 - 1) {
    shunt_field attrs[2];
    route_request q = request_in(l, attrs, branch, value);
    l->found += trie_find(&l->b.route->trie, &q, NULL, &draws) != NULL;
  }
  return NULL;
}

/* One thread takes a free slot while another looks at it for a different value. */
static void nothing_is_found_that_was_not_added(void **state) {
  (void)state;
  static lookout l;
  pthread_t thread;
  shunt_error err;
  route_decision d = {0};
  open_bench(&l.b, "rule 'value' { stage = 'override', client = function(req)\n"
                   "  if req.attrs.branch and req.attrs.value < 0 then return 'c2' end\n"
                   "  return 'c1'\n"
                   "end }\n");
  atomic_init(&l.branch, 0);
  l.found = 0;
  assert_int_equal(pthread_create(&thread, NULL, look_for_what_is_never_added, &l), 0);
  for (int branch = 0; branch < BRANCHES; branch++) {
    atomic_store(&l.branch, branch);
    for (int value = 0; value < VALUES; value++) {
      shunt_field attrs[2];
      route_request q = request_in(&l, attrs, branch, value);
      assert_int_equal(route_decide(l.b.route, &q, &d, &err), SHUNT_OK);
    }
  }
  atomic_store(&l.branch, -1);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(l.found, 0);
  route_decision_clear(&d);
  close_bench(&l.b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_found_that_was_not_added),
      cmocka_unit_test(two_threads_say_what_one_does),
      cmocka_unit_test(three_hundred_threads_come_and_go),
      cmocka_unit_test(a_new_thread_runs_the_texts_that_were_checked),
      cmocka_unit_test(a_rule_state_can_be_made_ahead),
  };
  return cmocka_run_group_tests_name("route/threads", tests, NULL, NULL);
}
