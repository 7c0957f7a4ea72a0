/* For: specs that wait: threads with a Lua state of their own, and a watchdog that, after some seconds, prints who
 * waits for whom and aborts. As a module "tests.support.watchdog". Owner: a thread and its state belong to its
 * userdata, which joins it at the latest when it is collected. Use: local dog <close> = watchdog.start(60); local t
 * <close> = watchdog.thread("return 1 + ...", 2); local ok, result = t:join() */
#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREAD "tests thread"
#define DOG "tests watchdog"

static const char tell[] = "io.stderr:write(('not done within %g s; who waits:\\n'):format(...))\n"
                           "for _, w in ipairs(require 'shunt.core'.waits()) do\n"
                           "  io.stderr:write(('  %s waits for %s, held by %s, for %d ms\\n'):format(w.waiter,\n"
                           "    w.job or (\"client '%s' (level %d)\"):format(w.client, w.level), "
                           "table.concat(w.holders, ', '), w.waited_ms))\n"
                           "end\n";

/* ---- states ---- */

typedef struct modules {
  const char *path, *cpath;
  lua_CFunction core; /* where the program has it inside; NULL: it is found in cpath */
} modules;

static int prepare(lua_State *to) {
  const modules *from = lua_touserdata(to, 1);
  luaL_openlibs(to);
  lua_getglobal(to, "package");
  lua_pushstring(to, from->path);
  lua_setfield(to, -2, "path");
  lua_pushstring(to, from->cpath);
  lua_setfield(to, -2, "cpath");
  lua_getfield(to, -1, "preload");
  if (from->core) {
    lua_pushcfunction(to, from->core);
    lua_setfield(to, -2, "shunt.core");
  }
  lua_settop(to, 0);
  return 0;
}

/* One that finds the modules that L finds, shunt's core being the same one; raises an error in L. */
static lua_State *new_state(lua_State *L) {
  int top = lua_gettop(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_getfield(L, -1, "shunt.core");
  lua_getfield(L, top + 1, "path");
  lua_getfield(L, top + 1, "cpath");
  modules from = {lua_tostring(L, -2), lua_tostring(L, -1), lua_tocfunction(L, -3)};
  lua_State *to = luaL_newstate();
  if (!to) luaL_error(L, "out of memory");
  lua_pushcfunction(to, prepare);
  lua_pushlightuserdata(to, &from);
  if (lua_pcall(to, 1, 0, 0) != LUA_OK) {
    lua_close(to);
    luaL_error(L, "no state could be made");
  }
  lua_settop(L, top);
  return to;
}

static void copy(lua_State *from, int index, lua_State *to) {
  switch (lua_type(from, index)) {
  case LUA_TBOOLEAN:
    lua_pushboolean(to, lua_toboolean(from, index));
    break;
  case LUA_TNUMBER:
    if (lua_isinteger(from, index))
      lua_pushinteger(to, lua_tointeger(from, index));
    else
      lua_pushnumber(to, lua_tonumber(from, index));
    break;
  case LUA_TNIL:
    lua_pushnil(to);
    break;
  default:
    lua_pushstring(to, luaL_tolstring(from, index, NULL));
    lua_pop(from, 1);
  }
}

/* ---- threads ---- */

typedef struct thread {
  lua_State *state; /* NULL once it is joined */
  pthread_t thread;
  int nargs, status;
} thread;

static void *run(void *ud) {
  thread *t = ud;
  t->status = lua_pcall(t->state, t->nargs, 1, 0);
  return NULL;
}

/* thread(code, …): runs the chunk with these texts, numbers and booleans. */
static int thread_start(lua_State *L) {
  const char *code = luaL_checkstring(L, 1);
  int nargs = lua_gettop(L) - 1;
  thread *t = lua_newuserdatauv(L, sizeof *t, 0);
  *t = (thread){.nargs = nargs};
  luaL_setmetatable(L, THREAD);
  lua_State *state = new_state(L);
  bool ok = luaL_loadstring(state, code) == LUA_OK;
  if (!ok) copy(state, -1, L);
  for (int i = 0; i < nargs; i++) copy(L, i + 2, state);
  t->state = state;
  if (ok && pthread_create(&t->thread, NULL, run, t) == 0) return 1;
  t->state = NULL;
  lua_close(state);
  return ok ? luaL_error(L, "no thread could be started") : lua_error(L);
}

/* join(): true and what the chunk returned, or false and the error as text. */
static int thread_join(lua_State *L) {
  thread *t = luaL_checkudata(L, 1, THREAD);
  if (!t->state) return luaL_error(L, "the thread was joined");
  pthread_join(t->thread, NULL);
  lua_pushboolean(L, t->status == LUA_OK);
  copy(t->state, -1, L);
  lua_close(t->state);
  t->state = NULL;
  return 2;
}

static int thread_end(lua_State *L) {
  thread *t = luaL_checkudata(L, 1, THREAD);
  if (!t->state) return 0;
  lua_settop(L, 1);
  thread_join(L);
  return 0;
}

/* ---- the watchdog ---- */

typedef struct dog {
  lua_State *state; /* ready to tell; NULL once it is stopped */
  lua_Number seconds;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool over;
} dog;

static void *watch(void *ud) {
  dog *d = ud;
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += (time_t)d->seconds;
  int rc = 0;
  pthread_mutex_lock(&d->lock);
  while (!d->over && rc == 0) rc = pthread_cond_timedwait(&d->wake, &d->lock, &until);
  bool over = d->over;
  pthread_mutex_unlock(&d->lock);
  if (over) return NULL;
  alarm(5); /* the graph may be what hangs */
  if (lua_pcall(d->state, 1, 0, 0) != LUA_OK) fprintf(stderr, "%s\n", luaL_tolstring(d->state, -1, NULL));
  abort();
}

static int dog_start(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  dog *d = lua_newuserdatauv(L, sizeof *d, 0);
  *d = (dog){.seconds = seconds};
  luaL_setmetatable(L, DOG);
  lua_State *state = new_state(L);
  if (luaL_loadstring(state, tell) != LUA_OK) abort();
  lua_pushnumber(state, seconds);
  pthread_mutex_init(&d->lock, NULL);
  pthread_cond_init(&d->wake, NULL);
  d->state = state;
  if (pthread_create(&d->thread, NULL, watch, d) == 0) return 1;
  d->state = NULL;
  lua_close(state);
  return luaL_error(L, "no thread could be started");
}

static int dog_stop(lua_State *L) {
  dog *d = luaL_checkudata(L, 1, DOG);
  if (!d->state) return 0;
  pthread_mutex_lock(&d->lock);
  d->over = true;
  pthread_cond_signal(&d->wake);
  pthread_mutex_unlock(&d->lock);
  pthread_join(d->thread, NULL);
  pthread_cond_destroy(&d->wake);
  pthread_mutex_destroy(&d->lock);
  lua_close(d->state);
  d->state = NULL;
  return 0;
}

/* ---- the module ---- */

static void make_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

__attribute__((visibility("default"))) int luaopen_tests_support_watchdog(lua_State *L);

int luaopen_tests_support_watchdog(lua_State *L) {
  static const luaL_Reg thread_methods[] = {
      {"join", thread_join}, {"__gc", thread_end}, {"__close", thread_end}, {NULL, NULL}};
  static const luaL_Reg dog_methods[] = {{"stop", dog_stop}, {"__gc", dog_stop}, {"__close", dog_stop}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"start", dog_start}, {"thread", thread_start}, {NULL, NULL}};
  make_class(L, THREAD, thread_methods);
  make_class(L, DOG, dog_methods);
  luaL_newlib(L, functions);
  return 1;
}
