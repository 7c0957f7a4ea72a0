#include <string.h>

#include "bind/bind.h"

/* A switch of the session's current datasource or level. Leaving the block undoes it. */
typedef struct bind_switch {
  bind_session *session;
  void (*pop)(shunt_session *session); /* NULL: not on */
} bind_switch;

/* Pushes a switch that is not on yet. */
static bind_switch *new_switch(lua_State *L, const bind_call *c) {
  bind_switch *sw = lua_newuserdatauv(L, sizeof *sw, 1);
  memset(sw, 0, sizeof *sw);
  luaL_setmetatable(L, BIND_SWITCH);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  sw->session = c->session;
  return sw;
}

static int switch_on(lua_State *L) {
  lua_settop(L, 2);
  bind_call *c = bind_enter_beside(L, 1);
  const char *client = bind_opt_text(L, 2, "the client");
  bind_switch *sw = new_switch(L, c);
  if (shunt_switch_push(c->session->session, client, &c->err)) return bind_fail(L, c);
  sw->pop = shunt_switch_pop;
  bind_leave(L, c);
  return 1;
}

static int level_up(lua_State *L) {
  lua_settop(L, 1);
  bind_call *c = bind_enter_beside(L, 1);
  bind_switch *sw = new_switch(L, c);
  if (shunt_level_push(c->session->session, &c->err)) return bind_fail(L, c);
  sw->pop = shunt_level_pop;
  bind_leave(L, c);
  return 1;
}

static int switch_off(lua_State *L) {
  bind_switch *sw = luaL_checkudata(L, 1, BIND_SWITCH);
  if (sw->pop && sw->session->session) sw->pop(sw->session->session);
  sw->pop = NULL;
  return 0;
}

void bind_switch_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", switch_off}, {"__close", switch_off}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"switch", switch_on}, {"level_up", level_up}, {NULL, NULL}};
  bind_class(L, BIND_SWITCH, metamethods, NULL, NULL);
  luaL_setfuncs(L, functions, 0);
}
