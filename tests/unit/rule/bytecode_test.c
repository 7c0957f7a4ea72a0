/* Reading dumps of functions: whatever the bytes are, nothing outside of them is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "rule/bytecode.h"
#include "unit/random.h"

static int add_bytes(lua_State *L, const void *bytes, size_t size, void *ud) {
  (void)L;
  buf_add(ud, bytes, size);
  return 0;
}

static void dump_of(const char *code, buf *out) {
  lua_State *L = luaL_newstate();
  assert_int_equal(luaL_loadstring(L, code), LUA_OK);
  lua_call(L, 0, 1);
  buf_reset(out);
  lua_dump(L, add_bytes, out, 0);
  assert_false(out->failed);
  lua_close(L);
}

/* The same in a block of exactly that size, so that the address sanitizer sees every step beyond it. */
static bytecode_result check(const char *bytes, size_t size, bytecode_report *report) {
  char *copy = malloc(size ? size : 1);
  assert_non_null(copy);
  memcpy(copy, bytes, size);
  bytecode_result result = bytecode_check(copy, size, report);
  free(copy);
  return result;
}

static const char writing[] = "local n, s = 0, 'a constant text'\n"
                              "return function(a, ...)\n"
                              "  local m = 1.5\n"
                              "  for i = 1, 10 do m = m + i end\n"
                              "  return function() m = s; return function() n = m end end\n"
                              "end";

static void finds_what_is_written(void **state) {
  (void)state;
  buf dump = {0};
  bytecode_report report;
  dump_of(writing, &dump);
  assert_int_equal(check(dump.data, dump.size, &report), BYTECODE_WRITES);
  assert_string_equal(report.name, "n");
  assert_int_equal(report.line, 5);
  dump_of("local n = 'four'\nreturn function() return n, 'fifteen letters' end", &dump);
  assert_int_equal(check(dump.data, dump.size, &report), BYTECODE_PURE);
  assert_int_equal(report.longest_text, 15);
  buf_free(&dump);
}

static void refuses_every_cut(void **state) {
  (void)state;
  buf dump = {0};
  bytecode_report report;
  dump_of(writing, &dump);
  for (size_t size = 0; size < dump.size; size++) assert_int_equal(check(dump.data, size, &report), BYTECODE_BROKEN);
  buf_free(&dump);
}

static void stays_within_any_bytes(void **state) {
  (void)state;
  enum { TRIES = 200000 };
  buf dump = {0};
  bytecode_report report;
  dump_of(writing, &dump);
  rng r = rng_start("bytecode");
  char *copy = malloc(dump.size);
  assert_non_null(copy);
  for (int i = 0; i < TRIES; i++) {
    memcpy(copy, dump.data, dump.size);
    for (size_t n = 1 + rng_below(&r, 4); n > 0; n--) copy[rng_below(&r, dump.size)] = (char)rng_below(&r, 256);
    bytecode_result result = bytecode_check(copy, dump.size, &report);
    assert_in_range(result, BYTECODE_PURE, BYTECODE_BROKEN);
  }
  free(copy);
  buf_free(&dump);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_is_written),
      cmocka_unit_test(refuses_every_cut),
      cmocka_unit_test(stays_within_any_bytes),
  };
  return cmocka_run_group_tests_name("rule/bytecode", tests, NULL, NULL);
}
