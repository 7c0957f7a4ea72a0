/* What is left in the sandbox is Lua as it should be: the same results and messages as from Lua's own libraries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "unit/rule/sandboxes.h"

/* ---- the same as Lua ---- */

static void text_of_result(lua_State *L, int status, buf *out) {
  buf_reset(out);
  for (int i = 1; i <= lua_gettop(L); i++) {
    const char *text = luaL_tolstring(L, i, NULL);
    const char *prefix = status && i == 1 ? strstr(text, "x.lua:1: ") : NULL;
    buf_printf(out, "%s:%s ", luaL_typename(L, i), prefix ? prefix + 9 : text);
    lua_pop(L, 1);
  }
  if (status) buf_puts(out, "(error)");
  lua_settop(L, 0);
}

static void run_both(sandbox *sb, lua_State *plain, const char *code, buf *ours, buf *theirs) {
  assert_int_equal(luaL_loadbufferx(plain, code, strlen(code), "@x.lua", "t"), LUA_OK);
  text_of_result(plain, lua_pcall(plain, 0, LUA_MULTRET, 0), theirs);
  sandbox_start(sb, 1);
  assert_int_equal(sandbox_load(sb, "@x.lua", code, strlen(code)), LUA_OK);
  text_of_result(sb->L, lua_pcall(sb->L, 0, LUA_MULTRET, 0), ours);
}

static const char *const expressions[] = {
    "('%5.2f|%-8s|%08d|%+d|% d|%x|%#X|%o|%e|%g|%a'):format(3.14159, 'ab', 42, 7, 7, 255, 255, 8, 1e10, 0.1, 0.5)",
    "('%q'):format('a\\n\"\\\\\\0001\\r\\200')",
    "('%q %q %q %q'):format(1, 2.5, math.mininteger, 1/0)",
    "('%q %q %q'):format(-1/0, 3.0, true)",
    "('%q'):format(0/0)",
    "('%5q'):format(1)",
    "('%s %s %s'):format(nil, true, 1.0)",
    "('%.3s|%5.1s|'):format('abcdef', 'xyz')",
    "('%s'):format()",
    "('%d'):format(1.5)",
    "('%d'):format('10')",
    "('%d'):format(3.0)",
    "('%c%c'):format(65, 0)",
    "('%i'):format(7)",
    "('%y'):format(1)",
    "('%'):format()",
    "('%u'):format(1)",
    "('%10.123d'):format(1)",
    "('%#d'):format(1)",
    "('%05s'):format('x')",
    "('%-05d'):format(3)",
    "('%099d'):format(3)",
    "('%100d'):format(3)",
    "('%.99f'):format(1e308)",
    "('%99.99f'):format(-1e308)",
    "('%5.3c'):format(65)",
    "('%%'):format()",
    "('%%%d%%'):format(1)",
    "('%s'):format('a\\0b')",
    "('%5s'):format('a\\0b')",
    "('%s|%200s'):format(('x'):rep(150), 1)",
    "('%20s'):format(('x'):rep(150))",
    "('%.20f'):format(0.1)",
    "('%A %G %E'):format(1.5, 1e-10, 1e10)",
    "('%x'):format(-1)",
    "('%d'):format('x')",
    "('%---------------------5d'):format(1)",
    "('abc'):rep(3, '-')",
    "('x'):rep(0)",
    "('x'):rep(-5)",
    "('x'):rep(1, 'y')",
    "('x'):rep(600) == ('xx'):rep(300)",
    "('hello'):sub(2)",
    "('hello'):sub(-3, -2)",
    "('hello'):sub(0)",
    "('hello'):sub(10)",
    "('hello'):sub(-100, 100)",
    "('hello'):sub(math.mininteger, math.maxinteger)",
    "('hello'):sub(3, 2)",
    "('hello'):byte(1, -1)",
    "('hello'):byte()",
    "('hello'):byte(0)",
    "('hello'):byte(10)",
    "('hello'):byte(-2)",
    "('hello'):byte(-100, 2)",
    "('hello'):upper()",
    "('HeLLo'):lower()",
    "('abc'):reverse()",
    "('abc'):len()",
    "#('a\\0b')",
    "string.char()",
    "string.char(72, 105)",
    "string.char(256)",
    "string.char(-1)",
    "string.len(12)",
    "string.upper(12)",
    "string.rep()",
    "table.concat({1, 2.5, 'x'}, ', ')",
    "table.concat({1, 2, 3}, '-', 2)",
    "table.concat({1, 2, 3}, '-', 2, 3)",
    "table.concat({1, {}})",
    "table.concat({}, 'x')",
    "table.concat({1}, 'x', math.maxinteger)",
    "table.concat({[math.maxinteger] = 'z'}, 'x', math.maxinteger, math.maxinteger)",
    "table.unpack({1, 2, 3})",
    "table.unpack({1, 2, 3}, 2)",
    "table.unpack({1, 2, 3}, -1, 1)",
    "table.unpack({}, 1, 3)",
    "table.unpack({1}, math.maxinteger, math.mininteger)",
    "table.unpack({}, math.mininteger, math.maxinteger)",
    "table.pack(1, nil, 3).n",
    "select('#', table.unpack(table.pack(1, nil, 3), 1, 3))",
    "table.concat(table.move({1, 2, 3}, 2, 3, 1), ',')",
    "table.concat(table.move({1, 2, 3}, 1, 3, 2), ',')",
    "table.concat(table.move({1, 2, 3}, 1, 3, 3, {9, 9}), ',')",
    "table.move({1}, 1, math.maxinteger, 2)",
    "table.move({1}, math.mininteger, 1, 2)",
    "tonumber('0x10')",
    "tonumber('10', 2)",
    "tonumber('zz', 36)",
    "tonumber('8', 8)",
    "tonumber('')",
    "tonumber(nil)",
    "tonumber('1e1')",
    "tonumber(' 5 ')",
    "tostring(1e15)",
    "tostring(2^53)",
    "tostring(-0.0)",
    "tostring(1e100)",
    "tostring(3)",
    "tostring(nil)",
    "10 // 3",
    "'10' + 1",
    "'3' * '4'",
    "'x' + 1",
    "10 .. 20",
    "math.floor(3.7)",
    "math.max(1, 5, 3)",
    "math.min(2.5, 1)",
    "math.tointeger(3.0)",
    "math.type(1)",
    "math.type(1.0)",
    "math.type('1')",
    "math.fmod(-7, 3)",
    "math.modf(3.7)",
    "math.ult(1, -1)",
    "math.huge",
    "math.pi",
    "math.abs(-3)",
    "math.maxinteger",
    "math.mininteger",
    "math.sqrt(2)",
    "math.log(8, 2)",
    "math.floor('x')",
    "utf8.char(72, 228, 8364, 0x10FFFF, 0x7FFFFFFF)",
    "utf8.char()",
    "utf8.char(-1)",
    "utf8.len('häß')",
    "utf8.len('\\xff')",
    "utf8.codepoint('häß', 1, -1)",
    "utf8.offset('häß', 3)",
    "utf8.charpattern",
    "(function() local s = '' for p, c in utf8.codes('hä€') do s = s .. p .. ':' .. c .. ' ' end return s end)()",
    "(function() for p, c in utf8.codes('a\\xff') do end end)()",
    "select(2, 'a', 'b', 'c')",
    "select('#')",
    "select(-1, 1, 2)",
    "select(0)",
    "rawequal('a', 'a')",
    "rawlen({1, 2})",
    "rawlen('abc')",
    "rawlen(1)",
    "type(nil)",
    "type()",
    "assert(1, 2, 3)",
    "assert(false)",
    "assert(nil, 'why')",
    "assert()",
    "error('x', 0)",
    "error('x')",
    "pcall(error, 'x')",
    "pcall()",
    "xpcall(error)",
    "(function() local n = 0 for i, v in ipairs{1, 2, nil, 4} do n = n + v end return n end)()",
    "(function() local t = {3, 1, 2} table.sort(t) return table.concat(t, ',') end)()",
    "(function() local t = {'b', 'a'} table.sort(t, function(a, b) return a > b end) return t[1] .. t[2] end)()",
    "(function() local t = {1, 'x'} table.sort(t) end)()",
    "table.sort({1, 2}, 5)",
    "(function() local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) return table.concat(t, ',') end)()",
    "table.insert({1}, 5, 2)",
    "table.insert({1}, 0, 2)",
    "table.insert({1})",
    "table.insert({1}, 1, 2, 3)",
    "table.remove({1, 2, 3})",
    "table.remove({1, 2, 3}, 1)",
    "table.remove({})",
    "table.remove({}, 0)",
    "table.remove({1}, 2)",
    "(pcall(table.remove, {1}, 3))",
    "(pcall(table.remove, {}, 5))",
    "table.remove({[0] = 'z'}, 0)",
};

static void gives_what_lua_gives(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  lua_State *plain = luaL_newstate();
  luaL_openlibs(plain);
  buf ours = {0}, theirs = {0}, code = {0};
  for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
    buf_reset(&code);
    buf_printf(&code, "return %s", expressions[i]);
    run_both(sb, plain, code.data, &ours, &theirs);
    if (strcmp(ours.data ? ours.data : "", theirs.data ? theirs.data : "") != 0) print_message("%s\n", code.data);
    assert_string_equal(ours.data ? ours.data : "", theirs.data ? theirs.data : "");
  }
  buf_free(&ours);
  buf_free(&theirs);
  buf_free(&code);
  lua_close(plain);
  sandbox_free(sb);
}

static void sorts_in_one_order_whatever_the_input(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  const char *code = /* pairs of a key with duplicates and a place; equal keys must stay in their order */
      "local t, x = {}, 12345\n"
      "for n = 0, 70 do\n"
      "  t = {}\n"
      "  for i = 1, n do x = (x * 1103515245 + 12345) % 2147483648 t[i] = {x >> 16 & 7, i} end\n"
      "  table.sort(t, function(a, b) return a[1] < b[1] end)\n"
      "  assert(#t == n)\n"
      "  for i = 2, n do\n"
      "    assert(t[i-1][1] < t[i][1] or t[i-1][1] == t[i][1] and t[i-1][2] < t[i][2])\n"
      "  end\n"
      "end\n"
      "return true";
  assert_int_equal(run(sb, code, &err), SHUNT_OK);
  lua_pop(sb->L, 1);
  sandbox_free(sb);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_what_lua_gives),
      cmocka_unit_test(sorts_in_one_order_whatever_the_input),
  };
  return cmocka_run_group_tests_name("rule/sandbox_lua", tests, NULL, NULL);
}
