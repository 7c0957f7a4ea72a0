/* The sandbox: nothing gets out of it, hangs it or exhausts it, and it reports where something went wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "unit/rule/sandboxes.h"

/* ---- attempts ---- */

typedef struct attempt {
  const char *code;
  shunt_status status;
  const char *says; /* a part of the message; of the result where status is 0 */
} attempt;

#define RULE SHUNT_E_RULE
#define LIMIT SHUNT_E_LIMIT

static const attempt attempts[] = {
    /* getting out */
    {"return os.time()", RULE, "clocks are not there: the host passes times as attributes (req.attrs)"},
    {"return os.execute('true')", RULE, "undefined global 'os'"},
    {"return io.open('/etc/passwd')", RULE, "files are not there"},
    {"return load('return 1')", RULE, "code comes from rule files alone"},
    {"return loadstring('return 1')", RULE, "code comes from rule files alone"},
    {"return dofile('/etc/passwd')", RULE, "code comes from rule files alone"},
    {"return loadfile('/etc/passwd')", RULE, "code comes from rule files alone"},
    {"return require 'os'", RULE, "undefined global 'require'"},
    {"return package.loadlib", RULE, "use require"},
    {"return debug.getregistry()", RULE, "undefined global 'debug'"},
    {"return coroutine.create(function() end)", RULE, "coroutines are not there"},
    {"return collectgarbage('count')", RULE, "rules.memory"},
    {"return getmetatable('')", RULE, "metatables are not there"},
    {"return setmetatable({}, {__gc = function() end})", RULE, "metatables are not there"},
    {"return rawset(string, 'x', 1)", RULE, "raw access is not there"},
    {"return rawget(_ENV, 'x')", RULE, "raw access is not there"},
    {"return next({1})", RULE, "use pairs"},
    {"return _G", RULE, "globals are known by their names alone"},
    {"return print('x')", RULE, "shunt explain"},
    {"return string.dump(function() end)", RULE, "string.dump: functions have no text"},
    {"return ('x'):dump()", RULE, "attempt to call a nil value (method 'dump')"},
    {"return ('x').__index", 0, "nil"},
    {"return math.random()", RULE, "randomness is not there: use pick{…} or an attribute"},
    {"return math.randomseed(1)", RULE, "randomness is not there"},
    {"return sting.len", RULE, "undefined global 'sting'; did you mean 'string'?"},
    {"return string.formt", RULE, "unknown name 'string.formt'; did you mean 'format'?"},
    {"return zzzzzzzzzz", RULE, "undefined global 'zzzzzzzzzz'"},
    {"x = 1", RULE, "the global 'x' can't be set: use local"},
    {"string = {}", RULE, "the global 'string' can't be set: use local"},
    {"_ENV.pairs = 1", RULE, "the global 'pairs' can't be set: use local"},
    {"local e = _ENV; e[1] = 1", RULE, "the global '1' can't be set"},
    {"string.upper = nil", RULE, "the libraries are read-only"},
    {"string.new = 1", RULE, "the libraries are read-only"},
    {"table.insert(string, 1)", RULE, "frozen"},
    {"table.move({1}, 1, 1, 1, math)", RULE, "frozen"},
    {"table.sort(_ENV)", RULE, "frozen"},
    {"local _ENV <const> = nil; x = 1", RULE, "attempt to index a nil value"},
    {"local _ENV = {}; x = 1; return x", 0, "1"},
    {"return ('x'):upper()", 0, "X"},
    {"null.x = 1", RULE, "attempt to index a userdata value"},
    /* addresses, and an order that differs from one run to the next */
    {"return tostring({})", 0, "table"},
    {"return tostring(pairs)", 0, "function"},
    {"return tostring(null)", 0, "null"},
    {"return ('%p'):format({})", RULE, "'%p' is not available"},
    {"return ('%s'):format({})", RULE, "name the field that is meant"},
    {"return ('%s'):format(pairs)", RULE, "name the field that is meant"},
    {"return ('%q'):format({})", RULE, "value has no literal form"},
    {"return 'x' .. {}", RULE, "attempt to concatenate a table value"},
    {"for k in pairs{[{}] = 1} do end", RULE, "a key that is a table has no order"},
    {"for k in pairs{[pairs] = 1} do end", RULE, "a key that is a function has no order"},
    {"local s = '' for k, v in pairs{'x', [-3] = 1, [2.5] = 1, b = 1, a = 1, [true] = 1, [false] = 1, ['a\\0'] = 1} do "
     "s = s .. tostring(k):gsub('%z', '0') .. ' ' end return s",
     0, "-3 1 2.5 a a0 b false true "},
    /* hanging */
    {"while true do end", LIMIT, "instructions"},
    {"for i = 1, 1 << 60 do end", LIMIT, "instructions"},
    {"goto a ::a:: goto a", LIMIT, "instructions"},
    {"::a:: goto a", LIMIT, "instructions"},
    {"repeat until false", LIMIT, "instructions"},
    {"local function f() return f() end f()", LIMIT, "instructions"},
    {"return pcall(function() while true do end end)", LIMIT, "instructions"},
    {"while true do pcall(function() while true do end end) end", LIMIT, "instructions"},
    {"while true do pcall(error) end", LIMIT, "instructions"},
    {"return xpcall(function() while true do end end, function() while true do end end)", LIMIT, "instructions"},
    {"return xpcall(error, function() while true do end end)", LIMIT, "instructions"},
    {"while true do xpcall(error, function() return 1 end) end", LIMIT, "instructions"},
    {"pcall(string.rep, 'x', 1e9) return 'caught'", LIMIT, "memory"},
    {"return ('a'):rep(600):find(('.-'):rep(4) .. 'b')", LIMIT, "instructions"},
    {"return ('a'):rep(600):match(('a*'):rep(5) .. 'b')", LIMIT, "instructions"},
    {"return ('a'):rep(600):gsub(('a-'):rep(5) .. 'b', '')", LIMIT, "instructions"},
    {"for a in ('a'):rep(600):gmatch(('a?'):rep(60) .. ('.-'):rep(4) .. 'b') do end", LIMIT, "instructions"},
    {"return ('('):rep(200000):gsub('%b()', '')", LIMIT, "instructions"},
    {"return pcall(string.find, ('a'):rep(600), ('.-'):rep(4) .. 'b')", LIMIT, "instructions"},
    {"local s = ('a'):rep(1000000) while true do s:find('b', 1, true) end", LIMIT, "instructions"},
    {"local s = ('a'):rep(1000000) while true do s:upper() end", LIMIT, "instructions"},
    {"local s = ('a'):rep(1000000) while true do utf8.len(s) end", LIMIT, "instructions"},
    {"local s = ('1'):rep(1000000) while true do tonumber(s) end", LIMIT, "instructions"},
    {"local s = ('\\x80'):rep(1000000) local f = utf8.codes('') while true do pcall(f, s, 1) end", LIMIT,
     "instructions"},
    {"table.concat({}, 'x', 1, 1 << 60)", RULE, "invalid value (nil) at index 1"},
    {"table.move({}, 1, 1 << 60, 2)", LIMIT, "instructions"},
    {"table.unpack({}, 1, 1e8)", RULE, "too many results to unpack"},
    {"table.unpack({}, 1, 8001)", RULE, "too many results to unpack"},
    {"table.unpack({}, 1, 8000)", 0, "nil"},
    {"local t = {} for i = 0, 62 do t[1 << i] = 1 end table.sort(t)", RULE, "array too big"},
    {"local t = {} for i = 1, 20000 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end", LIMIT,
     "instructions"},
    {"local t = {} for i = 1, 20000 do t[i] = -i end while true do for k in pairs(t) do break end end", LIMIT,
     "instructions"},
    {"local t = {} for i = 1, 20000 do t[i] = i % 7 end table.sort(t, function() return true end)", 0, "nil"},
    {"local t = {} for i = 1, 200000 do t[i] = i end table.sort(t, function() while true do end end)", LIMIT,
     "instructions"},
    /* exhausting memory */
    {"local s, t = ('x'):rep(500000), {} for i = 1, 1e9 do t[i] = s .. i end", LIMIT, "memory"},
    {"local s = 'x' while true do s = s .. s end", LIMIT, "memory for one text"},
    {"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end", LIMIT, "over the limit"},
    {"local s, t = ('x'):rep(500000), {} pcall(function() for i = 1, 1e9 do t[i] = s .. i end end) return 'caught'",
     LIMIT, "memory"},
    {"return ('x'):rep(1 << 40)", LIMIT, "memory"},
    {"return ('x'):rep(1 << 62, 'xyz')", LIMIT, "memory"},
    {"return (''):rep(1 << 62)", 0, ""},
    {"return ('x'):rep(1000000):gsub('x', 'xxxx')", LIMIT, "memory"},
    {"local t = {} for i = 1, 100 do t[i] = ('x'):rep(20000) end return table.concat(t)", LIMIT, "memory"},
    {"return ('%s%s'):format(('x'):rep(900000), ('x'):rep(900000))", LIMIT, "memory"},
    {"return ('%99999d'):format(1)", RULE, "invalid conversion"},
    {"local function f() return 1 + f() end return f()", LIMIT, "over the limit of"},
    {"local function f(a, b, c, d, e, g, h, i, j, k, l, m, n) return 1 + f() end return f()", RULE, "stack overflow"},
    {"local function f() return pcall(f) end return f()", 0, "true"},
    {"local function f() return ('x'):gsub('x', f) end return f()", RULE, "stack overflow"},
    {"local t = {} t[1] = t local function f(...) return f({...}, ...) end f(1)", LIMIT, ""},
    /* bad errors */
    {"error({})", RULE, "the error object is a table"},
    {"error()", RULE, "the error object is a nil"},
    {"error('a\\0b')", RULE, "a b"},
    {"error(42, 0)", RULE, "42"},
    {"error(('x'):rep(5000))", RULE, "xxxxxxxx"},
    {"return '\\27Lua'", 0, "\33Lua"},
    {"\33LuaT", RULE, "attempt to load a binary chunk"},
    {"return 1 +", RULE, "unexpected symbol near <eof>"},
};

static void try_it(sandbox *sb, const attempt *a) {
  shunt_error err;
  shunt_status status = run(sb, a->code, &err);
  if (status != a->status) {
    print_message("%s\n  gives %s %s\n", a->code, shunt_status_name(status), status ? err.message : "");
    assert_int_equal(status, a->status);
  }
  if (!status) {
    const char *text = luaL_tolstring(sb->L, -1, NULL);
    snprintf(err.message, sizeof err.message, "%s", text);
    lua_pop(sb->L, 2);
  }
  if (!strstr(err.message, a->says)) {
    print_message("%s\n", a->code);
    assert_string_equal(err.message, a->says);
  }
  if (status) assert_string_equal(err.file, "rules/x.lua");
  still_works(sb);
}

static void contains_every_attempt(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  size_t count = sizeof attempts / sizeof attempts[0];
  for (size_t i = 0; i < count; i++) try_it(sb, &attempts[i]);
  print_message("%zu attempts\n", count);
  sandbox_free(sb);
}

static void stops_what_takes_too_long(void **state) {
  (void)state;
  sandbox_limits limits = {.instructions = INT64_MAX, .memory_bytes = 32 << 20, .timeout_ns = 20000000};
  static const char *const codes[] = {
      "while true do end",
      "pcall(function() while true do end end)",
      "return ('a'):rep(600):find(('.-'):rep(4) .. 'b')",
      "local a, b = ('x'):rep(1000000), ('x'):rep(999999) .. 'x' while a == b do end",
      "local t = {} while true do t = {t} if #t > 1 then t = {} end end",
      "while true do local s = ('x'):rep(100000) end",
  };
  sandbox *sb = open_sandbox(&limits);
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    shunt_error err;
    assert_int_equal(run(sb, codes[i], &err), SHUNT_E_LIMIT);
    if (!strstr(err.message, "memory"))
      assert_string_equal(err.message,
                          "over the limit of 20 ms of computing time: do less here, or raise rules.timeout");
    assert_int_equal(err.line, 1);
    still_works(sb);
  }
  sandbox_free(sb);
}

static void stops_a_file_that_takes_too_long_to_read(void **state) {
  (void)state;
  sandbox_limits limits = {.instructions = INT64_MAX, .memory_bytes = 64 << 20, .timeout_ns = 50000000};
  sandbox *sb = open_sandbox(&limits);
  shunt_error err;
  buf code = {0};
  for (int i = 0; i < 200000; i++)
    buf_printf(&code, "::l%d:: do end ", i); /* each label is compared with all before it */
  assert_false(code.failed);
  assert_int_equal(run(sb, code.data, &err), SHUNT_E_LIMIT);
  assert_string_equal(err.file, "rules/x.lua");
  buf_free(&code);
  still_works(sb);
  sandbox_free(sb);
}

static void tells_where_a_limit_was_hit(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  assert_int_equal(run(sb, "local function f()\n  while true do end\nend\n\nf()", &err), SHUNT_E_LIMIT);
  assert_string_equal(err.file, "rules/x.lua");
  assert_int_equal(err.line, 2);
  assert_string_equal(err.traceback, "rules/x.lua:2: in local 'f'\nrules/x.lua:5: in the file itself");
  assert_int_equal(run(sb,
                       "local s, t = ('x'):rep(500000), {}\nlocal function f()\n  for i = 1, 1e9 do\n    t[i] = s .. "
                       "i\n  end\nend\npcall(f)",
                       &err),
                   SHUNT_E_LIMIT);
  assert_string_equal(err.file, "rules/x.lua");
  assert_int_equal(err.line, 4);
  if (!strstr(err.message, "memory")) assert_string_equal(err.message, "memory");
  assert_int_equal(run(sb, "local a\n\nlocal b = ('a'):rep(600):find(('.-'):rep(4)..'b')", &err), SHUNT_E_LIMIT);
  assert_int_equal(err.line, 3);
  sandbox_free(sb);
}

static void takes_the_place_off_the_message(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  assert_int_equal(run(sb, "local function f(x)\n  return x.y.z\nend\nf({})", &err), SHUNT_E_RULE);
  assert_string_equal(err.message, "attempt to index a nil value (field 'y')");
  assert_string_equal(err.file, "rules/x.lua");
  assert_int_equal(err.line, 2);
  assert_string_equal(err.traceback, "rules/x.lua:2: in local 'f'\nrules/x.lua:4: in the file itself");
  assert_int_equal(run(sb, "\n\nerror('without a place', 0)", &err), SHUNT_E_RULE);
  assert_string_equal(err.message, "without a place");
  assert_int_equal(err.line, 3);
  assert_int_equal(run(sb, "error('at 12:30: late', 0)", &err), SHUNT_E_RULE);
  assert_string_equal(err.message, "at 12:30: late");
  assert_int_equal(run(sb, "\nlocal t = {}\nt.x.y = 1 -- é", &err), SHUNT_E_RULE);
  assert_int_equal(err.line, 3);
  assert_int_equal(run(sb, "\n\nlocal x = = 1", &err), SHUNT_E_RULE);
  assert_int_equal(err.line, 3);
  assert_string_equal(err.message, "unexpected symbol near '='");
  assert_int_equal(run(sb, "\nreturn ('x'):rep()", &err), SHUNT_E_RULE);
  assert_int_equal(err.line, 2);
  assert_int_equal(run(sb, "\nreturn pcall(string.rep)", &err), SHUNT_OK);
  lua_pop(sb->L, 1);
  sandbox_free(sb);
}

static void gives_the_whole_name_of_a_file(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  const char *name =
      "@a/very/long/path/that/lua/would/cut/in/its/messages/because/it/has/more/than/sixty/letters/rules/x.lua";
  sandbox_start(sb, 1);
  assert_int_equal(sandbox_load(sb, name, "\nlocal x\nx()", 12), LUA_OK);
  assert_int_equal(sandbox_call(sb, 0, 0, &err), SHUNT_E_RULE);
  assert_string_equal(err.file, name + 1);
  assert_int_equal(err.line, 3);
  assert_string_equal(err.message, "attempt to call a nil value (local 'x')");
  sandbox_free(sb);
}

static void lets_a_rule_catch_its_own_errors(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  static const char *const codes[] = {
      "local ok, e = pcall(error, 'x', 0) assert(not ok and e == 'x') return true",
      "local ok, a, b = pcall(function(...) return ... end, 1, 2) assert(ok and a == 1 and b == 2) return true",
      "local ok, e = xpcall(function(a) error(a, 0) end, function(m) return m .. '!' end, 'x') assert(not ok and e == "
      "'x!') "
      "return true",
      "local ok, a, b = xpcall(function(...) return ... end, error, 1, 2) assert(ok and a == 1 and b == 2) return true",
      "local ok, e = pcall(error, {1}) assert(e[1] == 1) return true",
      "local ok = pcall(function() local function f(a, b, c, d, e, g, h, i, j, k, l, m) return 1 + f() end return f() "
      "end) "
      "assert(not ok) return true",
  };
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    shunt_status status = run(sb, codes[i], &err);
    if (status) print_message("%s\n  %s\n", codes[i], err.message);
    assert_int_equal(status, SHUNT_OK);
    assert_true(lua_toboolean(sb->L, -1));
    lua_pop(sb->L, 1);
  }
  sandbox_free(sb);
}

/* ---- globals of the host ---- */

static int define_answer(lua_State *L) {
  lua_pushinteger(L, 42);
  sandbox_define(sandbox_of(L), "answer");
  assert_int_equal(lua_gettop(L), 1);
  return 0;
}

static void shows_what_the_host_defines(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  sandbox_start(sb, 1);
  sandbox_push_work(sb->L, define_answer, NULL);
  assert_int_equal(sandbox_call(sb, 1, 0, &err), SHUNT_OK);
  assert_int_equal(run(sb, "return answer", &err), SHUNT_OK);
  assert_int_equal(lua_tointeger(sb->L, -1), 42);
  lua_pop(sb->L, 1);
  assert_int_equal(run(sb, "answer = 1", &err), SHUNT_E_RULE);
  assert_int_equal(run(sb, "return anser", &err), SHUNT_E_RULE);
  assert_string_equal(err.message, "undefined global 'anser'; did you mean 'answer'?");
  sandbox_free(sb);
}

static int define_request(lua_State *L) {
  lua_newuserdatauv(L, 8, 0);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "request");
  lua_setfield(L, -2, "__name");
  lua_setmetatable(L, -2);
  sandbox_define(sandbox_of(L), "req");
  return 0;
}

static void enumerates_no_request(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  sandbox_start(sb, 1);
  sandbox_push_work(sb->L, define_request, NULL);
  assert_int_equal(sandbox_call(sb, 1, 0, &err), SHUNT_OK);
  static const char *const codes[] = {"for k in pairs(req) do end", "for i in ipairs(req) do end"};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(run(sb, codes[i], &err), SHUNT_E_RULE);
    assert_string_equal(err.message, "a request can't be enumerated: name the fields that the rule needs");
  }
  assert_int_equal(run(sb, "assert(tostring(req) == 'request') return 1", &err), SHUNT_OK);
  sandbox_free(sb);
}

_Noreturn static int spin(lua_State *L) {
  for (;;) sandbox_charge(L, 1000);
}

static void limits_functions_of_the_host(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  sandbox_start(sb, 1);
  lua_pushcfunction(sb->L, spin);
  assert_int_equal(sandbox_call(sb, 0, 0, &err), SHUNT_E_LIMIT);
  assert_int_equal(sb->hit, SANDBOX_INSTRUCTIONS);
  lua_pushcfunction(sb->L, spin); /* without a new start, it is over at once */
  assert_int_equal(sandbox_call(sb, 0, 0, &err), SHUNT_E_LIMIT);
  still_works(sb);
  sandbox_free(sb);
}

static void gives_more_to_loading(void **state) {
  (void)state;
  sandbox *sb = open_sandbox(&usual);
  shunt_error err;
  const char *code = "for i = 1, 4000000 do end";
  assert_int_equal(run(sb, code, &err), SHUNT_E_LIMIT);
  sandbox_start(sb, 10);
  assert_int_equal(sandbox_load(sb, "@rules/x.lua", code, strlen(code)), LUA_OK);
  assert_int_equal(sandbox_call(sb, 0, 0, &err), SHUNT_OK);
  sandbox_free(sb);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contains_every_attempt),
      cmocka_unit_test(stops_what_takes_too_long),
      cmocka_unit_test(stops_a_file_that_takes_too_long_to_read),
      cmocka_unit_test(tells_where_a_limit_was_hit),
      cmocka_unit_test(takes_the_place_off_the_message),
      cmocka_unit_test(gives_the_whole_name_of_a_file),
      cmocka_unit_test(lets_a_rule_catch_its_own_errors),
      cmocka_unit_test(shows_what_the_host_defines),
      cmocka_unit_test(enumerates_no_request),
      cmocka_unit_test(limits_functions_of_the_host),
      cmocka_unit_test(gives_more_to_loading),
  };
  return cmocka_run_group_tests_name("rule/sandbox", tests, NULL, NULL);
}
