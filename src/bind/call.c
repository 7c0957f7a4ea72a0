#include "bind/bind.h"

#include <string.h>

/* An arena that grew in one large call is not kept for the next, smaller ones. */
enum { KEEP_BYTES = 64 * 1024 };

static void let_go(bind_call *c) {
  shunt_rows_free(c->rows);
  c->rows = NULL;
  shunt_free(c->text);
  c->text = NULL;
  arena_reset(&c->arena);
  if (c->arena.total_bytes > KEEP_BYTES) arena_free(&c->arena);
}

static int call_gc(lua_State *L) {
  bind_call *c = luaL_checkudata(L, 1, BIND_CALL);
  let_go(c);
  arena_free(&c->arena);
  return 0;
}

bind_call *bind_call_new(lua_State *L) {
  bind_call *c = lua_newuserdatauv(L, sizeof *c, 0);
  memset(c, 0, sizeof *c);
  luaL_setmetatable(L, BIND_CALL);
  c->self = lua_gettop(L);
  return c;
}

bind_app *bind_check_app(lua_State *L) {
  bind_app *app = bind_check(L, 1, BIND_APP, "an app");
  bind_events_deliver(L, app, 1);
  if (!app->app) bind_usage(L, "the app is closed");
  return app;
}

static bind_call *enter(lua_State *L, int session_index, bool beside) {
  bind_session *s = bind_check(L, session_index, BIND_SESSION, "a session");
  if (!s->session) bind_usage(L, "the session is closed");
  if (s->busy) bind_usage(L, "the session is in a call: an observer can't use it");
  if (s->held && !beside) bind_check_held(L, s, session_index);
  if (s->limit) bind_keep_limit(L, s);
  bind_call *c;
  if (lua_getiuservalue(L, session_index, SESSION_SPARE) == LUA_TUSERDATA) {
    c = lua_touserdata(L, -1);
    lua_pushnil(L);
    lua_setiuservalue(L, session_index, SESSION_SPARE);
  } else {
    lua_pop(L, 1);
    c = bind_call_new(L);
  }
  c->session = s;
  c->index = session_index;
  c->self = lua_gettop(L);
  return c;
}

bind_call *bind_enter(lua_State *L, int session_index) { return enter(L, session_index, false); }

bind_call *bind_enter_beside(lua_State *L, int session_index) { return enter(L, session_index, true); }

void bind_busy(lua_State *L, bind_call *c) {
  c->session->busy = true;
  c->session->L = L;
  c->session->index = c->index;
}

void bind_done(lua_State *L, bind_call *c, shunt_status status) {
  bind_session *s = c->session;
  s->busy = false;
  s->L = NULL;
  bind_tx_roll_back_orphans(L, s, c->index);
  if (status) bind_fail(L, c);
}

void bind_leave(lua_State *L, bind_call *c) {
  let_go(c);
  if (!c->session) return;
  bind_app *app = c->session->app;
  const bool deliver = (app->events || app->statements) && !c->session->hooks;
  lua_pushvalue(L, c->self);
  lua_setiuservalue(L, c->index, SESSION_SPARE);
  if (!deliver) return;
  lua_getiuservalue(L, c->index, SESSION_APP);
  bind_events_deliver(L, app, -1);
  lua_pop(L, 1);
}

shunt_outcome bind_written(const bind_call *c) { return c->session->txs ? SHUNT_UNKNOWN : SHUNT_DONE; }

int bind_give(lua_State *L, bind_call *c, lua_CFunction push, shunt_outcome outcome) {
  const int base = lua_gettop(L);
  lua_pushcfunction(L, push);
  lua_pushlightuserdata(L, c);
  const int failed = lua_pcall(L, 1, LUA_MULTRET, 0);
  if (failed == LUA_ERRMEM) {
    lua_settop(L, base);
    bind_push_memory(L, outcome);
  }
  const int n = lua_gettop(L) - base;
  bind_leave(L, c);
  return failed ? lua_error(L) : n;
}

int bind_fail(lua_State *L, bind_call *c) {
  if (!c->session || !bind_hooks_take(L, c->index)) lua_pushnil(L);
  bind_push_failed(L, &c->err);
  bind_leave(L, c);
  return lua_error(L);
}

void bind_call_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", call_gc}, {NULL, NULL}};
  bind_class(L, BIND_CALL, metamethods, NULL, NULL);
}
