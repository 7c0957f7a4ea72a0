/* For: the policy that resolve and decide measure, user rules over the standard ones, and 1,024 requests.
 * Use: policy_open(POLICY_FIVE, ""); policy_open_sessions; policy_make_inputs(inputs). */
#ifndef SHUNT_BENCH_POLICY_H
#define SHUNT_BENCH_POLICY_H

#include "bench/bench.h"

enum { REQUESTS = 1024, INSTANCES = 5, PLANS = 4, SESSIONS = INSTANCES * PLANS };

#define POLICY_DATABASE                                                                                                \
  "database:\n"                                                                                                        \
  "  defaultClient: main\n"                                                                                            \
  "  clients:\n"                                                                                                       \
  "    main: {engine: sqlite3, connection: {filename: main.db}}\n"                                                     \
  "    user-db: {clone: main}\n"                                                                                       \
  "    user-replica: {clone: main}\n"                                                                                  \
  "    order-db: {clone: main}\n"                                                                                      \
  "    order-eu: {clone: main}\n"                                                                                      \
  "    big: {clone: main}\n"                                                                                           \
  "    warehouse: {clone: main}\n"                                                                                     \
  "    iso-db: {clone: main}\n"                                                                                        \
  "    other: {clone: main}\n"                                                                                         \
  "instance:\n"                                                                                                        \
  "  instances:\n"                                                                                                     \
  "    \"\": {id: 1}\n"                                                                                                \
  "    acme-eu: {id: 2}\n"                                                                                             \
  "    globex-1: {id: 3}\n"                                                                                            \
  "    iso: {id: 4, isolate: true, isolateClient: iso-db}\n"                                                           \
  "    frozen-1: {id: 5}\n"

static const char policy_config[] = POLICY_DATABASE "rules: {path: [rules]}\n";

static const char policy_models[] =
    "model \"user\" { table = \"users\", client = \"user-db\", relations = {\n"
    "  orders = has_many(\"order\", \"user_id\", { client = \"order-db\" }),\n"
    "  favourites = has_many(\"product\", \"user_id\"),\n"
    "} }\n"
    "model \"order\" {\n"
    "  table = function(req) local b = req:mod(\"where.user_id\", 16); return b and (\"orders_%02d\"):format(b) or "
    "\"orders\" end,\n"
    "  client = \"order-db\",\n"
    "  relations = { lines = has_many(\"line\", \"order_id\", { client = \"_inherit_\" }) },\n"
    "}\n"
    "model \"line\" { table = \"lines\" }\n"
    "model \"product\" { table = \"products\" }\n";

static const char policy_one_rule[] =
    "rule \"EU tenants keep their orders in the EU\" {\n"
    "  stage = \"override\", model = \"order\", instance = { \"acme-eu\", \"globex-*\" },\n"
    "  when = function(req) return req.attrs.residency ~= \"us\" end, client = \"order-eu\",\n"
    "}\n";

static const char policy_four_rules[] =
    "rule \"a big plan has a datasource of its own\" {\n"
    "  stage = \"override\", model = { \"order\", \"line\" },\n"
    "  when = function(req) return req.attrs.plan == \"big\" end, client = \"big\",\n"
    "}\n"
    "rule \"reports go to the warehouse\" {\n"
    "  stage = \"model\", op = \"read\", when = function(req) return req.attrs.report end, client = \"warehouse\",\n"
    "}\n"
    "rule \"reads of users go to a replica\" {\n"
    "  stage = \"refine\", model = \"user\", op = \"read\",\n"
    "  client = function(req) if req.client == \"user-db\" and not req.in_transaction then return \"user-replica\" end "
    "end,\n"
    "}\n"
    "rule \"frozen tenants write nothing\" { stage = \"guard\", op = \"write\", instance = \"frozen-*\", deny = "
    "\"frozen\" }\n";

/* Forty-five that are functions, come before the others, look at the same few fields and have no opinion. */
static const char policy_closures[] =
    "for i = 1, 45 do\n"
    "  rule(\"closure \" .. i) { stage = \"override\", priority = -1, client = function(req)\n"
    "    if req.attrs.plan == \"plan \" .. i or req.model == \"m\" .. i then return \"other\" end\n"
    "    if req.attrs.residency == \"r\" .. i then return \"big\" end\n"
    "  end }\n"
    "end\n";

static const struct {
  const char *name;
  const char *isolate_client;
} policy_instances[INSTANCES] = {
    {"", NULL}, {"acme-eu", NULL}, {"globex-1", NULL}, {"iso", "iso-db"}, {"frozen-1", NULL}};

static const shunt_field policy_plans[PLANS][2] = {
    {{"plan", {{.bytes = "small"}, 5, SHUNT_TEXT}}, {"residency", {{.bytes = "us"}, 2, SHUNT_TEXT}}},
    {{"plan", {{.bytes = "small"}, 5, SHUNT_TEXT}}, {"residency", {{.bytes = "no"}, 2, SHUNT_TEXT}}},
    {{"plan", {{.bytes = "big"}, 3, SHUNT_TEXT}}, {"residency", {{.bytes = "us"}, 2, SHUNT_TEXT}}},
    {{"plan", {{.bytes = "small"}, 5, SHUNT_TEXT}}, {"report", {{.boolean = true}, 0, SHUNT_BOOL}}},
};

typedef struct policy_input {
  int session;
  shunt_request request;
  shunt_field where[2];
} policy_input;

/* ---- the application ---- */

typedef enum policy_size { POLICY_ONE = 1, POLICY_FIVE = 5, POLICY_FIFTY = 50 } policy_size;

/* With so many of the rules, and more. */
static inline shunt_app *policy_open(policy_size size, const char *config, const char *more) {
  char *rules = bench_alloc(sizeof policy_models + sizeof policy_one_rule + sizeof policy_four_rules +
                            sizeof policy_closures + strlen(more));
  strcpy(rules, policy_models);
  strcat(rules, policy_one_rule);
  if (size >= POLICY_FIVE) strcat(rules, policy_four_rules);
  if (size >= POLICY_FIFTY) strcat(rules, policy_closures);
  strcat(rules, more);
  bench_write("shunt.yaml", config);
  bench_write("rules/models.lua", rules);
  free(rules);
  return bench_open();
}

/* ---- what is asked ---- */

static inline void policy_make_inputs(policy_input *inputs) {
  static const char *const models[] = {"user", "order", "line", "product"};
  static const struct {
    const char *relation, *model, *parent;
  } relations[] = {{"user.orders", "order", "user-db"},
                   {"user.favourites", "product", "user-db"},
                   {"order.lines", "line", "order-db"}};
  uint64_t state = 20240229;
  for (int i = 0; i < REQUESTS; i++) {
    policy_input *in = &inputs[i];
    *in = (policy_input){.session = (int)(bench_random(&state) % SESSIONS)};
    shunt_request *r = &in->request;
    r->op = bench_random(&state) % 4 == 0 ? SHUNT_WRITE : SHUNT_READ;
    if (bench_random(&state) % 2) {
      size_t which = bench_random(&state) % 3;
      r->relation = relations[which].relation;
      r->model = relations[which].model;
      r->parent = relations[which].parent;
      if (bench_random(&state) % 8 == 0) r->relation_client = "other";
    } else {
      r->model = models[bench_random(&state) % 4];
    }
    if (bench_random(&state) % 8 == 0) r->explicit_client = "other";
    if (bench_random(&state) % 8 == 0) r->current = "other";
    if (bench_random(&state) % 4) {
      in->where[0] = (shunt_field){strcmp(r->model, "order") == 0 ? "user_id" : "id",
                                   shunt_integer((int64_t)(bench_random(&state) % 100000))};
      r->where = in->where;
      r->nwhere = 1;
    }
  }
}

static inline void policy_open_sessions(shunt_app *app, shunt_session **sessions, bool follow) {
  shunt_error err;
  for (int i = 0; i < SESSIONS; i++) {
    shunt_session_options options = {.instance = policy_instances[i % INSTANCES].name,
                                     .follow = follow,
                                     .attrs = policy_plans[i / INSTANCES],
                                     .nattrs = 2};
    if (shunt_session_open(app, &options, &sessions[i], &err)) bench_die("%s", err.message);
  }
}

#endif
