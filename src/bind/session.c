#include "bind/bind.h"

#include <string.h>

static void unlink_session(bind_session *s) {
  if (s->next) s->next->before = s->before;
  if (s->before)
    s->before->next = s->next;
  else
    s->app->sessions = s->next;
  s->next = s->before = NULL;
}

void bind_session_end(lua_State *L, bind_session *s, int index) {
  if (!s->session) return;
  shunt_observe(s->session, NULL, NULL); /* the rollbacks below are not observed */
  shunt_before_wait(s->session, NULL, NULL);
  bind_tx_roll_back_all(L, s, index);
  shunt_session *session = s->session;
  s->session = NULL;
  unlink_session(s);
  if (!s->borrowed) shunt_session_close(session);
}

/* The session is on top of the stack, its app at app_index. */
static void link_session(lua_State *L, int app_index, bind_session *s, bind_app *app) {
  lua_pushvalue(L, app_index);
  lua_setiuservalue(L, -2, SESSION_APP);
  s->app = app;
  shunt_before_wait(s->session, bind_before_wait, s);
  s->next = app->sessions;
  if (s->next) s->next->before = s;
  app->sessions = s;
}

static bind_session *new_session(lua_State *L) {
  bind_session *s = lua_newuserdatauv(L, sizeof *s, SESSION_NVALUES);
  memset(s, 0, sizeof *s);
  luaL_setmetatable(L, BIND_SESSION);
  return s;
}

bind_session *bind_session_borrow(lua_State *L, int app_index, shunt_session *session, const bind_limit *limit) {
  bind_session *s = new_session(L);
  bind_session_note(L, lua_gettop(L), s);
  s->session = session;
  s->borrowed = true;
  s->limit = limit;
  link_session(L, app_index, s, lua_touserdata(L, app_index));
  return s;
}

void bind_session_end_newest(lua_State *L, bind_app *app) {
  bind_session *s = app->sessions;
  bool there = bind_session_push(L, s);
  bind_session_end(L, s, there ? lua_gettop(L) : 0);
  lua_pop(L, 1);
}

/* ---- opening ---- */

static int app_session(lua_State *L) {
  lua_settop(L, 2);
  bind_app *app = bind_check(L, 1, BIND_APP, "an app");
  if (!app->app) return bind_usage(L, "the app is closed");
  bind_session *s = new_session(L);
  bind_call *c = bind_call_new(L);
  const node *options = bind_options(L, c, 2, "app:session", options_session_keys);
  shunt_session_options with = {.instance = NULL};
  if (options_session(&c->arena, options, &with, &c->err)) return bind_fail(L, c);
  s->timeout_ms = with.timeout_ms;
  if (!app->app) return bind_usage(L, "the app is closed");
  bind_session_note(L, 3, s);
  if (shunt_session_open(app->app, &with, &s->session, &c->err)) {
    s->session = NULL;
    return bind_fail(L, c);
  }
  bind_leave(L, c);
  lua_settop(L, 3);
  link_session(L, 1, s, app);
  return 1;
}

static int session_close(lua_State *L) {
  bind_session *s = bind_check(L, 1, BIND_SESSION, "a session");
  if (!bind_session_usable(s)) return bind_usage(L, "the session is in a call: no observer or hook can close it");
  if (s->session && s->borrowed)
    return bind_usage(L, "a job's session is closed by its worker, when the job has ended");
  bind_session_end(L, s, 1);
  return 0;
}

static int session_gc(lua_State *L) {
  bind_session_end(L, luaL_checkudata(L, 1, BIND_SESSION), 1);
  return 0;
}

static int session_tostring(lua_State *L) {
  const bind_session *s = luaL_checkudata(L, 1, BIND_SESSION);
  lua_pushstring(L, s->session ? "shunt session" : "shunt session (closed)");
  return 1;
}

static int session_level(lua_State *L) {
  bind_call *c = bind_enter_beside(L, 1);
  lua_pushinteger(L, shunt_session_level(c->session->session));
  bind_leave(L, c);
  return 1;
}

/* ---- SQL ---- */

static const shunt_value *params_at(lua_State *L, bind_call *c, int index, size_t *count) {
  *count = 0;
  if (lua_isnoneornil(L, index)) return NULL;
  lua_shape shape = lua_istable(L, index) ? lua_node_shape(L, index, count) : LUA_SHAPE_MAP;
  if (shape == LUA_SHAPE_EMPTY) return NULL;
  if (shape != LUA_SHAPE_LIST) {
    error_set(&c->err, SHUNT_E_USAGE, "params must be a list without holes (shunt.null stands for NULL)");
    bind_fail(L, c);
  }
  shunt_value *values = arena_array(&c->arena, shunt_value, *count);
  if (!values) bind_memory(L);
  for (size_t i = 0; i < *count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    if (bind_to_value(L, -1, &c->arena, "a parameter", &values[i], &c->err)) bind_fail(L, c);
    lua_pop(L, 1);
  }
  return values;
}

static int run_sql(lua_State *L, bool wants_rows) {
  lua_settop(L, 5);
  bind_call *c = bind_enter(L, 1);
  const char *client = bind_opt_text(L, 2, "the client"), *sql = bind_text(L, 3, "the statement");
  size_t nparams;
  const shunt_value *params = params_at(L, c, 4, &nparams);
  const node *options = bind_options(L, c, 5, wants_rows ? "session:query" : "session:execute", options_sql_keys);
  int64_t affected = 0, timeout_ms = 0;
  shunt_sql_options o = {.client = client, .params = params, .nparams = nparams};
  if (options_call_timeout(options, &timeout_ms, &c->err) || options_sql(&c->arena, options, &o, &c->err))
    return bind_fail(L, c);
  timeout_ms = bind_within_limit(c->session, timeout_ms);
  shunt_session *s = c->session->session;
  bind_busy(L, c);
  shunt_status st = shunt_session_timeout(s, timeout_ms ? timeout_ms : c->session->timeout_ms, &c->err);
  if (!st) st = shunt_sql(s, sql, &o, wants_rows ? &c->rows : NULL, &affected, &c->err);
  shunt_status restored = shunt_session_timeout(s, c->session->timeout_ms, NULL);
  bind_done(L, c, st ? st : restored);
  if (wants_rows) return bind_give(L, c, bind_push_both, affected ? bind_written(c) : SHUNT_NOT_DONE);
  lua_pushinteger(L, affected);
  bind_leave(L, c);
  return 1;
}

static int session_query(lua_State *L) { return run_sql(L, true); }
static int session_execute(lua_State *L) { return run_sql(L, false); }

static int session_columns(lua_State *L) {
  lua_settop(L, 3);
  bind_call *c = bind_enter(L, 1);
  const char *client = bind_opt_text(L, 2, "the client"), *table = bind_text(L, 3, "the table");
  bind_busy(L, c);
  bind_done(L, c, shunt_table_columns(c->session->session, client, table, &c->rows, &c->err));
  bind_push_rows(L, c->rows);
  bind_leave(L, c);
  return 1;
}

/* ---- observing ---- */

/* (fn, statement): calls fn with it. Its error is a warning: the statement has run, and the call's result stands. */
static int notify(lua_State *L) {
  const shunt_statement *s = lua_touserdata(L, 2);
  lua_settop(L, 1);
  const struct {
    const char *name, *value;
  } texts[] = {{"op", s->op == SHUNT_WRITE ? "write" : "read"},
               {"model", s->model},
               {"table", s->table},
               {"rule", s->rule},
               {"source", s->source}};
  lua_createtable(L, 0, 13);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lua_pushstring(L, texts[i].value); /* NULL is nil */
    lua_setfield(L, 2, texts[i].name);
  }
  lua_pushstring(L, s->client);
  lua_setfield(L, 2, "client");
  lua_pushinteger(L, s->level);
  lua_setfield(L, 2, "level");
  lua_pushstring(L, s->sql);
  lua_setfield(L, 2, "sql");
  lua_newtable(L);
  for (size_t i = 0; i < s->nparams; i++) {
    bind_push_value(L, &s->params[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, 2, "params");
  lua_pushinteger(L, (lua_Integer)s->nrows);
  lua_setfield(L, 2, "rows");
  lua_pushinteger(L, s->affected);
  lua_setfield(L, 2, "affected");
  lua_pushinteger(L, s->duration_ns);
  lua_setfield(L, 2, "duration_ns");
  if (s->status) {
    lua_pushstring(L, shunt_status_name(s->status));
    lua_setfield(L, 2, "code");
  }
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return 0;
  lua_warning(L, "shunt: an observer failed: ", 1);
  lua_warning(L, bind_push_shown(L, 1), 0);
  return 0;
}

/* Called from inside the library, through which no error may pass. */
static void observed(void *ud, const shunt_statement *statement) {
  bind_session *s = ud;
  lua_State *L = s->L;
  if (!L || !lua_checkstack(L, 4)) return;
  lua_pushcfunction(L, notify);
  lua_getiuservalue(L, s->index, SESSION_OBSERVER);
  lua_pushlightuserdata(L, (void *)statement);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return;
  lua_warning(L, "shunt: an observer was not called: out of memory", 0);
  lua_pop(L, 1);
}

static int session_observe(lua_State *L) {
  lua_settop(L, 2);
  bind_call *c = bind_enter(L, 1);
  if (!lua_isnil(L, 2) && !lua_isfunction(L, 2))
    return bind_usage(L, "observe takes a function, or nil to end it, not a %s", luaL_typename(L, 2));
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 1, SESSION_OBSERVER);
  shunt_observe(c->session->session, lua_isnil(L, 2) ? NULL : observed, c->session);
  bind_leave(L, c);
  return 0;
}

void bind_session_register(lua_State *L) {
  static const bind_taking takes[] = {{"app:session", options_session_keys},
                                      {"session:query", options_sql_keys},
                                      {"session:execute", options_sql_keys},
                                      {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", session_gc}, {"__close", session_close}, {"__tostring", session_tostring}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"query", session_query},
                                     {"execute", session_execute},
                                     {"columns", session_columns},
                                     {"observe", session_observe},
                                     {"level", session_level},
                                     {"close", session_close},
                                     {NULL, NULL}};
  static const luaL_Reg of_app[] = {{"session", app_session}, {NULL, NULL}};
  bind_class(L, BIND_SESSION, metamethods, methods, "session_methods");
  bind_methods(L, "app_methods", of_app);
  bind_takes(L, takes);
}
