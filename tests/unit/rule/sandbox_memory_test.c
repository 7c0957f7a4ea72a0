/* The sandbox when memory is out, at each allocation in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include "unit/faults.h"
#include "unit/rule/sandboxes.h"

/* ---- memory that is not there ---- */

static shunt_status whole_life(shunt_error *err) {
  sandbox *sb = NULL;
  const char *code =
      "local t = {b = 1, a = {2, 3}}\n"
      "for k, v in pairs(t) do t[k] = v end\n"
      "local s = ('x'):rep(2000):gsub('x', {x = 'yz'}):upper() .. ('%5.1f %s'):format(1.5, 'x')\n"
      "pcall(error, 'x') xpcall(error, function(m) return m end, 'x')\n"
      "table.sort(t.a, function(a, b) return a > b end)\n"
      "return function(k) return t.a[k], #s, function() local n = 1 return function() n = n + 1 end end end";
  shunt_status status = sandbox_new(&usual, &sb, err);
  if (!status) status = run_and_freeze(sb, code, err);
  if (!status) {
    sandbox_start(sb, 1);
    lua_pushinteger(sb->L, 1);
    status = sandbox_call(sb, 1, 3, err);
  }
  if (status) assert_true(!sb || lua_gettop(sb->L) == 0);
  sandbox_free(sb);
  return status;
}

static void fail_at_each_allocation(bool all_after) {
  shunt_error err;
  faults f;
  size_t failures = 0;
  faults_on(&f);
  for (f.fail_at = 1; f.fail_at < 100000; f.fail_at++) {
    f.seen = 0;
    f.failed = false;
    f.all_after = all_after;
    shunt_status status = whole_life(&err);
    assert_int_equal(f.live, 0);
    if (!f.failed) break;
    if (status && status != SHUNT_E_MEMORY) print_message("allocation %zu: %s\n", f.fail_at, err.message);
    assert_true(status == SHUNT_E_MEMORY || (status == SHUNT_OK && !all_after));
    failures += status != SHUNT_OK;
  }
  faults_off();
  print_message("%zu failures\n", failures);
  assert_true(failures > 20);
}

static void survives_when_memory_is_out(void **state) {
  (void)state;
  fail_at_each_allocation(true);
}

static void survives_an_allocation_that_fails(void **state) {
  (void)state;
  fail_at_each_allocation(false);
}

static void refuses_a_limit_too_small_to_live(void **state) {
  (void)state;
  shunt_error err;
  int64_t enough = 0;
  for (int64_t bytes = 0; bytes < 60000 && !enough; bytes += 500) {
    sandbox *sb = NULL;
    sandbox_limits limits = {.instructions = 1000, .memory_bytes = bytes, .timeout_ns = 1000000000};
    shunt_status status = sandbox_new(&limits, &sb, &err);
    if (status == SHUNT_OK) enough = bytes;
    assert_true(status == SHUNT_OK || status == SHUNT_E_LIMIT);
    sandbox_free(sb);
  }
  assert_true(enough > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(survives_when_memory_is_out),
      cmocka_unit_test(survives_an_allocation_that_fails),
      cmocka_unit_test(refuses_a_limit_too_small_to_live),
  };
  return cmocka_run_group_tests_name("rule/sandbox_memory", tests, NULL, NULL);
}
