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

int luaopen_shunt_core(lua_State *L) {
  lua_newtable(L);
  bind_error_register(L);
  bind_value_register(L);
  bind_call_register(L);
  bind_app_register(L);
  bind_session_register(L);
  bind_model_register(L);
  bind_transaction_register(L);
  bind_switch_register(L);
  bind_hook_register(L);
  bind_json_register(L);
  bind_resolve_register(L);
  bind_rows_register(L);
  bind_options_register(L);
  bind_waits_register(L);
  bind_jobs_register(L);
  bind_job_register(L);
  bind_worker_register(L);
  lua_pushliteral(L, SHUNT_VERSION);
  lua_setfield(L, -2, "version");
  return 1;
}
