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

/* What was found, as text: uses of fields, or literals anywhere. */
static buf uses;
static bool literals;

static void note(void *ud, const bytecode_use *use, int line) {
  (void)ud;
  const shunt_value *v = &use->value;
  if (!*use->path != literals) return;
  buf_printf(&uses, "%d %s %d", line, use->path, (int)use->kind);
  if (v->type == SHUNT_INTEGER) buf_printf(&uses, " %lld", (long long)v->as.integer);
  if (v->type == SHUNT_FLOAT) buf_printf(&uses, " %g", v->as.number);
  if (v->type == SHUNT_BOOL) buf_puts(&uses, v->as.boolean ? " true" : " false");
  if (v->type == SHUNT_TEXT) buf_printf(&uses, " '%.*s'", (int)v->size, v->as.bytes);
  buf_puts(&uses, "\n");
  if (uses.size > 100000) buf_reset(&uses);
}

static const bytecode_watcher watcher = {note, NULL};

/* The same in a block of exactly that size, so that the address sanitizer sees every step beyond it. */
static bytecode_result check(const char *bytes, size_t size, bytecode_report *report) {
  char *copy = malloc(size ? size : 1);
  assert_non_null(copy);
  memcpy(copy, bytes, size);
  bytecode_result result = bytecode_check(copy, size, &watcher, report);
  free(copy);
  return result;
}

static const char writing[] = "local n, s = 0, 'a constant text'\n"
                              "return function(a, ...)\n"
                              "  local m = a.attrs.plan == 'pro' and a:one_of('where.id', {'b', 2}) and 1.5 or 1\n"
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

static void assert_uses(const char *code, const char *expected) {
  buf dump = {0};
  bytecode_report report;
  dump_of(code, &dump);
  buf_reset(&uses);
  assert_int_equal(check(dump.data, dump.size, &report), BYTECODE_PURE);
  assert_string_equal(uses.data ? uses.data : "", expected);
  buf_free(&dump);
}

static void finds_literals_beside_fields_of_the_request(void **state) {
  (void)state;
  assert_uses("return function(req) return req.attrs.plan == 'pro' or 'a' ~= req.attrs.plan end",
              "1 attrs.plan 0\n1 attrs.plan 1 'pro'\n1 attrs.plan 0\n1 attrs.plan 1 'a'\n");
  assert_uses("return function(req)\n if req.attrs.age >= 18 then return 100000 > req.where.id end\n"
              " return req.where.id == 1.5, req.attrs.on == true, req.attrs.x == nil end",
              "2 attrs.age 0\n2 attrs.age 2 18\n2 where.id 0\n2 where.id 2 100000\n3 where.id 0\n3 where.id 1 1.5\n"
              "3 attrs.on 0\n3 attrs.on 1 true\n3 attrs.x 0\n");
  assert_uses("return function(req) return req:mod('where.id', 16), req:one_of('attrs.plan', {'a', 7, true}), "
              "req:prefix('attrs.to', 'de') end",
              "1 where.id 0\n1 where.id 4 16\n1 attrs.plan 0\n1 attrs.plan 1 'a'\n1 attrs.plan 1 7\n"
              "1 attrs.plan 1 true\n1 attrs.to 0\n1 attrs.to 3 'de'\n");
  assert_uses("return function(req) return function() return req.attrs.inner == -3 end end",
              "1 attrs.inner 0\n1 attrs.inner 1 -3\n");
  assert_uses("return function(req, x) local plan = req.attrs.plan return x or plan == 'b' or plan == nil end",
              "1 attrs.plan 0\n");
  assert_uses("return function(req, x) return req.attrs[x], req.config.plan < x, x.one_of('attrs.a') end", "");
  assert_uses("return function(req, n) return req:bucket('where.id', 8), req:mod('where.id', n), req:mod('op', 7) end",
              "1 where.id 0\n1 where.id 5 8\n1 where.id 0\n1 where.id 4\n");
}

static void assert_literals(const char *code, const char *expected) {
  literals = true;
  assert_uses(code, expected);
  literals = false;
}

static void finds_literals_anywhere(void **state) {
  (void)state;
  assert_literals("return function(req, x) local plan = req.attrs.plan return x or plan == 'b' or plan == nil end",
                  "1  1 'b'\n");
  assert_literals("return function(req, is) return is(req.attrs.plan, 'pro'), is(3), is(2.0), is(100000), is(true) end",
                  "1  1 'pro'\n1  2 3\n1  2 2\n1  2 100000\n");
  assert_literals("return function(x) return x + 1, x * 7, x >> 2, 5 - x, x & 12, x == 9, x < 4 end",
                  "1  2 1\n1  2 7\n1  2 2\n1  2 5\n1  2 12\n1  1 9\n1  2 4\n");
  assert_literals("return function(x, y) return ({a = 'b', [17] = 'c', 'd', n = 6, o = x})[y].z end",
                  "1  1 'a'\n1  1 'b'\n1  1 17\n1  1 'c'\n1  1 'd'\n1  1 'n'\n1  2 6\n1  1 'o'\n");
  assert_literals("return function(x) return x:find('^pro'), function() return 'inner' .. x.y end end",
                  "1  1 'inner'\n1  1 '^pro'\n");
  assert_literals("return function(req, f) return req:bucket(f, 8), req:mod(f, f) end", "1  5 8\n1  2 8\n1  4\n");
}

static void finds_each_of_many_constants(void **state) {
  (void)state;
  buf code = {0}, dump = {0};
  bytecode_report report;
  buf_puts(&code, "return function(x) return x == 'b' ");
  for (int i = 0; i < 20000; i++) buf_printf(&code, "or x == 'v%d' ", i);
  buf_puts(&code, "end");
  literals = true;
  dump_of(code.data, &dump);
  buf_reset(&uses);
  assert_int_equal(check(dump.data, dump.size, &report), BYTECODE_PURE);
  assert_non_null(strstr(uses.data, "'v19999'\n"));
  literals = false;
  buf_free(&dump);
  buf_free(&code);
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
    bytecode_result result = bytecode_check(copy, dump.size, &watcher, &report);
    assert_in_range(result, BYTECODE_PURE, BYTECODE_BROKEN);
  }
  free(copy);
  buf_free(&dump);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_is_written),   cmocka_unit_test(finds_literals_beside_fields_of_the_request),
      cmocka_unit_test(finds_literals_anywhere), cmocka_unit_test(finds_each_of_many_constants),
      cmocka_unit_test(refuses_every_cut),       cmocka_unit_test(stays_within_any_bytes),
  };
  const int failed = cmocka_run_group_tests_name("rule/bytecode", tests, NULL, NULL);
  buf_free(&uses);
  return failed;
}
