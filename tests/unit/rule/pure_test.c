/* Code that would make a rule's answer change from call to call is refused: by the load if it shows there, otherwise by
 * the call. And all rule states give the same answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "rule/host.h"
#include "unit/rule/sandboxes.h"

typedef struct pure_case {
  const char *code;
  const char *says; /* of the load's mistake, or the call's */
} pure_case;

/* Each returns a function, or a table with one, which is frozen. */
static const pure_case at_load[] = {
    {"local n = 0 return function() n = n + 1 return n end", "writes to the upvalue 'n'"},
    {"local last return function(req) local before = last last = req return before end",
     "writes to the upvalue 'last'"},
    {"local n = 0 local function count() n = n + 1 return n end return function() return count() end",
     "writes to the upvalue 'n'"},
    {"local n = 0 local lib = { count = function() n = n + 1 return n end } return function() return lib.count() end",
     "writes to the upvalue 'n'"},
    {"local function counter() local n = 0 return function() n = n + 1 return n end end return counter()",
     "writes to the upvalue 'n'"},
    {"return function() _ENV = { x = 1 } end", "writes to the upvalue '_ENV'"},
    {"local words = ('a b c'):gmatch('%a') return function() return words() end", "an iterator of string.gmatch"},
    {"local next_one = pairs { 1, 2 } return function() return next_one() end", "an iterator of pairs"},
    {"x = 1 return function() end", "the global 'x' can't be set"},
    {"local now = os.time() return function() return now end", "clocks are not there"},
    {"local r = math.random() return function() return r end", "randomness is not there"},
};

static const pure_case at_call[] = {
    {"return function() x = 1 end", "the global 'x' can't be set"},
    {"return function() string.x = 1 end", "'x' can't be set"},
    {"return function() local s = 'a' s.x = 1 end", "attempt to index a string value"},
    {"local seen = {} return function() seen[1] = 1 end", "is frozen"},
    {"local seen = { deep = {} } return function() seen.deep.x = 1 end", "is frozen"},
    {"local seen = {} return function() table.insert(seen, 1) end", "is frozen"},
    {"local list = { 2, 1 } return function() table.sort(list) end", "is frozen"},
    {"local list = {} return function() table.move({ 1 }, 1, 1, 1, list) end", "is frozen"},
    {"return function() return os.clock() end", "clocks are not there"},
    {"return function() return math.random(2) end", "randomness is not there"},
    {"return function() return collectgarbage 'count' end", "memory is the sandbox's business"},
    {"return function() return next { 1 } end", "use pairs"},
    {"return function() for k in pairs { [{}] = 1 } do return k end end", "has no order"},
    {"return function() return ('%p'):format {} end", ""},
    {"return function() return coroutine.wrap(function() end) end", "coroutines are not there"},
    {"return function() return debug.getinfo(1) end", "looking into functions is not there"},
    {"return function() return load 'return 1' end", "code comes from rule files alone"},
};

static shunt_status call(sandbox *sb, shunt_error *err) {
  sandbox_start(sb, 1);
  return sandbox_call(sb, 0, 1, err);
}

static void refuses_at_load_what_can_be_seen_there(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof at_load / sizeof *at_load; i++) {
    sandbox *sb = open_sandbox(&usual);
    shunt_error err;
    assert_int_equal(run_and_freeze(sb, at_load[i].code, &err), SHUNT_E_RULE);
    if (!strstr(err.message, at_load[i].says)) assert_string_equal(err.message, at_load[i].says);
    sandbox_free(sb);
  }
}

static void refuses_the_rest_when_it_is_called(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof at_call / sizeof *at_call; i++) {
    sandbox *sb = open_sandbox(&usual);
    shunt_error err;
    if (run_and_freeze(sb, at_call[i].code, &err)) print_message("%s: %s\n", at_call[i].code, err.message);
    assert_int_equal(call(sb, &err), SHUNT_E_RULE);
    if (!strstr(err.message, at_call[i].says)) assert_string_equal(err.message, at_call[i].says);
    sandbox_free(sb);
  }
}

/* Two states have their strings and tables at other places, and hash them otherwise. */
static void says_the_same_in_another_state(void **state) {
  (void)state;
  static const char *const codes[] = {
      "return function() local t, s = {}, '' for i = 1, 50 do t['key ' .. i * 7919 % 51] = i end\n"
      "  for k, v in pairs(t) do s = s .. k .. v end return s end",
      "return function() return tostring {} .. tostring(tostring) .. tostring(null) end",
      "return function() local ok, why = pcall(function() local t = {} return t .. 'x' end) return why end",
      "return function() local t = {} for i = 1, 100 do t[i] = i * 7919 % 101 end\n"
      "  table.sort(t, function(a, b) return a % 10 < b % 10 end) return table.concat(t, ' ') end",
      "return function() local t = { 1, 2, nil, 4, nil, 6 } t[#t + 1] = 9 return #t .. ' ' .. select('#', "
      "table.unpack(t)) "
      "end",
  };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    char said[2][4096];
    sandbox *sb[2];
    for (int k = 0; k < 2; k++) {
      shunt_error err;
      sb[k] = open_sandbox(&usual);
      if (run_and_freeze(sb[k], codes[i], &err)) print_message("%s\n", err.message);
      assert_int_equal(call(sb[k], &err), SHUNT_OK);
      snprintf(said[k], sizeof said[k], "%s", lua_tostring(sb[k]->L, -1));
    }
    assert_string_equal(said[0], said[1]);
    assert_null(strstr(said[0], "0x"));
    for (int k = 0; k < 2; k++) sandbox_free(sb[k]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_at_load_what_can_be_seen_there),
      cmocka_unit_test(refuses_the_rest_when_it_is_called),
      cmocka_unit_test(says_the_same_in_another_state),
  };
  return cmocka_run_group_tests_name("rule/pure", tests, NULL, NULL);
}
