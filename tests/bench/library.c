/* The charge of a library call: the same functions with the same arguments in the sandbox of rules and in plain Lua,
 * where they neither charge nor look. Both run the same chunk; the loop around the calls is part of both. */
#include "bench/bench.h" /* first: it asks the system for what it needs */

#include <lauxlib.h>
#include <lualib.h>

#include "rule/sandbox.h"

enum { LOOPS = 200, CALLS = 12 };

static const char code[] =
    "local list, sum = { 3, 1, 2 }, 0\n"
    "for i = 1, 200 do\n"
    "  local s = ('order-%d'):format(i)\n"
    "  sum = sum + #s:upper() + s:byte(1) + math.max(i, 7) + select('#', i, i) + #list\n"
    "  if s:sub(1, 5) == 'order' and s:find('-', 1, true) then sum = sum + tonumber(s:match('%d+')) end\n"
    "  sum = sum + #table.concat(list, ',') + utf8.len(s) + math.floor(i / 2)\n"
    "end\n"
    "return sum";

typedef struct world {
  lua_State *plain;
  sandbox *sb;
  lua_Integer plain_sum, shunt_sum;
} world;

static void plain_round(void *ud) {
  world *w = ud;
  lua_pushvalue(w->plain, 1);
  if (lua_pcall(w->plain, 0, 1, 0)) bench_die("library: %s", lua_tostring(w->plain, -1));
  w->plain_sum = lua_tointeger(w->plain, -1);
  lua_settop(w->plain, 1);
}

static void shunt_round(void *ud) {
  world *w = ud;
  shunt_error err;
  sandbox_start(w->sb, 1);
  lua_pushvalue(w->sb->L, 1);
  if (sandbox_call(w->sb, 0, 1, &err)) bench_die("library: %s", err.message);
  w->shunt_sum = lua_tointeger(w->sb->L, -1);
  lua_settop(w->sb->L, 1);
}

int main(void) {
  const sandbox_limits limits = {.instructions = 1000000, .memory_bytes = 64 << 20, .timeout_ns = 50000000};
  world w = {.plain = luaL_newstate()};
  bench_pairs pairs;
  shunt_error err;
  luaL_openlibs(w.plain);
  if (luaL_loadstring(w.plain, code)) bench_die("library: %s", lua_tostring(w.plain, -1));
  if (sandbox_new(&limits, &w.sb, &err)) bench_die("library: %s", err.message);
  sandbox_start(w.sb, 1);
  if (sandbox_load(w.sb, "@library", code, sizeof code - 1)) bench_die("library: the chunk does not load");
  bench_measure(plain_round, shunt_round, &w, &pairs);
  bench_report_pairs("library_call_ratio", &pairs, 2, LOOPS * CALLS, "a call in plain Lua", "in the sandbox");
  if (w.plain_sum != w.shunt_sum) bench_die("library: the two sides gave different answers");
  sandbox_free(w.sb);
  lua_close(w.plain);
  return 0;
}
