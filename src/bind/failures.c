/* What hooks of a session's transactions raised during a call: a list in SESSION_FAILURES until the call is over. */
#include "bind/bind.h"

static int show(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

const char *bind_push_shown(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_pushcfunction(L, show);
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lua_pop(L, 1);
    lua_pushfstring(L, "a %s that can't be shown", luaL_typename(L, index));
  }
  return lua_tostring(L, -1);
}

bool bind_hooks_take(lua_State *L, int session_index) {
  bool some = lua_getiuservalue(L, session_index, SESSION_FAILURES) == LUA_TTABLE;
  lua_pushnil(L);
  lua_setiuservalue(L, session_index, SESSION_FAILURES);
  if (!some) lua_pop(L, 1);
  return some;
}

void bind_hooks_warn(lua_State *L, int session_index) {
  if (!bind_hooks_take(L, session_index)) return;
  int list = lua_gettop(L);
  lua_Integer n = (lua_Integer)lua_rawlen(L, list);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);
    lua_warning(L, "shunt: a hook of a transaction that was given up failed: ", 1);
    lua_warning(L, bind_push_shown(L, lua_gettop(L)), 0);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}
