/* A resolve through the standard policy and five user rules, against lua_pcall of the same policy written as one plain
 * Lua function. The plain side is handed each request as a table and gives back client and table. With every rule asked
 * each time; as the library does it by itself, which is to remember decisions; and where there is nothing to remember
 * yet, and the decision is to be added. */
#include "bench/policy.h" /* first: it asks the system for what it needs */

#include <lauxlib.h>
#include <lualib.h>

#include "session/session.h" /* to have decisions taken anew each time */

enum { REPEATS = 16, FRESH = 500 /* a round, so that all of them find room */ };

#define PLAIN_POLICY(FIRST)                                                                                            \
  "local function order_table(req)\n"                                                                                  \
  "  local id = req.where and req.where.user_id\n"                                                                     \
  "  return id and (\"orders_%02d\"):format(id % 16) or \"orders\"\n"                                                  \
  "end\n"                                                                                                              \
  "local models = {\n"                                                                                                 \
  "  user = { client = \"user-db\", table = \"users\" }, order = { client = \"order-db\", table = order_table },\n"    \
  "  line = { table = \"lines\" }, product = { table = \"products\" },\n"                                              \
  "}\n"                                                                                                                \
  "local relations = { [\"user.orders\"] = \"order-db\", [\"order.lines\"] = \"_inherit_\" }\n"                        \
  "local function default(req) return req.instance.isolate and req.instance.isolateClient or \"main\" end\n"           \
  "local function choose(req)\n"                                                                                       \
  "  local model, name, attrs = req.model, req.instance.name, req.attrs\n" FIRST                                       \
  "  if model == \"order\" and (name == \"acme-eu\" or name:sub(1, 7) == \"globex-\") and attrs.residency ~= \"us\" "  \
  "then\n"                                                                                                             \
  "    return \"order-eu\"\n"                                                                                          \
  "  end\n"                                                                                                            \
  "  if (model == \"order\" or model == \"line\") and attrs.plan == \"big\" then return \"big\" end\n"                 \
  "  if req.explicit then return req.explicit end\n"                                                                   \
  "  local mode\n"                                                                                                     \
  "  if req.relation then\n"                                                                                           \
  "    mode = req.relation_client or relations[req.relation] or \"_auto_\"\n"                                          \
  "    if mode == \"_inherit_\" then return req.parent end\n"                                                          \
  "    if mode ~= \"_auto_\" and mode ~= \"_initial_\" then return mode end\n"                                         \
  "  end\n"                                                                                                            \
  "  if req.op == \"read\" and attrs.report then return \"warehouse\" end\n"                                           \
  "  if models[model].client then return models[model].client end\n"                                                   \
  "  if mode == \"_auto_\" then return req.parent end\n"                                                               \
  "  return req.current or default(req)\n"                                                                             \
  "end\n"                                                                                                              \
  "return function(req)\n"                                                                                             \
  "  local client = choose(req)\n"                                                                                     \
  "  if client == \"default\" then client = default(req) end\n"                                                        \
  "  local name = models[req.model].table\n"                                                                           \
  "  if type(name) == \"function\" then name = name(req) end\n"                                                        \
  "  if req.model == \"user\" and req.op == \"read\" and client == \"user-db\" and not req.in_transaction then\n"      \
  "    client = \"user-replica\"\n"                                                                                    \
  "  end\n"                                                                                                            \
  "  if req.op == \"write\" and req.instance.name:sub(1, 7) == \"frozen-\" then return nil, \"frozen\" end\n"          \
  "  return client, name\n"                                                                                            \
  "end\n"

static const char plain_policy[] = PLAIN_POLICY("");

/* The same, with a look at a value that no two requests have in common. */
static const char plain_fresh_policy[] =
    PLAIN_POLICY("  if req.where and req.where.fresh == -1 then return \"other\" end\n");
static const char fresh_rule[] = "rule \"no request is like another\" {\n"
                                 "  stage = \"override\", priority = -1,\n"
                                 "  when = function(req) return req.where.fresh == -1 end, client = \"other\",\n"
                                 "}\n";

typedef struct world {
  policy_input inputs[REQUESTS];
  shunt_session *sessions[SESSIONS];
  lua_State *L;
  int policy; /* references in L's registry */
  int instances[SESSIONS], attrs[SESSIONS];
  int64_t fresh;
  uint64_t plain_sum, shunt_sum; /* so that no answer goes unread */
} world;

/* ---- the plain side ---- */

static void set_text(lua_State *L, const char *key, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void push_request(world *w, const policy_input *in) {
  lua_State *L = w->L;
  const shunt_request *r = &in->request;
  lua_createtable(L, 0, 12);
  set_text(L, "model", r->model);
  set_text(L, "relation", r->relation);
  set_text(L, "relation_client", r->relation_client);
  set_text(L, "explicit", r->explicit_client);
  set_text(L, "parent", r->parent);
  set_text(L, "current", r->current);
  set_text(L, "op", r->op == SHUNT_READ ? "read" : "write");
  lua_pushinteger(L, 0);
  lua_setfield(L, -2, "level");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "in_transaction");
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->instances[in->session]);
  lua_setfield(L, -2, "instance");
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->attrs[in->session]);
  lua_setfield(L, -2, "attrs");
  lua_createtable(L, 0, (int)r->nwhere);
  for (size_t i = 0; i < r->nwhere; i++) {
    lua_pushinteger(L, r->where[i].value.as.integer);
    lua_setfield(L, -2, r->where[i].name);
  }
  lua_setfield(L, -2, "where");
}

/* Leaves client and table (nil and the reason where denied) on the stack. */
static void ask_plain(world *w, const policy_input *in) {
  lua_rawgeti(w->L, LUA_REGISTRYINDEX, w->policy);
  push_request(w, in);
  if (lua_pcall(w->L, 1, 2, 0)) bench_die("%s", lua_tostring(w->L, -1));
}

static void open_plain(world *w, const char *policy) {
  lua_State *L = w->L = luaL_newstate();
  if (!L) bench_die("out of memory");
  luaL_openlibs(L);
  if (luaL_loadbuffer(L, policy, strlen(policy), "=policy") || lua_pcall(L, 0, 1, 0))
    bench_die("%s", lua_tostring(L, -1));
  w->policy = luaL_ref(L, LUA_REGISTRYINDEX);
  for (int i = 0; i < SESSIONS; i++) {
    lua_createtable(L, 0, 3);
    set_text(L, "name", policy_instances[i % INSTANCES].name);
    set_text(L, "isolateClient", policy_instances[i % INSTANCES].isolate_client);
    lua_pushboolean(L, policy_instances[i % INSTANCES].isolate_client != NULL);
    lua_setfield(L, -2, "isolate");
    w->instances[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_createtable(L, 0, 2);
    for (int k = 0; k < 2; k++) {
      const shunt_field *f = &policy_plans[i / INSTANCES][k];
      if (f->value.type == SHUNT_BOOL)
        lua_pushboolean(L, f->value.as.boolean);
      else
        lua_pushlstring(L, f->value.as.bytes, f->value.size);
      lua_setfield(L, -2, f->name);
    }
    w->attrs[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
}

static void plain_round(void *ud) {
  world *w = ud;
  for (int n = 0; n < REPEATS; n++)
    for (int i = 0; i < REQUESTS; i++) {
      ask_plain(w, &w->inputs[i]);
      const char *client = lua_tostring(w->L, -2), *table = lua_tostring(w->L, -1);
      w->plain_sum += client ? (unsigned char)client[0] + (unsigned char)table[0] : 1U;
      lua_settop(w->L, 0);
    }
}

/* ---- shunt's side ---- */

static const shunt_decision *ask_shunt(world *w, const policy_input *in) {
  const shunt_decision *d;
  shunt_error err;
  shunt_status status = shunt_resolve(w->sessions[in->session], &in->request, &d, &err);
  if (status && status != SHUNT_E_DENIED) bench_die("%s", err.message);
  return d;
}

static void shunt_round(void *ud) {
  world *w = ud;
  for (int n = 0; n < REPEATS; n++)
    for (int i = 0; i < REQUESTS; i++) {
      const shunt_decision *d = ask_shunt(w, &w->inputs[i]);
      w->shunt_sum += d->client ? (unsigned char)d->client[0] + (unsigned char)d->table[0] : 1U;
    }
}

/* ---- both ---- */

static void compare(world *w) {
  for (int i = 0; i < REQUESTS; i++) {
    const policy_input *in = &w->inputs[i];
    const shunt_decision *d = ask_shunt(w, in);
    ask_plain(w, in);
    const char *client = lua_tostring(w->L, -2), *table = lua_tostring(w->L, -1);
    bool same = client ? d->client && strcmp(client, d->client) == 0 && strcmp(table, d->table) == 0
                       : d->denied && strcmp(table, d->denied) == 0;
    if (!same)
      bench_die("resolve: request %d (%s, %s, instance '%s'): shunt says %s %s, the plain function %s %s", i,
                in->request.model, in->request.relation ? in->request.relation : "no relation",
                policy_instances[in->session % INSTANCES].name, d->client ? d->client : "denied",
                d->client ? d->table : d->denied, client ? client : "denied", table);
    lua_settop(w->L, 0);
  }
}

/* ---- the first time: not cached ---- */

static const policy_input *freshen(world *w, int i) {
  policy_input *in = &w->inputs[i];
  if (in->request.nwhere == 0) in->where[0] = (shunt_field){"id", shunt_integer(1)};
  in->where[1] = (shunt_field){"fresh", shunt_integer(w->fresh++)};
  in->request.where = in->where;
  in->request.nwhere = 2;
  return in;
}

static void plain_fresh_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < FRESH; i++) {
    ask_plain(w, freshen(w, i));
    lua_settop(w->L, 0);
  }
}

static void shunt_fresh_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < FRESH; i++) ask_shunt(w, freshen(w, i));
}

/* ---- applications ---- */

static shunt_app *open_world(world *w, const char *more, const char *plain) {
  shunt_app *app = policy_open(POLICY_FIVE, policy_config, more);
  policy_open_sessions(app, w->sessions, false);
  policy_make_inputs(w->inputs);
  open_plain(w, plain);
  return app;
}

static void close_world(world *w, shunt_app *app) {
  for (int i = 0; i < SESSIONS; i++) shunt_session_close(w->sessions[i]);
  shunt_close(app);
  lua_close(w->L);
}

static void asked_again_and_again(void) {
  static world w;
  bench_pairs pairs;
  shunt_app *app = open_world(&w, "", plain_policy);
  for (int remembering = 0; remembering < 2; remembering++) {
    route_remember(w.sessions[0]->generation.route, remembering);
    compare(&w);
    bench_measure(plain_round, shunt_round, &w, &pairs);
    if (w.plain_sum != w.shunt_sum) bench_die("resolve: the two sides gave different answers");
    bench_report_pairs(remembering ? "resolve_remembered_ratio" : "resolve_ratio", &pairs, 2, REQUESTS * REPEATS,
                       "a plain Lua policy", "shunt_resolve");
  }
  close_world(&w, app);
}

static void never_asked_before(void) {
  static world w;
  bench_pairs pairs;
  shunt_app *app = open_world(&w, fresh_rule, plain_fresh_policy);
  compare(&w);
  bench_measure(plain_fresh_round, shunt_fresh_round, &w, &pairs);
  bench_report_pairs("resolve_miss_ratio", &pairs, 2, FRESH, "a plain Lua policy", "shunt_resolve");
  route_stats stats;
  route_count(w.sessions[0]->generation.route, &stats);
  if (stats.refused_children || stats.misses < (BENCH_ROUNDS + 1) * FRESH)
    bench_die("resolve: not every request was a miss");
  close_world(&w, app);
}

int main(void) {
  bench_folder();
  asked_again_and_again();
  never_asked_before();
  bench_clean();
  return 0;
}
