#include "bind/bind.h"

#include <string.h>

#include "base/clock.h"

/* The mistakes found while an app opens. They stay in the call's arena until the library has returned: Lua may be
 * called only then. */
typedef struct mistake {
  shunt_error err;
  struct mistake *next;
} mistake;

typedef struct opening {
  arena *a;
  mistake *first, **last;
} opening;

static void note(void *ud, const shunt_error *err) {
  opening *o = ud;
  mistake *m = arena_new(o->a, mistake);
  if (!m) return;
  m->err = *err;
  *o->last = m;
  o->last = &m->next;
}

static int raise_opening(lua_State *L, bind_call *c, const opening *o) {
  bind_push_error(L, &c->err);
  lua_newtable(L);
  lua_Integer n = 0;
  for (const mistake *m = o->first; m; m = m->next) {
    bind_push_problem(L, &m->err);
    lua_rawseti(L, -2, ++n);
  }
  if (!n) {
    bind_push_problem(L, &c->err);
    lua_rawseti(L, -2, 1);
  }
  lua_setfield(L, -2, "problems");
  bind_leave(L, c);
  return lua_error(L);
}

static const char *const open_keys[] = {"env", "offline", NULL};

static int app_open(lua_State *L) {
  lua_settop(L, 2);
  const char *path = bind_text(L, 1, "the path of the app config");
  bind_app *app = lua_newuserdatauv(L, sizeof *app, BIND_APP_NVALUES);
  memset(app, 0, sizeof *app);
  luaL_setmetatable(L, BIND_APP);
  bind_call *c = bind_call_new(L);
  const node *options = bind_options(L, c, 2, "shunt.open", open_keys);
  opening o = {.a = &c->arena, .last = &o.first};
  shunt_options with = {.env = bind_option_text(L, c, options, "env"),
                        .problem = note,
                        .ud = &o,
                        .offline = bind_option_bool(L, c, options, "offline")};
  if (shunt_open(path, &with, &app->app, &c->err)) {
    app->app = NULL;
    return raise_opening(L, c, &o);
  }
  bind_leave(L, c);
  lua_settop(L, 3);
  return 1;
}

/* app:reload() returns the number of the new generation. */
static int app_reload(lua_State *L) {
  bind_app *app = bind_check_app(L);
  bind_call *c = bind_call_new(L);
  opening o = {.a = &c->arena, .last = &o.first};
  shunt_options with = {.problem = note, .ud = &o};
  if (shunt_reload(app->app, &with, &c->err)) return raise_opening(L, c, &o);
  bind_leave(L, c);
  lua_pushinteger(L, (lua_Integer)shunt_generation(app->app));
  return 1;
}

/* app:watched() returns true, or false and the error of the last automatic reload. */
static int app_watched(lua_State *L) {
  bind_app *app = bind_check_app(L);
  bind_call *c = bind_call_new(L);
  bool ok = !shunt_watched(app->app, &c->err);
  lua_pushboolean(L, ok);
  if (!ok) bind_push_error(L, &c->err);
  bind_leave(L, c);
  return ok ? 1 : 2;
}

static int app_generation(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)shunt_generation(bind_check_app(L)->app));
  return 1;
}

static int app_describe(lua_State *L) {
  bind_app *app = bind_check_app(L);
  bind_call *c = bind_call_new(L);
  if (shunt_describe(app->app, &c->text, &c->err)) return bind_fail(L, c);
  bind_push_json(L, c->text, false);
  bind_leave(L, c);
  return 1;
}

static int app_config(lua_State *L) {
  bind_app *app = bind_check_app(L);
  bind_call *c = bind_call_new(L);
  if (shunt_config(app->app, &c->text, &c->err)) return bind_fail(L, c);
  lua_pushstring(L, c->text);
  bind_leave(L, c);
  return 1;
}

/* core.settings(form): "defaults", "schema" or "manual" */
static int settings(lua_State *L) {
  static const char *const forms[] = {"defaults", "schema", "manual", NULL}; /* as in shunt_settings_form */
  shunt_settings_form form = (shunt_settings_form)luaL_checkoption(L, 1, NULL, forms);
  bind_call *c = bind_call_new(L);
  if (shunt_settings(form, &c->text, &c->err)) return bind_fail(L, c);
  lua_pushstring(L, c->text);
  bind_leave(L, c);
  return 1;
}

/* ---- pools ---- */

/* Stays in the call's arena until the library has returned: Lua may be called only then. */
typedef struct stats_entry {
  union {
    shunt_pool_stats pool;
    shunt_limit_stats limit;
  } of;
  struct stats_entry *next;
} stats_entry;

typedef struct stats_list {
  arena *a;
  stats_entry *first, **last;
  bool no_memory;
} stats_list;

static stats_entry *add_stats(stats_list *l) {
  stats_entry *e = arena_new(l->a, stats_entry);
  if (!e) {
    l->no_memory = true;
    return NULL;
  }
  *l->last = e;
  l->last = &e->next;
  return e;
}

static void push_stats(lua_State *L, const stats_list *l, void (*push)(lua_State *L, const stats_entry *e)) {
  if (l->no_memory) bind_memory(L);
  lua_newtable(L);
  lua_Integer n = 0;
  for (const stats_entry *e = l->first; e; e = e->next) {
    push(L, e);
    lua_rawseti(L, -2, ++n);
  }
}

static void note_pool(void *ud, const shunt_pool_stats *stats) {
  stats_entry *e = add_stats(ud);
  if (e) e->of.pool = *stats;
}

static void push_pool(lua_State *L, const stats_entry *e) {
  const shunt_pool_stats *s = &e->of.pool;
  const struct {
    const char *name;
    int64_t value;
  } numbers[] = {{"level", s->level},
                 {"open", s->open},
                 {"busy", s->busy},
                 {"waiting", s->waiting},
                 {"max", s->max},
                 {"acquired", s->acquired},
                 {"opened", s->opened},
                 {"closed", s->closed},
                 {"failed", s->failed},
                 {"timeouts", s->timeouts},
                 {"waited_ms", s->waited_ns / NS_PER_MS},
                 {"retry_ms", s->retry_ms}};
  const int count = sizeof numbers / sizeof *numbers;
  lua_createtable(L, 0, count + 2);
  for (int i = 0; i < count; i++) {
    lua_pushinteger(L, numbers[i].value);
    lua_setfield(L, -2, numbers[i].name);
  }
  lua_pushstring(L, s->client);
  lua_setfield(L, -2, "client");
  lua_pushboolean(L, s->circuit_open);
  lua_setfield(L, -2, "circuit_open");
}

static int app_pools(lua_State *L) {
  bind_app *app = bind_check_app(L);
  bind_call *c = bind_call_new(L);
  stats_list l = {.a = &c->arena, .last = &l.first};
  shunt_pools(app->app, note_pool, &l);
  push_stats(L, &l, push_pool);
  bind_leave(L, c);
  return 1;
}

static void note_limit(void *ud, const shunt_limit_stats *stats) {
  stats_entry *e = add_stats(ud);
  if (e) e->of.limit = *stats;
}

static void push_limit(lua_State *L, const stats_entry *e) {
  const shunt_limit_stats *s = &e->of.limit;
  lua_createtable(L, 0, 4);
  lua_pushstring(L, s->server);
  lua_setfield(L, -2, "server");
  lua_pushinteger(L, s->max);
  lua_setfield(L, -2, "max");
  lua_pushinteger(L, s->open);
  lua_setfield(L, -2, "open");
  lua_pushinteger(L, s->taken);
  lua_setfield(L, -2, "taken");
}

static int app_limits(lua_State *L) {
  bind_app *app = bind_check_app(L);
  bind_call *c = bind_call_new(L);
  stats_list l = {.a = &c->arena, .last = &l.first};
  shunt_limits(app->app, note_limit, &l);
  push_stats(L, &l, push_limit);
  bind_leave(L, c);
  return 1;
}

/* ---- transactions of several datasources ---- */

static const char *const transactions_keys[] = {"resolve", "id", NULL};

static int app_transactions(lua_State *L) {
  lua_settop(L, 2);
  bind_app *app = bind_check_app(L);
  bind_call *c = bind_call_new(L);
  const node *options = bind_options(L, c, 2, "app:transactions", transactions_keys);
  const char *id = bind_option_text(L, c, options, "id");
  const bool resolve = bind_option_bool(L, c, options, "resolve");
  if (id && !resolve) return bind_usage(L, "app:transactions takes an id only with resolve = true");
  shunt_status status = resolve ? shunt_transactions_resolve(app->app, id, &c->rows, &c->err)
                                : shunt_transactions_list(app->app, &c->rows, &c->err);
  if (status) return bind_fail(L, c);
  bind_push_rows(L, c->rows);
  bind_push_meta(L, c->rows);
  bind_leave(L, c);
  return 2;
}

/* ---- closing ---- */

static void end(lua_State *L, bind_app *app) {
  bind_workers_end(app);
  while (app->sessions) bind_session_end_newest(L, app);
  if (!app->borrowed) shunt_close(app->app);
  app->app = NULL;
}

static int app_close(lua_State *L) {
  bind_app *app = bind_check(L, 1, BIND_APP, "an app");
  for (const bind_session *s = app->sessions; s; s = s->next)
    if (!bind_session_usable(s)) return bind_usage(L, "a session is in a call: no observer or hook can close the app");
  end(L, app);
  bind_events_deliver(L, app, 1);
  bind_events_end(app);
  return 0;
}

static int app_gc(lua_State *L) {
  bind_app *app = luaL_checkudata(L, 1, BIND_APP);
  end(L, app);
  bind_events_end(app);
  return 0;
}

static int app_tostring(lua_State *L) {
  const bind_app *app = luaL_checkudata(L, 1, BIND_APP);
  lua_pushstring(L, app->app ? "shunt app" : "shunt app (closed)");
  return 1;
}

void bind_app_register(lua_State *L) {
  static const bind_taking takes[] = {{"shunt.open", open_keys}, {"app:transactions", transactions_keys}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", app_gc}, {"__close", app_close}, {"__tostring", app_tostring}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"reload", app_reload},
                                     {"generation", app_generation},
                                     {"watched", app_watched},
                                     {"describe", app_describe},
                                     {"config", app_config},
                                     {"pools", app_pools},
                                     {"limits", app_limits},
                                     {"close", app_close},
                                     {"transactions", app_transactions},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"open", app_open}, {"settings", settings}, {NULL, NULL}};
  bind_class(L, BIND_APP, metamethods, methods, "app_methods");
  luaL_setfuncs(L, functions, 0);
  bind_takes(L, takes);
}
