/* A decision from the cache as a Lua host gets it, as an object and as the client's name alone, against the least that
 * any function in C costs that Lua calls with the same arguments. */
#include "bench/lua_host.h"

enum { CALLS = 20000 };

#define BARE "bench.bare"

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                             "    order-db: {clone: main}\n"
                             "rules: {path: [rules]}\n";
static const char rules[] = "model \"order\" { client = \"order-db\" }\n"
                            "rule \"archived orders\" {\n"
                            "  stage = \"override\", model = \"order\",\n"
                            "  client = function(req) if req.attrs.archived then return \"main\" end end,\n"
                            "}\n";

/* Both sides of each figure: the same calls, of which each result is looked at. */
static const char chunk[] =
    "local function calls(object, call)\n"
    "  return load(('local object = ... return function() for _ = 1, 20000 do\\n'\n"
    "    .. 'if %s ~= \"order-db\" then error \"another client\" end end end'):format(call))(object)\n"
    "end\n"
    "local options = 'object:resolve(\"order\", { op = \"write\" })'\n"
    "return {\n"
    "  bare_resolve = calls(bare, options), resolve = calls(session, options .. '.client'),\n"
    "  bare_client_of = calls(bare, 'object:client_of(\"order\", \"write\")'),\n"
    "  client_of = calls(session, 'object:client_of(\"order\", \"write\")'),\n"
    "}\n";

typedef struct figure {
  const char *name, *bare, *call;
  double limit;
} figure;

typedef struct world {
  lua_State *L;
  const figure *now;
} world;

static int bare_resolve(lua_State *L) {
  luaL_checkudata(L, 1, BARE);
  luaL_checkstring(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_getfield(L, 3, "op");
  luaL_checkstring(L, -1);
  lua_pushliteral(L, "order-db");
  return 1;
}

static int bare_client_of(lua_State *L) {
  luaL_checkudata(L, 1, BARE);
  luaL_checkstring(L, 2);
  luaL_checkstring(L, 3);
  lua_pushliteral(L, "order-db");
  return 1;
}

/* The global bare: an object with these methods. */
static void make_bare(lua_State *L) {
  static const luaL_Reg methods[] = {{"resolve", bare_resolve}, {"client_of", bare_client_of}, {NULL, NULL}};
  lua_newuserdatauv(L, 1, 0);
  luaL_newmetatable(L, BARE);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_setglobal(L, "bare");
}

static void bare_round(void *ud) { lua_host_call(((world *)ud)->L, ((world *)ud)->now->bare, 0); }
static void call_round(void *ud) { lua_host_call(((world *)ud)->L, ((world *)ud)->now->call, 0); }

int main(void) {
  static const figure figures[] = {{"lua_resolve_ratio", "bare_resolve", "resolve", 2.6},
                                   {"lua_client_of_ratio", "bare_client_of", "client_of", 2.5}};
  world w;
  bench_pairs pairs;
  bench_folder();
  bench_write("shunt.yaml", config);
  bench_write("rules/models.lua", rules);
  w.L = lua_host_begin();
  make_bare(w.L);
  lua_host_open(w.L, chunk);
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
    w.now = &figures[i];
    bench_measure(bare_round, call_round, &w, &pairs);
    bench_report_pairs(w.now->name, &pairs, w.now->limit, CALLS, "a function in C that Lua calls", w.now->call);
  }
  lua_host_close(w.L);
  bench_clean();
  return 0;
}
