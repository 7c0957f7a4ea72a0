/* Conditions of any bytes: where.lua says which. */
#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lualib.h>

#include "fuzz/files.h"

int luaopen_shunt_core(lua_State *L);

static lua_State *L;

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients: {main: {engine: sqlite3, connection: {filename: main.db, create: true}}}\n"
                             "models: {things: {table: things}}\n";

static const char prepare[] = "package.path = './?.lua;lua/?.lua;lua/?/init.lua;' .. package.path\n"
                              "package.preload['shunt.core'] = ...\n"
                              "return require 'tests.fuzz.where'\n";

static void call(const char *function, const void *text, size_t size) {
  lua_getfield(L, 1, function);
  lua_pushlstring(L, text, size);
  if (lua_pcall(L, 1, 0, 0)) FUZZ_HOLDS(false, "%s", luaL_tolstring(L, -1, NULL));
}

/* The one value that stays on the stack is the module. */
static void make_state(void) {
  if (L) return;
  const char *path = files_path(FILES_APP);
  files_write(FILES_APP, (fuzz_input){(const uint8_t *)config, sizeof config - 1});
  L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  if (luaL_loadstring(L, prepare)) abort();
  lua_pushcfunction(L, luaopen_shunt_core);
  if (lua_pcall(L, 1, 1, 0)) FUZZ_HOLDS(false, "%s", lua_tostring(L, -1));
  call("open", path, strlen(path));
}

int shunt_fuzz_where(const uint8_t *data, size_t size) {
  make_state();
  call("run", data, size);
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}
