/* Nothing that a rule can reach, and that outlives a call, can change: a walk from the rules' functions over all
 * tables, upvalues and closures of the loaded state tries to change each thing. The test knows nothing of how it is
 * locked. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <lauxlib.h>

#include "rule/bytecode.h"
#include "rule/host_inner.h"
#include "unit/route/bench.h"

static const char module_text[] = "local M = { list = { 1, 2, deep = { er = { 3 } } }, sizes = {} }\n"
                                  "local count = { n = 0 }\n"
                                  "function M.count() return count.n end\n"
                                  "function M.of(name) return function() return M.list[name] end end\n"
                                  "M.two = M.of(2)\n"
                                  "for i = 1, 5000 do M.sizes['k' .. i] = { i } end\n"
                                  "return M";

static const char rules_text[] =
    "local lib = require 'lib'\n"
    "local maker, why, some = require, deny 'why', pick { 'c0', 'c1' }\n"
    "local text, codes = ('x').rep, utf8.codes\n"
    "local pending = rule\n"
    "local nothing = null\n"
    "rule 'first' { stage = 'override', when = function(req) return lib.two() == 2 and lib.sizes.k7[1] == 7 and text "
    "and codes end,\n"
    "  client = function(req) return req.attrs.no and (maker or pending or nothing) and some or nil end }\n"
    "rule 'guard' { stage = 'guard', check = function(req) return tostring(req.attrs.deny) == 'yes' and why or nil end "
    "}\n";

enum { MOST = 100000 };

typedef struct walk {
  lua_State *L;
  const void *seen[MOST];
  size_t nseen, tables, functions, others;
} walk;

/* An address is seen once; the values live as long as the state. */
static bool is_new(walk *w, const void *at) {
  size_t i = ((uintptr_t)at >> 3) % MOST;
  while (w->seen[i] && w->seen[i] != at) i = (i + 1) % MOST;
  if (w->seen[i]) return false;
  assert_true(++w->nseen < MOST / 2);
  w->seen[i] = at;
  return true;
}

static int set_field(lua_State *L) {
  lua_pushinteger(L, 1);
  lua_setfield(L, 1, "n");
  return 0;
}

static int set_known(lua_State *L) {
  lua_pushvalue(L, 2);
  lua_pushinteger(L, 1);
  lua_settable(L, 1);
  return 0;
}

/* The value on top refuses a new field, and another value for the key, if there is one below. */
static void refuses_fields(walk *w, const char *way) {
  lua_State *L = w->L;
  lua_pushcfunction(L, set_field);
  lua_pushvalue(L, -2);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) fail_msg("%s can change", way);
  lua_pop(L, 1);
}

static void refuses_another_value(walk *w, const char *way) { /* table, its contents, key, value */
  lua_State *L = w->L;
  lua_pushcfunction(L, set_known);
  lua_pushvalue(L, -5);
  lua_pushvalue(L, -4);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) fail_msg("a field of %s can change", way);
  lua_pop(L, 1);
}

static void visit(walk *w, const char *way, int depth);

static void visit_table(walk *w, const char *way, int depth) {
  lua_State *L = w->L;
  w->tables++;
  refuses_fields(w, way);
  sandbox_contents(L, -1);
  for (lua_pushnil(L); lua_next(L, -2);) {
    char further[200];
    snprintf(further, sizeof further, "%.150s.%.40s", way, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "[]");
    refuses_another_value(w, way);
    visit(w, further, depth + 1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static int add_bytes(lua_State *L, const void *bytes, size_t size, void *ud) {
  (void)L;
  buf_add(ud, bytes, size);
  return 0;
}

static void visit_function(walk *w, const char *way, int depth) {
  lua_State *L = w->L;
  w->functions++;
  if (!lua_iscfunction(L, -1)) {
    buf dump = {0};
    bytecode_report report;
    lua_dump(L, add_bytes, &dump, 0);
    if (bytecode_check(dump.data, dump.size, NULL, &report) != BYTECODE_PURE) fail_msg("%s keeps a state", way);
    buf_free(&dump);
  } else if (lua_getupvalue(L, -1, 1)) { /* what only C can reach; but no iterator, whose place is such a value */
    if (lua_type(L, -1) == LUA_TUSERDATA) fail_msg("%s has a place of its own", way);
    lua_pop(L, 1);
    return;
  }
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, -1, i)); i++) {
    char further[200];
    snprintf(further, sizeof further, "%.150s^%.40s", way, name);
    visit(w, further, depth + 1);
    lua_pop(L, 1);
  }
}

/* The value on top. */
static void visit(walk *w, const char *way, int depth) {
  assert_true(depth < 100 && lua_checkstack(w->L, 20));
  const int type = lua_type(w->L, -1);
  if (type != LUA_TTABLE && type != LUA_TFUNCTION && type != LUA_TUSERDATA) return;
  if (!is_new(w, lua_topointer(w->L, -1))) return;
  if (type == LUA_TTABLE) {
    visit_table(w, way, depth);
  } else if (type == LUA_TFUNCTION) {
    visit_function(w, way, depth);
  } else {
    w->others++;
    refuses_fields(w, way);
  }
}

static void nothing_that_rules_reach_can_change(void **state) {
  (void)state;
  static walk w;
  bench b;
  open_bench_with(&b, rules_text, module_text, NULL);
  lua_State *L = w.L = b.host->sb->L;
  sandbox_start(b.host->sb, 1000);
  for (size_t i = 0; i < b.host->nfunctions; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, b.host->functions[i].ref);
    visit(&w, b.host->functions[i].at.file, 0);
    lua_pop(L, 1);
  }
  lua_pushliteral(L, "");
  refuses_fields(&w, "a text");
  lua_settop(L, 0);
  print_message("%zu tables, %zu functions and %zu other values\n", w.tables, w.functions, w.others);
  assert_true(w.tables > 5000 && w.functions > 60 && w.others >= 2);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_that_rules_reach_can_change)};
  return cmocka_run_group_tests_name("rule/frozen", tests, NULL, NULL);
}
