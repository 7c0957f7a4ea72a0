#include "bind/bind.h"

int luaopen_shunt_core(lua_State *L) {
  lua_newtable(L);
#define REGISTER(primitive) bind_##primitive##_register(L);
  BIND_PRIMITIVES(REGISTER)
#undef REGISTER
  lua_pushliteral(L, SHUNT_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushcfunction(L, luaopen_shunt_core); /* threads of a worker open it in their own states */
  lua_setfield(L, LUA_REGISTRYINDEX, BIND_OPEN);
  return 1;
}
