/* Decisions that are remembered, against a switch written by hand in C for the same policy: as a host asks by names,
 * and with handles for them; for a policy of one rule and for one of fifty. Then how little it matters how many rules
 * there are and how many instances. */
#include "bench/decide.h" /* first: it asks the system for what it needs */

#include "session/session.h" /* to have another instance, and decisions taken anew each time */

/* ---- a switch ---- */

static void against_a_switch(policy_size size, const char *with_handles, const char *with_names) {
  static world w;
  bench_pairs pairs;
  shunt_app *app = decide_open(&w, size, policy_config, "");
  bench_measure(by_hand_round, handles_round, &w, &pairs);
  bench_report_pairs(with_handles, &pairs, 6, REQUESTS * REPEATS, "a switch in C", "shunt_resolve with handles");
  bench_measure(by_hand_round, names_round, &w, &pairs);
  bench_report_pairs(with_names, &pairs, 15, REQUESTS * REPEATS, "a switch in C", "shunt_resolve with names");
  if (w.plain_sum != w.shunt_sum) bench_die("decide: the two sides gave different answers");
  decide_close(&w);
  shunt_close(app);
}

/* ---- more rules ---- */

typedef struct two_worlds {
  world few, many;
} two_worlds;

static void few_round(void *ud) { handles_round(&((two_worlds *)ud)->few); }
static void many_round(void *ud) { handles_round(&((two_worlds *)ud)->many); }

static void after_fifty_rules(void) {
  static two_worlds w;
  bench_pairs pairs;
  shunt_app *few = decide_open(&w.few, POLICY_FIVE, policy_config, "");
  shunt_app *many = decide_open(&w.many, POLICY_FIFTY, policy_config, "");
  bench_measure(few_round, many_round, &w, &pairs);
  bench_report_pairs("decide_fifty_rules_ratio", &pairs, 1.3, REQUESTS * REPEATS, "after five rules", "after fifty");
  if (w.few.shunt_sum != w.many.shunt_sum) bench_die("decide: rules without an opinion changed a decision");
  decide_close(&w.few);
  decide_close(&w.many);
  shunt_close(few);
  shunt_close(many);
}

/* ---- more instances ---- */

static const char big_config[] =
    POLICY_DATABASE "rules: {path: [rules], instructions: 100000000, memory: 4GiB, timeout: 100s}\n";

static const char tenants[] =
    "for i = 1, 100000 do instance(\"t\" .. i) { id = 1000 + i } end\n"
    "for i = 1, 10000 do\n"
    "  rule(\"tenant \" .. i) { stage = \"override\", priority = -1, instance = \"t\" .. i, client = \"big\" }\n"
    "end\n";

/* A world whose sessions change their instance from request to request, so that there may be as many instances as
 * requests. */
typedef struct tenancy {
  world w;
  const cat_instance *instances[REQUESTS];
} tenancy;

typedef struct two_tenancies {
  tenancy few, many;
} two_tenancies;

static void tenants_round(tenancy *t) {
  world *w = &t->w;
  for (int n = 0; n < REPEATS * REQUESTS; n++) {
    int i = any(&w->shunt_order);
    w->sessions[w->natives[i].session]->instance = t->instances[i];
    const shunt_decision *d = by_handles(w, &w->natives[i]);
    w->shunt_sum += sum_of(d->client, d->table);
  }
}

static void few_tenants_round(void *ud) { tenants_round(&((two_tenancies *)ud)->few); }
static void many_tenants_round(void *ud) { tenants_round(&((two_tenancies *)ud)->many); }

static shunt_app *open_tenancy(tenancy *t, const char *config, const char *more) {
  shunt_app *app = decide_open(&t->w, POLICY_FIVE, config, more);
  const catalog *c = t->w.sessions[0]->generation.catalog;
  for (int i = 0; i < REQUESTS; i++) t->instances[i] = c->instances[bench_random(&t->w.plain_order) % c->ninstances];
  return app;
}

static void tell_big(tenancy *t, double load_ms) {
  route_stats stats;
  route *r = t->w.sessions[0]->generation.route;
  route_count(r, &stats);
  route_remember(r, false);
  int64_t start = bench_now_ns();
  tenants_round(t);
  double miss_ns = (double)(bench_now_ns() - start) / (REQUESTS * REPEATS);
  printf("# 10,000 rules and 100,000 instances: loaded in %.0f ms; %zu cache entries with %zu decisions in %zu KiB; "
         "without the cache: %.0f ns\n",
         load_ms, stats.entries, stats.decisions, stats.bytes >> 10, miss_ns);
}

static void among_many(void) {
  static two_tenancies two;
  bench_pairs pairs;
  shunt_app *few = open_tenancy(&two.few, policy_config, "");
  int64_t start = bench_now_ns();
  shunt_app *many = open_tenancy(&two.many, big_config, tenants);
  double load_ms = (double)(bench_now_ns() - start) / 1e6;
  bench_measure(few_tenants_round, many_tenants_round, &two, &pairs);
  bench_report_pairs("decide_many_ratio", &pairs, 2, REQUESTS * REPEATS, "five rules and instances",
                     "10,000 rules, 100,000 instances");
  tell_big(&two.many, load_ms);
  decide_close(&two.few.w);
  decide_close(&two.many.w);
  shunt_close(few);
  shunt_close(many);
}

int main(void) {
  bench_folder();
  against_a_switch(POLICY_ONE, "decide_one_handles_ratio", "decide_one_names_ratio");
  against_a_switch(POLICY_FIFTY, "decide_fifty_handles_ratio", "decide_fifty_names_ratio");
  after_fifty_rules();
  among_many();
  bench_clean();
  return 0;
}
