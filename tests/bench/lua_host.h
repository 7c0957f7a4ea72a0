/* For: the Lua host of a measuring program: a state with the module shunt, linked in, over the app in the scratch
 * folder. Owner: the state is its program's, until lua_host_close. Use: lua_State *L = lua_host_begin();
 * lua_host_open(L, chunk); … lua_host_call(L, "select", 0); … lua_host_close(L); */
#ifndef SHUNT_BENCH_LUA_HOST_H
#define SHUNT_BENCH_LUA_HOST_H

#include "bench/bench.h"

#include <lauxlib.h>
#include <lualib.h>

#include "bind/bind.h"

static inline void lua_host_check(lua_State *L, int failed) {
  if (failed) bench_die("%s", luaL_tolstring(L, -1, NULL));
}

static inline lua_State *lua_host_begin(void) {
  lua_State *L = luaL_newstate();
  if (!L) bench_die("out of memory");
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_shunt_core);
  lua_setfield(L, -2, "shunt.core");
  lua_pop(L, 1);
  return L;
}

/* Opens the app, and runs the chunk, whose result is the table of functions that lua_host_call finds; app and session
 * are global. The working folder is the project's, as with make bench. */
static inline void lua_host_open(lua_State *L, const char *chunk) {
  static const char begin[] = "package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path\n"
                              "local chunk, path = ...\n"
                              "app = require 'shunt'.open(path)\n"
                              "session = app:session {}\n"
                              "host = assert(load(chunk))()\n";
  char path[BENCH_PATH + 64];
  lua_host_check(L, luaL_loadstring(L, begin));
  bench_path(path, "shunt.yaml");
  lua_pushstring(L, chunk);
  lua_pushstring(L, path);
  lua_host_check(L, lua_pcall(L, 2, 0, 0));
}

/* Calls the function of that name without arguments. Its results are left on the stack. */
static inline void lua_host_call(lua_State *L, const char *name, int nresults) {
  lua_getglobal(L, "host");
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  lua_host_check(L, lua_pcall(L, 0, nresults, 0));
}

static inline void lua_host_close(lua_State *L) {
  lua_host_check(L, luaL_dostring(L, "session:close() app:close()"));
  lua_close(L);
}

#endif
