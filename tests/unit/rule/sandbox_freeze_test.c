/* Freezing: what rules keep can be read and not be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "unit/rule/sandboxes.h"

/* ---- freezing ---- */

/* Freezes what `made` returns, and runs `code` with it as its argument. */
static shunt_status use_frozen(sandbox *sb, const char *made, const char *code, shunt_error *err) {
  shunt_status status = run_and_freeze(sb, made, err);
  if (status) return status;
  sandbox_start(sb, 1);
  assert_int_equal(sandbox_load(sb, "@rules/use.lua", code, strlen(code)), LUA_OK);
  lua_insert(sb->L, -2);
  status = sandbox_call(sb, 1, 1, err);
  if (status == SHUNT_OK) lua_pop(sb->L, 1);
  return status;
}

static void keeps_frozen_tables_readable(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  const char *code =
      "local t = ...\n"
      "assert(#t == 3 and rawlen(t) == 3 and t[2] == 20 and t.name == 'n' and t.none == nil and t.deep.er[1] == 'x')\n"
      "assert(t.self == t and t.deep.up == t)\n"
      "local s = '' for k in pairs(t) do s = s .. k .. ' ' end assert(s == '1 2 3 deep name self ', s)\n"
      "local n = 0 for i, v in ipairs(t) do n = n + v end assert(n == 60)\n"
      "assert(table.concat(t, ',') == '10,20,30' and select('#', table.unpack(t)) == 3)\n"
      "local c = table.move(t, 1, 3, 1, {}) c[4] = 40 table.sort(c, function(a, b) return a > b end) assert(c[1] == "
      "40)\n"
      "assert(('a'):gsub('a', {a = 'b'}) == 'b' and ('name'):gsub('%a+', t) == 'n')\n"
      "return true";
  const char *made = "local t = {10, 20, 30, name = 'n', deep = {er = {'x'}}} t.self = t t.deep.up = t return t";
  shunt_status status = use_frozen(sb, made, code, &err);
  if (status) print_message("%s:%d: %s\n", err.file, err.line, err.message);
  assert_int_equal(status, SHUNT_OK);
  sandbox_free(sb);
}

static void refuses_to_write_to_frozen_tables(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  static const char *const codes[] = {
      "local t = ... t.name = 1",
      "local t = ... t.new = 1",
      "local t = ... t[1] = nil",
      "local t = ... t.deep.x = 1",
      "table.insert(..., 1)",
      "table.remove(...)",
      "table.sort(...)",
      "table.move({1}, 1, 1, 1, ...)",
      "local t = ... for k in pairs(t) do t[k] = nil end",
  };
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    shunt_error err;
    assert_int_equal(use_frozen(sb, "return {3, 1, name = 'n', deep = {}}", codes[i], &err), SHUNT_E_RULE);
    assert_non_null(strstr(err.message, "is frozen once the rules are loaded: a rule keeps no state between calls"));
    assert_string_equal(err.file, "rules/use.lua");
    assert_int_equal(lua_gettop(sb->L), 0);
  }
  sandbox_free(sb);
}

static void freezes_what_functions_hold(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  const char *made = "local cache = {} local function put(k) cache[k] = 1 end return {f = function(k) put(k) end}";
  assert_int_equal(use_frozen(sb, made, "local t = ...\nt.f('x')", &err), SHUNT_E_RULE);
  assert_non_null(strstr(err.message, "frozen"));
  assert_string_equal(err.file, "rules/x.lua");
  made = "local names = {a = 1} return function(k) local t = {} t[k] = names.a return t[k] end";
  assert_int_equal(use_frozen(sb, made, "local f = ... assert(f('x') == 1) assert(f('y') == 1)", &err), SHUNT_OK);
  sandbox_free(sb);
}

static void freezes_twice_and_however_deep(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  const char *made = "local t = {} local top = t for i = 1, 10000 do t.next = {i} t = t.next end return top";
  assert_int_equal(run_and_freeze(sb, made, &err), SHUNT_OK);
  size_t used = sb->memory_used;
  lua_pushcfunction(sb->L, freeze_first);
  lua_insert(sb->L, -2);
  assert_int_equal(sandbox_call(sb, 1, 1, &err), SHUNT_OK);
  lua_gc(sb->L, LUA_GCCOLLECT);
  assert_true(sb->memory_used <= used);
  lua_pushcfunction(sb->L, freeze_first);
  lua_pushinteger(sb->L, 1);
  assert_int_equal(sandbox_call(sb, 1, 1, &err), SHUNT_OK);
  sandbox_free(sb);
}

typedef struct closure_case {
  const char *code;
  int line; /* 0: fine */
  const char *says;
} closure_case;

static const closure_case closures[] = {
    {"local n = 0\nreturn function()\n  n = n + 1\nend", 3,
     "writes to the upvalue 'n' (a rule keeps no state between calls"},
    {"local n = 0\nreturn function() return n end", 0, ""},
    {"return function() local n = 0; n = n + 1; return n end", 0, ""},
    {"return function()\n  local n = 0\n  local f = function() n = n + 1 end\n  f()\n  return n\nend", 0, ""},
    {"local n = 0\nreturn function()\n  local f = function()\n    n = n + 1\n  end\n  f()\nend", 4, "upvalue 'n'"},
    {"local n = 0\nreturn function()\n  return function() return function()\n    n = 1\n  end end\nend", 4,
     "upvalue 'n'"},
    {"return function()\n  local m = 0\n  return function() return function() m = 1 end end\nend", 0, ""},
    {"local function f(n) if n == 0 then return 1 end return f(n - 1) end return f", 0, ""},
    {"local f\nf = function(n) if n == 0 then return 1 end return f(n - 1) end return f", 0, ""},
    {"local a, b\nlocal function f() return b() end\nb = function()\n  a = 1\nend\nreturn {x = {f}}", 4, "upvalue 'a'"},
    {"local t = {}\nt[function() end] = 1\nlocal n\nt[function() n = 1 end] = 2\nreturn t", 4, "upvalue 'n'"},
    {"return function()\n\n  _ENV = {}\nend", 3, "upvalue '_ENV'"},
    {"return function() local _ENV = {} x = 1 return x end", 0, ""},
    {"return function() for i = 1, 3 do local j = i; j = j + 1 end for k in pairs{} do k = 1 end end", 0, ""},
    {"local n\nreturn function() if n then\n\n n = 2 end\n n = 3 end", 4, "upvalue 'n'"},
    {"local n\nreturn function() local x = 1" /* a line number that does not fit a byte */
     "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
     "\n\n\n\n"
     "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
     "\n\n\n\n"
     "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
     "\n\n\n\n"
     "n = x end",
     182, "upvalue 'n'"},
    {"local words = ('a b'):gmatch('%a')\nreturn function() return words() end", 1,
     "an iterator of string.gmatch can't be kept"},
    {"local keys = pairs{1}\nreturn {keys}", 1, "an iterator of pairs can't be kept"},
    {"return {pairs, ipairs{}, string.rep, string, null, 1, 'x', true}", 0, ""},
};

static void refuses_functions_that_keep_a_state(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  for (size_t i = 0; i < sizeof closures / sizeof closures[0]; i++) {
    const closure_case *c = &closures[i];
    shunt_error err;
    shunt_status status = run_and_freeze(sb, c->code, &err);
    if ((status != SHUNT_OK) != (c->line > 0)) print_message("%s\n", c->code);
    assert_int_equal(status, c->line ? SHUNT_E_RULE : SHUNT_OK);
    if (!status) {
      lua_pop(sb->L, 1);
      continue;
    }
    if (!strstr(err.message, c->says)) assert_string_equal(err.message, c->says);
    if (!strstr(c->says, "iterator")) {
      assert_string_equal(err.file, "rules/x.lua");
      assert_int_equal(err.line, c->line);
    }
    assert_int_equal(lua_gettop(sb->L), 0);
  }
  sandbox_free(sb);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_frozen_tables_readable),        cmocka_unit_test(refuses_to_write_to_frozen_tables),
      cmocka_unit_test(freezes_what_functions_hold),         cmocka_unit_test(freezes_twice_and_however_deep),
      cmocka_unit_test(refuses_functions_that_keep_a_state),
  };
  return cmocka_run_group_tests_name("rule/sandbox_freeze", tests, NULL, NULL);
}
