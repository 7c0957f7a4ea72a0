/* The C part of app:on, app:observe and app:poll. lua/shunt/events.lua keeps the callbacks and chooses those that get
 * an event. */
#include "bind/bind.h"

#include <string.h>

#define BIND_SEVERITY(severity, name) name,
static const char *const severities[] = {SHUNT_SEVERITY_MAP(BIND_SEVERITY) NULL};
#undef BIND_SEVERITY

/* events_set(app, function or nil, severity). Does nothing if the app is closed. */
static int events_set(lua_State *L) {
  lua_settop(L, 3);
  bind_app *app = bind_check(L, 1, BIND_APP, "an app");
  int least = luaL_checkoption(L, 3, NULL, severities);
  if (app->borrowed)
    return bind_usage(L, "app:on can't be called in the threads of a worker: call it in the state that opened the app, "
                         "which gets the events of the threads, too");
  if (!app->app) return 0;
  lua_pushvalue(L, 2);
  return bind_events_set(L, app, 1, (shunt_severity)least) ? 0 : bind_memory(L);
}

/* observer_set(app, function or nil) */
static int observer_set(lua_State *L) {
  lua_settop(L, 2);
  bind_app *app = bind_check_app(L);
  if (app->borrowed)
    return bind_usage(L, "app:observe can't be called in the threads of a worker: call it in the state that opened the "
                         "app, which gets the statements of the threads, too");
  return bind_observer_set(L, app, 1) ? 0 : bind_memory(L);
}

/* app:poll(): delivers waiting events, as each call does. */
static int app_poll(lua_State *L) {
  bind_check_app(L);
  return 0;
}

static void push_names(lua_State *L) {
#define BIND_KIND(kind, severity, name, text) name,
  static const char *const kinds[] = {SHUNT_EVENT_MAP(BIND_KIND)};
#undef BIND_KIND
  const int n = sizeof kinds / sizeof *kinds;
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, kinds[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "event_kinds");
  lua_createtable(L, 0, SHUNT_ERROR + 1);
  for (int i = 0; severities[i]; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, severities[i]);
  }
  lua_setfield(L, -2, "severities");
}

void bind_event_register(lua_State *L) {
  static const luaL_Reg methods[] = {{"poll", app_poll}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"events_set", events_set}, {"observer_set", observer_set}, {NULL, NULL}};
  bind_methods(L, "app_methods", methods);
  luaL_setfuncs(L, functions, 0);
  push_names(L);
}
