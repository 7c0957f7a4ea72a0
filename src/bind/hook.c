/* session:on_commit, on_rollback and on_all_commit: functions of Lua that the library calls back. */
#include "bind/bind.h"

#include <string.h>

/* A hook. The function is its user value; the session's SESSION_HOOKS anchor it until it is dropped. */
typedef struct bind_hook {
  bind_session *session;
} bind_hook;

/* Calls the hook (2) with the session (1), and returns whether it failed. What it raises is added to the session's
 * failures and described in the error (3). A transaction that ends inside the hook has its own failures. */
static int call_hook(lua_State *L) {
  shunt_error *err = lua_touserdata(L, 3);
  lua_getiuservalue(L, 1, SESSION_FAILURES);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, SESSION_FAILURES);
  lua_getiuservalue(L, 2, 1);
  lua_pushvalue(L, 1);
  bool failed = lua_pcall(L, 1, 1, 0) != LUA_OK;
  if (failed) {
    if (lua_isnil(L, 4)) {
      lua_newtable(L);
      lua_replace(L, 4);
    }
    lua_pushvalue(L, 5);
    lua_rawseti(L, 4, (lua_Integer)lua_rawlen(L, 4) + 1);
    error_text(err, SHUNT_E_TRANSACTION, bind_push_shown(L, 5));
  }
  lua_pushvalue(L, 4);
  lua_setiuservalue(L, 1, SESSION_FAILURES);
  lua_pushboolean(L, failed);
  return 1;
}

/* Hooks run between calls: they may use the session, but not close it. */
static shunt_status run(void *ud, shunt_error *err) {
  bind_hook *h = ud;
  bind_session *s = h->session;
  lua_State *L = s->L;
  int index = s->index, top;
  if (!L || !lua_checkstack(L, 6)) return error_memory(err);
  top = lua_gettop(L);
  s->busy = false;
  s->L = NULL;
  s->hooks++;
  lua_pushcfunction(L, call_hook);
  lua_pushvalue(L, index);
  lua_getiuservalue(L, index, SESSION_HOOKS);
  lua_rawgetp(L, -1, h);
  lua_remove(L, -2);
  lua_pushlightuserdata(L, err);
  bool ran = lua_pcall(L, 3, 1, 0) == LUA_OK, failed = !ran || lua_toboolean(L, -1);
  lua_settop(L, top);
  s->hooks--;
  s->busy = true;
  s->L = L;
  s->index = index;
  if (!ran) return error_memory(err);
  return failed ? err->status : SHUNT_OK;
}

static void drop(void *ud) {
  const bind_hook *h = ud;
  lua_State *L = h->session->L;
  if (!L || !lua_checkstack(L, 2)) return; /* the session is being closed, and drops all its hooks */
  lua_getiuservalue(L, h->session->index, SESSION_HOOKS);
  lua_pushnil(L);
  lua_rawsetp(L, -2, h);
  lua_pop(L, 1);
}

/* ---- adding one ---- */

typedef shunt_status (*adder)(shunt_session *session, shunt_hook fn, void *ud, void (*drop)(void *ud),
                              shunt_error *err);

/* Pushes a hook for the function at index 2. */
static bind_hook *new_hook(lua_State *L, bind_session *s) {
  bind_hook *h = lua_newuserdatauv(L, sizeof *h, 1);
  h->session = s;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  if (lua_getiuservalue(L, 1, SESSION_HOOKS) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, SESSION_HOOKS);
  }
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, h);
  lua_pop(L, 1);
  return h;
}

static int add(lua_State *L, adder fn, const char *name) {
  lua_settop(L, 2);
  bind_call *c = bind_enter(L, 1);
  if (!lua_isfunction(L, 2)) return bind_usage(L, "session:%s needs a function, not a %s", name, luaL_typename(L, 2));
  bind_hook *h = new_hook(L, c->session);
  bind_busy(L, c);
  shunt_status st = fn(c->session->session, run, h, drop, &c->err);
  if (st && bind_hooks_take(L, 1)) { /* it ran at once: raise its error unchanged */
    lua_rawgeti(L, -1, 1);
    bind_done(L, c, SHUNT_OK);
    bind_leave(L, c);
    return lua_error(L);
  }
  bind_done(L, c, st);
  bind_leave(L, c);
  return 0;
}

static int on_commit(lua_State *L) { return add(L, shunt_on_commit, "on_commit"); }
static int on_rollback(lua_State *L) { return add(L, shunt_on_rollback, "on_rollback"); }
static int on_all_commit(lua_State *L) { return add(L, shunt_on_all_commit, "on_all_commit"); }

void bind_hook_register(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"on_commit", on_commit}, {"on_rollback", on_rollback}, {"on_all_commit", on_all_commit}, {NULL, NULL}};
  bind_methods(L, "session_methods", methods);
}
