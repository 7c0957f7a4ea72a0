/* Weak tables in the registry, which find values without keeping them. */
#include "bind/bind.h"

void bind_push_weak(lua_State *L, const void *key) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* The app must not keep its sessions from being collected. */
static const char sessions_key = 0;

void bind_session_note(lua_State *L, int index, const bind_session *s) {
  bind_push_weak(L, &sessions_key);
  lua_pushvalue(L, index);
  lua_rawsetp(L, -2, s);
  lua_pop(L, 1);
}

bool bind_session_push(lua_State *L, const bind_session *s) {
  bind_push_weak(L, &sessions_key);
  bool there = lua_rawgetp(L, -1, s) == LUA_TUSERDATA;
  lua_remove(L, -2);
  return there;
}
