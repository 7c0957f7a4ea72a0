/* A resolve through the standard policy and five user rules, against lua_pcall of the same policy written as one plain
 * Lua function. The plain side is handed each request as a table and gives back client and table. Once with every rule
 * asked each time, and once as the library does it by itself, which is to remember decisions. */
#include "bench/bench.h"

#include <lauxlib.h>
#include <lualib.h>

#include "query/session.h" /* to have decisions taken anew each time */

enum { REQUESTS = 1024, REPEATS = 16, INSTANCES = 5, PLANS = 4, SESSIONS = INSTANCES * PLANS };

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                             "    user-db: {clone: main}\n"
                             "    user-replica: {clone: main}\n"
                             "    order-db: {clone: main}\n"
                             "    order-eu: {clone: main}\n"
                             "    big: {clone: main}\n"
                             "    warehouse: {clone: main}\n"
                             "    iso-db: {clone: main}\n"
                             "    other: {clone: main}\n"
                             "instance:\n"
                             "  instances:\n"
                             "    \"\": {id: 1}\n"
                             "    acme-eu: {id: 2}\n"
                             "    globex-1: {id: 3}\n"
                             "    iso: {id: 4, isolate: true, isolateClient: iso-db}\n"
                             "    frozen-1: {id: 5}\n"
                             "rules: {path: [rules]}\n";

static const char rules[] =
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
    "model \"product\" { table = \"products\" }\n"
    "rule \"EU tenants keep their orders in the EU\" {\n"
    "  stage = \"override\", model = \"order\", instance = { \"acme-eu\", \"globex-*\" },\n"
    "  when = function(req) return req.attrs.residency ~= \"us\" end, client = \"order-eu\",\n"
    "}\n"
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

static const char plain_policy[] =
    "local function order_table(req)\n"
    "  local id = req.where and req.where.user_id\n"
    "  return id and (\"orders_%02d\"):format(id % 16) or \"orders\"\n"
    "end\n"
    "local models = {\n"
    "  user = { client = \"user-db\", table = \"users\" }, order = { client = \"order-db\", table = order_table },\n"
    "  line = { table = \"lines\" }, product = { table = \"products\" },\n"
    "}\n"
    "local relations = { [\"user.orders\"] = \"order-db\", [\"order.lines\"] = \"_inherit_\" }\n"
    "local function default(req) return req.instance.isolate and req.instance.isolateClient or \"main\" end\n"
    "local function choose(req)\n"
    "  local model, name, attrs = req.model, req.instance.name, req.attrs\n"
    "  if model == \"order\" and (name == \"acme-eu\" or name:sub(1, 7) == \"globex-\") and attrs.residency ~= \"us\" "
    "then\n"
    "    return \"order-eu\"\n"
    "  end\n"
    "  if (model == \"order\" or model == \"line\") and attrs.plan == \"big\" then return \"big\" end\n"
    "  if req.explicit then return req.explicit end\n"
    "  local mode\n"
    "  if req.relation then\n"
    "    mode = req.relation_client or relations[req.relation] or \"_auto_\"\n"
    "    if mode == \"_inherit_\" then return req.parent end\n"
    "    if mode ~= \"_auto_\" and mode ~= \"_initial_\" then return mode end\n"
    "  end\n"
    "  if req.op == \"read\" and attrs.report then return \"warehouse\" end\n"
    "  if models[model].client then return models[model].client end\n"
    "  if mode == \"_auto_\" then return req.parent end\n"
    "  return req.current or default(req)\n"
    "end\n"
    "return function(req)\n"
    "  local client = choose(req)\n"
    "  if client == \"default\" then client = default(req) end\n"
    "  local name = models[req.model].table\n"
    "  if type(name) == \"function\" then name = name(req) end\n"
    "  if req.model == \"user\" and req.op == \"read\" and client == \"user-db\" and not req.in_transaction then\n"
    "    client = \"user-replica\"\n"
    "  end\n"
    "  if req.op == \"write\" and req.instance.name:sub(1, 7) == \"frozen-\" then return nil, \"frozen\" end\n"
    "  return client, name\n"
    "end\n";

static const struct {
  const char *name;
  const char *isolate_client;
} instances[INSTANCES] = {{"", NULL}, {"acme-eu", NULL}, {"globex-1", NULL}, {"iso", "iso-db"}, {"frozen-1", NULL}};

static const shunt_field plans[PLANS][2] = {
    {{"plan", {{.bytes = "small"}, 5, SHUNT_TEXT}}, {"residency", {{.bytes = "us"}, 2, SHUNT_TEXT}}},
    {{"plan", {{.bytes = "small"}, 5, SHUNT_TEXT}}, {"residency", {{.bytes = "no"}, 2, SHUNT_TEXT}}},
    {{"plan", {{.bytes = "big"}, 3, SHUNT_TEXT}}, {"residency", {{.bytes = "us"}, 2, SHUNT_TEXT}}},
    {{"plan", {{.bytes = "small"}, 5, SHUNT_TEXT}}, {"report", {{.boolean = true}, 0, SHUNT_BOOL}}},
};

typedef struct input {
  int session;
  shunt_request request;
  shunt_field where[1];
} input;

typedef struct world {
  input inputs[REQUESTS];
  shunt_session *sessions[SESSIONS];
  lua_State *L;
  int policy; /* references in L's registry */
  int instances[SESSIONS], attrs[SESSIONS];
  uint64_t plain_sum, shunt_sum; /* so that no answer goes unread */
} world;

/* ---- what is asked ---- */

static void make_inputs(world *w) {
  static const char *const models[] = {"user", "order", "line", "product"};
  static const struct {
    const char *relation, *model, *parent;
  } relations[] = {{"user.orders", "order", "user-db"},
                   {"user.favourites", "product", "user-db"},
                   {"order.lines", "line", "order-db"}};
  uint64_t state = 20240229;
  for (int i = 0; i < REQUESTS; i++) {
    input *in = &w->inputs[i];
    *in = (input){.session = (int)(bench_random(&state) % SESSIONS)};
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

/* ---- the plain side ---- */

static void set_text(lua_State *L, const char *key, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void push_request(world *w, const input *in) {
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
static void ask_plain(world *w, const input *in) {
  lua_rawgeti(w->L, LUA_REGISTRYINDEX, w->policy);
  push_request(w, in);
  if (lua_pcall(w->L, 1, 2, 0)) bench_die("%s", lua_tostring(w->L, -1));
}

static void open_plain(world *w) {
  lua_State *L = w->L = luaL_newstate();
  if (!L) bench_die("out of memory");
  luaL_openlibs(L);
  if (luaL_loadbuffer(L, plain_policy, sizeof plain_policy - 1, "=policy") || lua_pcall(L, 0, 1, 0))
    bench_die("%s", lua_tostring(L, -1));
  w->policy = luaL_ref(L, LUA_REGISTRYINDEX);
  for (int i = 0; i < SESSIONS; i++) {
    lua_createtable(L, 0, 3);
    set_text(L, "name", instances[i % INSTANCES].name);
    set_text(L, "isolateClient", instances[i % INSTANCES].isolate_client);
    lua_pushboolean(L, instances[i % INSTANCES].isolate_client != NULL);
    lua_setfield(L, -2, "isolate");
    w->instances[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_createtable(L, 0, 2);
    for (int k = 0; k < 2; k++) {
      const shunt_field *f = &plans[i / INSTANCES][k];
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

static const shunt_decision *ask_shunt(world *w, const input *in) {
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

static void open_sessions(world *w, shunt_app *app) {
  shunt_error err;
  for (int i = 0; i < SESSIONS; i++) {
    shunt_session_options options = {
        .instance = instances[i % INSTANCES].name, .attrs = plans[i / INSTANCES], .nattrs = 2};
    if (shunt_session_open(app, &options, &w->sessions[i], &err)) bench_die("%s", err.message);
  }
}

/* ---- both ---- */

static void compare(world *w) {
  for (int i = 0; i < REQUESTS; i++) {
    const input *in = &w->inputs[i];
    const shunt_decision *d = ask_shunt(w, in);
    ask_plain(w, in);
    const char *client = lua_tostring(w->L, -2), *table = lua_tostring(w->L, -1);
    bool same = client ? d->client && strcmp(client, d->client) == 0 && strcmp(table, d->table) == 0
                       : d->denied && strcmp(table, d->denied) == 0;
    if (!same)
      bench_die("resolve: request %d (%s, %s, instance '%s'): shunt says %s %s, the plain function %s %s", i,
                in->request.model, in->request.relation ? in->request.relation : "no relation",
                instances[in->session % INSTANCES].name, d->client ? d->client : "denied",
                d->client ? d->table : d->denied, client ? client : "denied", table);
    lua_settop(w->L, 0);
  }
}

int main(void) {
  static world w;
  bench_pairs pairs;
  bench_folder();
  bench_write("shunt.yaml", config);
  bench_write("rules/models.lua", rules);
  shunt_app *app = bench_open();
  open_sessions(&w, app);
  open_plain(&w);
  make_inputs(&w);
  for (int remembering = 0; remembering < 2; remembering++) {
    route_remember(w.sessions[0]->home.route, remembering);
    compare(&w);
    bench_measure(plain_round, shunt_round, &w, &pairs);
    if (w.plain_sum != w.shunt_sum) bench_die("resolve: the two sides gave different answers");
    bench_report_pairs(remembering ? "resolve_remembered_ratio" : "resolve_ratio", &pairs, 2.5, REQUESTS * REPEATS,
                       "a plain Lua policy", "shunt_resolve");
  }
  for (int i = 0; i < SESSIONS; i++) shunt_session_close(w.sessions[i]);
  shunt_close(app);
  lua_close(w.L);
  bench_clean();
  return 0;
}
