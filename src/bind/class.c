#include "bind/bind.h"

void bind_class(lua_State *L, const char *name, const luaL_Reg *metamethods, const luaL_Reg *methods,
                const char *field) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, metamethods, 0);
  if (methods) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, field);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}

void bind_methods(lua_State *L, const char *field, const luaL_Reg *methods) {
  lua_getfield(L, -1, field);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
