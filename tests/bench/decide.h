/* For: what decide and decide_threads measure: the policy, written by hand as a switch in C and asked of shunt, and the
 * requests as each side has them.
 * Owner: a world has its sessions; the application is shared by those that are worlds of it.
 * Use: app = decide_open(&w, POLICY_FIVE, policy_config, ""); … handles_round(&w) …; decide_close(&w);
 * shunt_close(app).
 */
#ifndef SHUNT_BENCH_DECIDE_H
#define SHUNT_BENCH_DECIDE_H

#include "bench/policy.h" /* first: it asks the system for what it needs */

enum { REPEATS = 64 };

/* ---- the policy by hand ---- */

enum client { NONE, MAIN, USER_DB, USER_REPLICA, ORDER_DB, ORDER_EU, BIG, WAREHOUSE, ISO_DB, OTHER, CLIENTS };
enum model { USER, ORDER, LINE, PRODUCT, MODELS };
enum relation { NO_RELATION, USER_ORDERS, USER_FAVOURITES, ORDER_LINES, RELATIONS };
enum instance { SHARED, ACME_EU, GLOBEX_1, ISO, FROZEN_1 };
enum plan { SMALL_PLAN, BIG_PLAN, FIRST_CLOSURE_PLAN }; /* of as many as there are closures */
enum residency { NOWHERE, US, ELSEWHERE, FIRST_CLOSURE_RESIDENCY };

static const char *const client_names[CLIENTS] = {NULL,       "main", "user-db",   "user-replica", "order-db",
                                                  "order-eu", "big",  "warehouse", "iso-db",       "other"};
static const char *const model_names[MODELS] = {"user", "order", "line", "product"};
static const char *const relation_names[RELATIONS] = {NULL, "user.orders", "user.favourites", "order.lines"};
static const char *const tables[MODELS] = {"users", NULL, "lines", "products"};
static const char *const order_tables[] = {"orders_00", "orders_01", "orders_02", "orders_03", "orders_04", "orders_05",
                                           "orders_06", "orders_07", "orders_08", "orders_09", "orders_10", "orders_11",
                                           "orders_12", "orders_13", "orders_14", "orders_15"};

/* A request as such a program would have it: everything is a number already. */
typedef struct native {
  enum model model;
  enum relation relation;
  enum client explicit_client, relation_client, parent, current;
  int session; /* of the instance, with the attributes that plan, residency and report are */
  enum instance instance;
  enum plan plan;
  enum residency residency;
  shunt_op op;
  bool report, has_user_id, in_transaction;
  int64_t user_id;
} native;

typedef struct answer {
  const char *client; /* NULL where denied */
  const char *table;  /* or why */
} answer;

/* size is a constant wherever this is called, so that each policy has a switch of its own. */
static inline __attribute__((always_inline)) enum client choose(const native *q, policy_size size) {
  if (size >= POLICY_FIFTY && q->plan >= FIRST_CLOSURE_PLAN) return OTHER;
  if (size >= POLICY_FIFTY && q->residency >= FIRST_CLOSURE_RESIDENCY) return BIG;
  switch (q->model) {
  case ORDER:
    if ((q->instance == ACME_EU || q->instance == GLOBEX_1) && q->residency != US) return ORDER_EU;
    if (size >= POLICY_FIVE && q->plan == BIG_PLAN) return BIG;
    break;
  case LINE:
    if (size >= POLICY_FIVE && q->plan == BIG_PLAN) return BIG;
    break;
  case USER:
  case PRODUCT:
  case MODELS:
    break;
  }
  if (q->explicit_client) return q->explicit_client;
  if (q->relation_client) return q->relation_client;
  switch (q->relation) {
  case USER_ORDERS:
    return ORDER_DB;
  case ORDER_LINES:
    return q->parent;
  case USER_FAVOURITES:
  case NO_RELATION:
  case RELATIONS:
    break;
  }
  if (size >= POLICY_FIVE && q->op == SHUNT_READ && q->report) return WAREHOUSE;
  switch (q->model) {
  case USER:
    return USER_DB;
  case ORDER:
    return ORDER_DB;
  case LINE:
  case PRODUCT:
  case MODELS:
    break;
  }
  if (q->relation) return q->parent;
  if (q->current) return q->current;
  return q->instance == ISO ? ISO_DB : MAIN;
}

static inline __attribute__((always_inline)) answer decide(const native *q, policy_size size) {
  enum client client = choose(q, size);
  if (size >= POLICY_FIVE && q->model == USER && q->op == SHUNT_READ && client == USER_DB && !q->in_transaction)
    client = USER_REPLICA;
  if (size >= POLICY_FIVE && q->op == SHUNT_WRITE && q->instance == FROZEN_1) return (answer){NULL, "frozen"};
  const char *table = q->model != ORDER ? tables[q->model] : q->has_user_id ? order_tables[q->user_id & 15] : "orders";
  return (answer){client_names[client], table};
}

__attribute__((noinline)) static answer by_one_rule(const native *q) { return decide(q, POLICY_ONE); }
__attribute__((noinline)) static answer by_five_rules(const native *q) { return decide(q, POLICY_FIVE); }
__attribute__((noinline)) static answer by_fifty_rules(const native *q) { return decide(q, POLICY_FIFTY); }

/* ---- the same requests for both ---- */

typedef struct world {
  answer (*by_hand)(const native *q);
  native natives[REQUESTS];
  shunt_handle models[MODELS], relations[RELATIONS], clients[CLIENTS];
  shunt_session *sessions[SESSIONS];
  uint64_t plain_order, shunt_order;
  uint64_t plain_sum, shunt_sum; /* so that no answer goes unread */
} world;

static inline int number_of(const char *name, const char *const *names, int n) {
  for (int i = 0; i < n; i++)
    if (name ? names[i] && strcmp(name, names[i]) == 0 : !names[i]) return i;
  bench_die("decide: what is %s?", name ? name : "nothing");
}

static inline native native_of(const policy_input *in) {
  static const enum residency residencies[PLANS] = {US, ELSEWHERE, US, NOWHERE};
  const shunt_request *r = &in->request;
  int plan = in->session / INSTANCES;
  return (native){.model = (enum model)number_of(r->model, model_names, MODELS),
                  .relation = (enum relation)number_of(r->relation, relation_names, RELATIONS),
                  .explicit_client = (enum client)number_of(r->explicit_client, client_names, CLIENTS),
                  .relation_client = (enum client)number_of(r->relation_client, client_names, CLIENTS),
                  .parent = (enum client)number_of(r->parent, client_names, CLIENTS),
                  .current = (enum client)number_of(r->current, client_names, CLIENTS),
                  .session = in->session,
                  .instance = (enum instance)(in->session % INSTANCES),
                  .plan = plan == 2 ? BIG_PLAN : SMALL_PLAN,
                  .residency = residencies[plan],
                  .op = r->op,
                  .report = plan == 3,
                  .has_user_id = r->nwhere && strcmp(r->where[0].name, "user_id") == 0,
                  .user_id = r->nwhere ? r->where[0].value.as.integer : 0};
}

static inline void take_handles(shunt_app *app, shunt_handle_kind kind, const char *const *names, int n,
                                shunt_handle *handles) {
  shunt_error err;
  for (int i = 0; i < n; i++)
    if (names[i] && shunt_handle_of(app, kind, names[i], &handles[i], &err)) bench_die("%s", err.message);
}

static inline uint64_t sum_of(const char *client, const char *table) {
  return client ? (unsigned char)client[0] + (unsigned char)table[0] : 1U;
}

/* In an order that no processor can learn by heart. */
static inline int any(uint64_t *order) { return (int)(bench_random(order) % REQUESTS); }

static inline void by_hand_round(void *ud) {
  world *w = ud;
  for (int n = 0; n < REPEATS * REQUESTS; n++) {
    answer a = w->by_hand(&w->natives[any(&w->plain_order)]);
    w->plain_sum += sum_of(a.client, a.table);
  }
}

static inline const shunt_decision *resolve(world *w, const native *q, const shunt_request *request) {
  const shunt_decision *d;
  shunt_error err;
  shunt_status status = shunt_resolve(w->sessions[q->session], request, &d, &err);
  if (status && status != SHUNT_E_DENIED) bench_die("%s", err.message);
  return d;
}

/* A relation's client, which may be a word too, has no handle. */
static inline const shunt_decision *by_handles(world *w, const native *q) {
  shunt_field where = {"user_id", shunt_integer(q->user_id)};
  return resolve(w, q,
                 &(shunt_request){.model_handle = w->models[q->model],
                                  .relation_handle = w->relations[q->relation],
                                  .explicit_client_handle = w->clients[q->explicit_client],
                                  .relation_client = client_names[q->relation_client],
                                  .parent_handle = w->clients[q->parent],
                                  .current_handle = w->clients[q->current],
                                  .op = q->op,
                                  .where = &where,
                                  .nwhere = q->has_user_id});
}

static inline const shunt_decision *by_names(world *w, const native *q) {
  shunt_field where = {"user_id", shunt_integer(q->user_id)};
  return resolve(w, q,
                 &(shunt_request){.model = model_names[q->model],
                                  .relation = relation_names[q->relation],
                                  .explicit_client = client_names[q->explicit_client],
                                  .relation_client = client_names[q->relation_client],
                                  .parent = client_names[q->parent],
                                  .current = client_names[q->current],
                                  .op = q->op,
                                  .where = &where,
                                  .nwhere = q->has_user_id});
}

static inline void handles_round(void *ud) {
  world *w = ud;
  for (int n = 0; n < REPEATS * REQUESTS; n++) {
    const shunt_decision *d = by_handles(w, &w->natives[any(&w->shunt_order)]);
    w->shunt_sum += sum_of(d->client, d->table);
  }
}

static inline void names_round(void *ud) {
  world *w = ud;
  for (int n = 0; n < REPEATS * REQUESTS; n++) {
    const shunt_decision *d = by_names(w, &w->natives[any(&w->shunt_order)]);
    w->shunt_sum += sum_of(d->client, d->table);
  }
}

static inline void compare(world *w, const shunt_decision *(*ask)(world *w, const native *q)) {
  for (int i = 0; i < REQUESTS; i++) {
    const shunt_decision *d = ask(w, &w->natives[i]);
    answer a = w->by_hand(&w->natives[i]);
    bool same = a.client ? d->client && strcmp(a.client, d->client) == 0 && strcmp(a.table, d->table) == 0
                         : d->denied && strcmp(a.table, d->denied) == 0;
    if (!same)
      bench_die("decide: request %d: shunt says %s %s, the switch %s %s", i, d->client ? d->client : "denied",
                d->client ? d->table : d->denied, a.client ? a.client : "denied", a.table);
  }
}

/* ---- applications ---- */

/* Sessions of the application, and what is asked in them. */
static inline void decide_join(world *w, shunt_app *app, policy_size size) {
  memset(w, 0, sizeof *w);
  w->plain_order = w->shunt_order = 20240229;
  w->by_hand = size == POLICY_ONE ? by_one_rule : size == POLICY_FIVE ? by_five_rules : by_fifty_rules;
  policy_open_sessions(app, w->sessions, false);
  take_handles(app, SHUNT_HANDLE_MODEL, model_names, MODELS, w->models);
  take_handles(app, SHUNT_HANDLE_RELATION, relation_names, RELATIONS, w->relations);
  take_handles(app, SHUNT_HANDLE_CLIENT, client_names, CLIENTS, w->clients);
  static policy_input inputs[REQUESTS];
  policy_make_inputs(inputs);
  for (int i = 0; i < REQUESTS; i++) w->natives[i] = native_of(&inputs[i]);
  compare(w, by_names);
  compare(w, by_handles);
}

static inline shunt_app *decide_open(world *w, policy_size size, const char *config, const char *more) {
  shunt_app *app = policy_open(size, config, more);
  decide_join(w, app, size);
  return app;
}

static inline void decide_close(world *w) {
  for (int i = 0; i < SESSIONS; i++) shunt_session_close(w->sessions[i]);
}

#endif
