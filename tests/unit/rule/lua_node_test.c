#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "rule/lua_node.h"

typedef struct fixture {
  lua_State *L;
  arena a;
  node *n;
  shunt_error err;
} fixture;

static int begin(void **state) {
  fixture *f = calloc(1, sizeof *f);
  assert_non_null(f);
  f->L = luaL_newstate();
  luaL_openlibs(f->L);
  lua_pushlightuserdata(f->L, NULL);
  lua_setglobal(f->L, "null");
  *state = f;
  return 0;
}

static int end(void **state) {
  fixture *f = *state;
  arena_free(&f->a);
  lua_close(f->L);
  free(f);
  return 0;
}

static int count_functions(lua_State *L, int index, void *ud) {
  assert_true(lua_isfunction(L, index));
  return ++*(int *)ud;
}

/* Converts what the chunk returns; the stack must be as it was. */
static shunt_status convert(fixture *f, const char *chunk, bool functions) {
  int made = 6;
  if (luaL_dostring(f->L, chunk)) fail_msg("%s", lua_tostring(f->L, -1));
  int top = lua_gettop(f->L);
  f->n = NULL;
  lua_node_rules rules = {{"r.lua", 3, 4}, functions ? count_functions : NULL, &made};
  shunt_status status = lua_node_declared(f->L, -1, &f->a, &rules, &f->n, &f->err);
  assert_int_equal(lua_gettop(f->L), top);
  lua_settop(f->L, 0);
  return status;
}

static void write_node(buf *b, const node *n) {
  assert_string_equal(n->at.file, "r.lua");
  if (n->kind == NODE_FUNCTION) buf_printf(b, "f%d", n->function);
  if (n->kind == NODE_VALUE) switch ((shunt_type)n->value.type) {
    case SHUNT_NULL:
      buf_puts(b, "null");
      break;
    case SHUNT_BOOL:
      buf_puts(b, n->value.as.boolean ? "true" : "false");
      break;
    case SHUNT_INTEGER:
      buf_printf(b, "%lld", (long long)n->value.as.integer);
      break;
    case SHUNT_FLOAT:
      buf_printf(b, "%.14g~", n->value.as.number);
      break;
    case SHUNT_TEXT:
    case SHUNT_BLOB:
      buf_printf(b, "'%s'%u", n->value.as.bytes, n->value.size);
      break;
    }
  if (n->kind == NODE_LIST || n->kind == NODE_MAP) {
    buf_putc(b, n->kind == NODE_LIST ? '[' : '{');
    for (size_t i = 0; i < n->count; i++) {
      if (i) buf_putc(b, ' ');
      if (n->kind == NODE_MAP) buf_printf(b, "%s=", n->entries[i].key);
      write_node(b, n->kind == NODE_LIST ? n->items[i] : n->entries[i].value);
    }
    buf_putc(b, n->kind == NODE_LIST ? ']' : '}');
  }
}

static void gives(fixture *f, const char *chunk, const char *expected) {
  if (convert(f, chunk, true)) fail_msg("%s: %s", chunk, f->err.message);
  buf b = {0};
  write_node(&b, f->n);
  assert_string_equal(b.data, expected);
  buf_free(&b);
}

static void refuses_as(fixture *f, const char *chunk, const char *part, bool declared) {
  assert_int_equal(convert(f, chunk, declared), SHUNT_E_USAGE);
  assert_null(f->n);
  assert_string_equal(f->err.file, "r.lua");
  assert_int_equal(f->err.line, 3);
  if (!strstr(f->err.message, part)) fail_msg("'%s' is not in: %s", part, f->err.message);
}

static void refuses(fixture *f, const char *chunk, const char *part) { refuses_as(f, chunk, part, false); }
static void refuses_declared(fixture *f, const char *chunk, const char *part) { refuses_as(f, chunk, part, true); }

static void converts_values_lists_and_maps(void **state) {
  fixture *f = *state;
  gives(f, "return 7", "7");
  gives(f, "return 7.0", "7~");
  gives(f, "return null", "null");
  gives(f, "return {}", "{}");
  gives(f, "return {1, 'x', {true}, null}", "[1 'x'1 [true] null]");
  gives(f, "return {b = 1, a = {c = {}}, _or = {{}, {d = 0.5}}}", "{_or=[{} {d=0.5~}] a={c={}} b=1}");
  gives(f, "return {f = print, g = function() end}", "{f=f7 g=f8}");
  gives(f, "local t = {1} return {a = t, b = t}", "{a=[1] b=[1]}");
  gives(f, "return {'50!%', escape = '!'}", "{pattern='50!%'4 escape='!'1}");
}

static void sorts_keys_whatever_order_they_were_set_in(void **state) {
  fixture *f = *state;
  gives(
      f, "local t = {} for i = 25, 0, -1 do t[string.char(97 + i)] = i end return t",
      "{a=0 b=1 c=2 d=3 e=4 f=5 g=6 h=7 i=8 j=9 k=10 l=11 m=12 n=13 o=14 p=15 q=16 r=17 s=18 t=19 u=20 v=21 w=22 x=23 "
      "y=24 z=25}");
}

static void names_the_way_to_what_can_not_be_converted(void **state) {
  fixture *f = *state;
  refuses(f, "return {a = {'x', escape = 5}}", "a: the key 'escape' stands among list items");
  refuses(f, "return {'x', 'y', escape = '!'}", "the key 'escape' stands among list items");
  refuses(f, "return {where = {age = {1, print}}}", "where.age[2]: a function");
  refuses(f, "return {a = coroutine.create(print)}", "a: a thread");
  refuses(f, "return {a = io.stdout}", "a: a userdata");
  refuses(f, "return {a = {1, 2, x = 3}}", "a: the key 'x'");
  refuses(f, "return {1, nil, 3}", "[3]");
  refuses(f, "return {[0] = 1}", "[0]");
  refuses(f, "return {[1.5] = 1}", "number can't be a key");
  refuses(f, "return {[true] = 1}", "boolean can't be a key");
  refuses(f, "return {['a\\0b'] = 1}", "NUL");
  refuses_declared(f, "return {a = {'x\\0y'}}", "a[1]: the text that begins with 'x' contains a NUL");
  refuses_declared(f, "return {a = io.stdout}", "a: an answer can't stand here");
  refuses(f, "return nil", "nil");
}

static void ends_on_tables_without_end(void **state) {
  fixture *f = *state;
  refuses(f, "local t = {} t.a = {t} return t", "a[1]: the table contains itself");
  refuses(f, "local t = {} for i = 1, 100 do t = {t} end return t", "more than 64 deep");
  refuses(f, "local t = {1} for i = 1, 60 do t = {t, t} end return t", "more than 1,000,000 parts");
  refuses(f, "local s, t = ('x'):rep(1 << 20), {} for i = 1, 100 do t[i] = s end return t", "too many bytes");
}

static void runs_no_code_of_the_table(void **state) {
  fixture *f = *state;
  gives(f,
        "local function boom() error 'ran' end\n"
        "return setmetatable({a = 1}, {__index = boom, __pairs = boom, __len = boom, __metatable = boom})",
        "{a=1}");
}

static long budget;
static void *scarce(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  (void)old_bytes;
  if (new_bytes == 0) {
    free(block);
    return NULL;
  }
  return budget-- > 0 ? realloc(block, new_bytes) : NULL;
}

static void tells_when_memory_runs_out(void **state) {
  fixture *f = *state;
  const char *chunk = "local t = {} for i = 1, 300 do t['k' .. i] = {i, 'text', {x = true}} end return t";
  long n = 0;
  for (shunt_status status = SHUNT_E_MEMORY; status; n++) {
    shunt_set_allocator(scarce, NULL);
    budget = n;
    status = convert(f, chunk, false);
    arena_free(&f->a);
    shunt_set_allocator(NULL, NULL);
    if (status && status != SHUNT_E_MEMORY) fail_msg("after %ld: %s", n, f->err.message);
  }
  assert_true(n > 3);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(converts_values_lists_and_maps),
      TEST(sorts_keys_whatever_order_they_were_set_in),
      TEST(names_the_way_to_what_can_not_be_converted),
      TEST(ends_on_tables_without_end),
      TEST(runs_no_code_of_the_table),
      TEST(tells_when_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
