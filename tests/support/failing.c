/* For: specs of what Lua's own lack of memory does: an allocator in front of the state's own, which fails from the nth
 * request on. Owner: the state; it is there until the state ends.
 * Use: local failing = require "tests.support.failing"; local fired, ok, err = failing.try(n, f) */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

static struct {
  lua_Alloc real;
  void *ud;
  long left; /* requests that succeed still; negative: all */
  bool armed, fired;
} f;

static void *allocate(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  const bool grows = new_bytes > (block ? old_bytes : 0);
  if (f.armed && grows) {
    if (f.left == 0) {
      f.fired = true;
      return NULL;
    }
    f.left--;
  }
  return f.real(f.ud, block, old_bytes, new_bytes);
}

/* try(n, f): whether a request failed, whether f returned, and what it raised. */
static int try(lua_State *L) {
  f.left = (long)luaL_checkinteger(L, 1) - 1;
  lua_settop(L, 2);
  f.fired = false;
  f.armed = true;
  const bool ok = lua_pcall(L, 0, 0, 0) == LUA_OK;
  f.armed = false;
  if (ok) lua_pushnil(L);
  lua_pushboolean(L, f.fired);
  lua_pushboolean(L, ok);
  lua_rotate(L, -3, 2);
  return 3;
}

__attribute__((visibility("default"))) int luaopen_tests_support_failing(lua_State *L);

int luaopen_tests_support_failing(lua_State *L) {
  static const luaL_Reg functions[] = {{"try", try}, {NULL, NULL}};
  luaL_newlib(L, functions);
  f.real = lua_getallocf(L, &f.ud);
  lua_setallocf(L, allocate, &f);
  return 1;
}
