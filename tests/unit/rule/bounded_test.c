/* No call runs on beyond its limits, whatever its arguments: the bytes of texts, the slots of tables and the values of
 * lists are charged before they are touched. The limit is one of CPU time, so a busy machine does not matter. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "unit/random.h"
#include "unit/rule/sandboxes.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 20 };
#else
enum { SLOWER = 1 };
#endif
enum { LIMIT_MS = 5, OVER_MS = 100 * SLOWER };

static const sandbox_limits limits = {
    .instructions = INT64_MAX, .memory_bytes = 64 << 20, .timeout_ns = LIMIT_MS * 1000000};

/* Runs what is on top of the stack within the limits. Returns the CPU time that it took. */
static int64_t ms_of(sandbox *sb, int nargs, shunt_status *status, shunt_error *err) {
  const int64_t before_ns = clock_thread_cpu_ns();
  sandbox_start(sb, 1);
  *status = sandbox_call(sb, nargs, 0, err);
  return (clock_thread_cpu_ns() - before_ns) / NS_PER_MS;
}

/* ---- every function of the libraries ---- */

/* The largest values, under the names by which calls use them. They are made under wider limits, as by a rule file. */
static const char large[] =
    "local list, gone, deep = {}, {}, {}\n"
    "for i = 1, 100000 do list[i] = i end\n"
    "for i = 1, 500000 do gone[i] = i end for i = 500000, 1, -1 do gone[i] = nil end\n"
    "local digits = ('0'):rep(1000000) .. '1'\n"
    "local chain = {} for i = 1, 10000 do chain[i * ((1 << 15) - 1)] = true end\n"
    "return { digits, (' '):rep(1000000), ('x'):rep(1000000), ('\\u{20ac}'):rep(300000), ('%d'):rep(400000),\n"
    "  '[' .. ('%w'):rep(400000) .. ']', ('[%a]'):rep(200000), ('.-'):rep(12) .. '!', ('%99d'):rep(20000), list, gone, "
    "chain,\n"
    "  function(a, b) return a end, function(...) return select('#', ...) end, math.max, tostring, 1, -1, 1000000, "
    "8000,\n"
    "  math.maxinteger, math.mininteger, 2.5, '%s', '.', true }";

static const char caller[] = "local f, args, a, b, c, d, spread = ...\n"
                             "local function values(n)\n"
                             "  if spread == 1 then return table.unpack(args[10], 1, 7990) end\n"
                             "  if spread == 2 then local t = {} for i = 1, 7990 do t[i] = args[1] end\n"
                             "    return table.unpack(t, 1, 7990) end\n"
                             "  return args[c], args[d]\n"
                             "end\n"
                             "while true do pcall(f, args[a], args[b], values()) pcall(f, values()) end";

typedef struct function {
  char name[40];
  int ref;
} function;

static size_t add_functions(lua_State *L, const char *library, function *list, size_t n) {
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    const char *name = lua_tostring(L, -2);
    if (lua_type(L, -1) == LUA_TTABLE) {
      sandbox_contents(L, -1);
      n = add_functions(L, name, list, n);
      lua_pop(L, 1);
    } else if (lua_type(L, -1) == LUA_TFUNCTION) {
      snprintf(list[n].name, sizeof list[n].name, "%s%s%s", library, *library ? "." : "", name);
      lua_pushvalue(L, -1);
      list[n++].ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
  }
  return n;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const function *)a)->name, ((const function *)b)->name);
}

static void chunk(sandbox *sb, const char *code) {
  sandbox_start(sb, 1000);
  assert_int_equal(sandbox_load(sb, "@rules/x.lua", code, strlen(code)), LUA_OK);
}

static void every_function_ends_in_time(void **state) {
  (void)state;
  enum { ROUNDS = 12, MOST = 100 };
  function list[MOST];
  shunt_error err;
  shunt_status status;
  sandbox *sb = open_sandbox(&limits);
  lua_State *L = sb->L;
  rng random = rng_start("bounded");
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  sandbox_contents(L, -1);
  const size_t n = add_functions(L, "", list, 0);
  lua_settop(L, 0);
  qsort(list, n, sizeof *list, by_name);
  assert_in_range(n, 55, MOST);
  chunk(sb, large);
  assert_int_equal(sandbox_call(sb, 0, 1, &err), SHUNT_OK);
  const lua_Integer nargs = (lua_Integer)lua_rawlen(L, 1);
  chunk(sb, caller);
  int64_t worst = 0;
  for (size_t i = 0; i < n; i++)
    for (int round = 0; round < ROUNDS; round++) {
      char call[160];
      int pick[5];
      for (int k = 0; k < 4; k++) pick[k] = 1 + (int)rng_below(&random, (size_t)nargs);
      pick[4] = (int)rng_below(&random, 4);
      snprintf(call, sizeof call, "%.40s with values %d %d %d %d, spread %d", list[i].name, pick[0], pick[1], pick[2],
               pick[3], pick[4]);
      lua_pushvalue(L, 2);
      lua_rawgeti(L, LUA_REGISTRYINDEX, list[i].ref);
      lua_pushvalue(L, 1);
      for (int k = 0; k < 5; k++) lua_pushinteger(L, pick[k]);
      const int64_t ms = ms_of(sb, 7, &status, &err);
      if (ms > worst) worst = ms;
      if (status != SHUNT_E_LIMIT || ms > LIMIT_MS + OVER_MS)
        fail_msg("%s: %s after %d ms: %s", call, shunt_status_name(status), (int)ms, status ? err.message : "");
      assert_int_equal(lua_gettop(L), 2);
    }
  print_message("%zu functions, the slowest call took %d ms under a limit of %d\n", n, (int)worst, LIMIT_MS);
  sandbox_free(sb);
}

/* ---- what took long ---- */

typedef struct slow {
  const char *code;
  const char *says; /* a part of the message */
} slow;

static const slow codes[] = {
    {"local t = {} for i = 1, 1e6 do t[i * ((1 << 18) - 1)] = true end", "4096 keys"},
    {"local t = {} for i = 1, 1e6 do t[i * ((1 << 18) - 1) + 0.5] = true end", "4096 keys"},
    {"local t = {} for i = 1, 1e6 do t['k' .. i] = true end", "4096 keys"},
    {"local s = ('0'):rep(60000) .. '1' while true do local _ = s + 1 end", "computing time"},
    {"local s, u = ('x'):rep(60000) .. 'a', ('x'):rep(60000) .. 'b' while true do local _ = s < u end",
     "computing time"},
    {"local function f(...) return select('#', ...) end local t = {} while true do f(table.unpack(t, 1, 8000)) end",
     "computing time"},
    {"local function f() return f() end return f()", "computing time"},
    {"while true do pcall(error) end", "computing time"},
    {"while true do pcall(function() return math.xin end) end", "computing time"},
    {"local t = {} while true do t[#t + 1] = {} end", ""},
    {"local t = {} for i = 1, 1e9 do t[i] = i end", ""},
    {"local s = 'x' while true do s = s .. s end", "one text"},
};

static void what_took_long_ends_in_time(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&limits);
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    shunt_error err;
    shunt_status status;
    chunk(sb, codes[i].code);
    const int64_t ms = ms_of(sb, 0, &status, &err);
    if (status != SHUNT_E_LIMIT || ms > LIMIT_MS + OVER_MS ||
        (!strstr(err.message, codes[i].says) && !strstr(err.message, "computing time")))
      fail_msg("%s: %s after %d ms: %s", codes[i].code, shunt_status_name(status), (int)ms, status ? err.message : "");
  }
  sandbox_free(sb);
}

/* ---- limits that pcall does not catch ---- */

/* Each asks for more memory than there is, by another way: some of them would report it as an error of their own. */
static const char *const greedy[] = {
    "local function f(n) local a, b, c, d, e, g, h, i = 1 return n == 0 and 0 or 1 + f(n - 1) end",
    "local function u() return table.unpack({}, 1, 8000) end local function f(n) return n == 0 and 0 or 1 + f(n - 1, "
    "u()) "
    "end",
    "local function f(n) return #('x'):rep(900000):gsub('(x)', '%1%1') end",
    "local function f(n) local t = {} for i = 1, n do t[i] = ('x'):rep(100000) .. i end return #t end",
    "local function f(n) local t = {} for i = 1, n do t[i] = { i, i, i, i, i, i } end return #t end",
};

static void pcall_catches_no_lack_of_memory(void **state) {
  (void)state;
  enum { STEPS = 60 };
  for (size_t i = 0; i < sizeof greedy / sizeof *greedy; i++)
    for (int step = 0; step < STEPS; step++) {
      const sandbox_limits small = {
          .instructions = INT64_MAX, .memory_bytes = 100000 + step * 7001, .timeout_ns = 10000000000};
      char code[600];
      shunt_error err;
      sandbox *sb = open_sandbox(&small);
      snprintf(code, sizeof code, "%s local ok, why = pcall(f, 2000) return ok and 'yes' or why", greedy[i]);
      const shunt_status status = run(sb, code, &err);
      if (!status && strcmp(lua_tostring(sb->L, -1), "yes") != 0)
        fail_msg("with %d bytes: %s\n%s", (int)small.memory_bytes, lua_tostring(sb->L, -1), code);
      assert_true(!status || status == SHUNT_E_LIMIT);
      sandbox_free(sb);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_function_ends_in_time),
      cmocka_unit_test(what_took_long_ends_in_time),
      cmocka_unit_test(pcall_catches_no_lack_of_memory),
  };
  return cmocka_run_group_tests_name("rule/bounded", tests, NULL, NULL);
}
