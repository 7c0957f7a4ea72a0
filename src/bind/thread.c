#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bind/worker.h"

#define BIND_JOB "shunt.job"

enum { AT_APP = 1, AT_RUN, AT_TICK }; /* fixed positions on the stack of a thread's state */
enum { IDLE_MS = 60000, RETRY_MS = 1000, HOOK_INSTRUCTIONS = 1000 }; /* how often the hook checks the time */

/* A running job. */
typedef struct run {
  thread *t;
  shunt_job *job;
  bind_session *session; /* NULL before the job has one; the registry anchors it until the next job */
  shunt_error err;
} run;

/* The job in Lua, for lua/shunt/worker.lua alone. The session is its user value. */
typedef struct bind_job {
  run *run;
} bind_job;

enum { JOB_SESSION = 1 };

/* ---- how long a job may run ---- */

/* Coroutines inherit the hook and the pointer to the thread. Once the time is over, the hook runs at every instruction:
 * a pcall in the handler then can't swallow the error. */
static void look_at_time(lua_State *L, lua_Debug *at) {
  (void)at;
  const thread *t = *(thread **)lua_getextraspace(L);
  if (!bind_limit_is_over(&t->limit)) return;
  lua_sethook(L, look_at_time, LUA_MASKCOUNT, 1);
  bind_limit_raise(L, &t->limit);
}

/* ---- one job, in Lua ---- */

static run *check_job(lua_State *L) {
  const bind_job *j = luaL_checkudata(L, 1, BIND_JOB);
  lua_settop(L, 2);
  lua_getiuservalue(L, 1, JOB_SESSION);
  return j->run;
}

/* job_start(job): the time limit counts from here until job_complete. Called inside the job's transaction if it has
 * one. */
static int job_start(lua_State *L) {
  run *r = check_job(L);
  bind_limit *limit = &r->t->limit;
  bind_call *c = bind_enter(L, 3);
  bind_busy(L, c);
  bind_done(L, c, shunt_job_hold(r->job, &c->err));
  bind_leave(L, c);
  int64_t now_ns = clock_monotonic_ns(), ms = limit->timeout_ms;
  limit->deadline_ns = ms && ms < (INT64_MAX - now_ns) / NS_PER_MS ? now_ns + ms * NS_PER_MS : 0;
  return 0;
}

/* job_complete(job, result): runs in the session, so that an open transaction includes it. The commit that follows must
 * not be broken off: the limit ends here. */
static int job_complete(lua_State *L) {
  run *r = check_job(L);
  bind_call *c = bind_enter(L, 3);
  const char *result = bind_text(L, 2, "the result");
  r->t->limit.deadline_ns = 0;
  bind_busy(L, c);
  bind_done(L, c, shunt_job_complete(r->job, result, &c->err));
  bind_leave(L, c);
  return 0;
}

static void push_info(lua_State *L, const shunt_job_info *info) {
  lua_createtable(L, 0, 6);
  lua_pushinteger(L, info->id);
  lua_setfield(L, -2, "id");
  lua_pushstring(L, info->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, info->queue);
  lua_setfield(L, -2, "queue");
  lua_pushstring(L, info->instance);
  lua_setfield(L, -2, "instance");
  lua_pushinteger(L, info->attempt);
  lua_setfield(L, -2, "attempt");
  lua_pushstring(L, info->data);
  lua_setfield(L, -2, "data");
}

/* (run): calls the Lua half with the job, its session and its description. */
static int start_job(lua_State *L) {
  run *r = lua_touserdata(L, 1);
  const shunt_job_info *info = shunt_job_of(r->job);
  lua_pushvalue(L, lua_upvalueindex(AT_RUN));
  bind_job *j = lua_newuserdatauv(L, sizeof *j, 1);
  j->run = r;
  luaL_setmetatable(L, BIND_JOB);
  lua_pushvalue(L, lua_upvalueindex(AT_APP));
  bind_session *s = bind_session_borrow(L, lua_gettop(L), shunt_job_session(r->job), &r->t->limit);
  lua_remove(L, -2);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, JOB_SESSION);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, r->t);
  r->session = s;
  push_info(L, info);
  if (info->timeout_ms) lua_sethook(L, look_at_time, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
  lua_call(L, 3, 0);
  return 0;
}

/* (run): ends its session, and rolls back open transactions. */
static int end_job(lua_State *L) {
  const run *r = lua_touserdata(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, r->t);
  bind_session_end(L, r->session, 2);
  return 0;
}

/* The message handler. */
static int describe(lua_State *L) {
  lua_sethook(L, NULL, 0, 0);
  return bind_place_error(L);
}

/* (value, error): fills the error from the value. */
static int take(lua_State *L) {
  bind_to_error(L, 1, lua_touserdata(L, 2));
  return 0;
}

/* Pops the error value, and fills err from it. */
static void take_error(lua_State *L, shunt_error *err) {
  lua_pushcfunction(L, take);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, err);
  int failed = lua_pcall(L, 2, 0, 0);
  if (!failed) return;
  lua_pop(L, 1);
  if (failed == LUA_ERRMEM)
    error_memory(err);
  else
    error_text(err, SHUNT_E_RULE, "an error was raised, and its __tostring failed");
}

/* ---- a thread that takes jobs ---- */

/* Pushes fn with the app and the two Lua functions as upvalues. */
static void push_bound(lua_State *L, lua_CFunction fn) {
  for (int i = AT_APP; i <= AT_TICK; i++) lua_pushvalue(L, i);
  lua_pushcclosure(L, fn, AT_TICK);
}

static bool run_handler(thread *t, run *r) {
  lua_State *L = t->L;
  if (!lua_checkstack(L, 16)) {
    error_memory(&r->err);
    return false;
  }
  int top = lua_gettop(L);
  lua_pushcfunction(L, describe);
  push_bound(L, start_job);
  lua_pushlightuserdata(L, r);
  bool ok = lua_pcall(L, 1, 0, top + 1) == LUA_OK;
  lua_sethook(L, NULL, 0, 0);
  if (!ok) take_error(L, &r->err);
  lua_settop(L, top);
  if (!r->session) return ok;
  lua_pushcfunction(L, end_job);
  lua_pushlightuserdata(L, r);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return ok;
  lua_pop(L, 1); /* out of memory: end it without its hooks */
  bind_session_end(L, r->session, 0);
  return ok;
}

/* For a job that returned without an error. If its transaction is still open, the job has failed: otherwise it would
 * run again at once, forever. */
static bool is_done(run *r) {
  if (shunt_job_ended(r->job)) return true;
  error_set(&r->err, SHUNT_E_TRANSACTION,
            "the handler of '%.64s' returned with an open transaction (in a coroutine, perhaps): it was rolled back",
            shunt_job_of(r->job)->name);
  return false;
}

static void run_job(thread *t, shunt_job *job) {
  run r = {.t = t, .job = job};
  const shunt_job_info *info = shunt_job_of(job);
  t->limit.timeout_ms = info->timeout_ms;
  t->limit.deadline_ns = 0;
  snprintf(t->limit.job, sizeof t->limit.job, "%s", info->name);
  threads_job_begins(t->threads);
  const bool completed = run_handler(t, &r) && is_done(&r);
  if (!completed && shunt_job_ended(job)) { /* only hooks of its transaction failed: the job is done */
    threads_note(t->threads, &r.err);
  } else if (!completed && !atomic_load(&t->limit.given_up)) {
    shunt_error err;
    if (shunt_job_failed(job, &r.err, &err)) threads_note(t->threads, &err);
  }
  shunt_job_free(job);
  threads_job_ends(t->threads);
}

static bool others_run(threads *w) {
  pthread_mutex_lock(&w->lock);
  bool some = w->running > 0;
  pthread_mutex_unlock(&w->lock);
  return some;
}

void thread_take_jobs(thread *t) {
  threads *w = t->threads;
  while (!threads_stopping(w)) {
    shunt_job *job = NULL;
    shunt_error err;
    if (shunt_worker_next(w->worker, w->drain ? 0 : IDLE_MS, &job, &err)) {
      threads_note(w, &err);
      if (w->drain) return;
      threads_pause(w, RETRY_MS);
    } else if (job) {
      run_job(t, job);
    } else if (w->drain) {
      if (!others_run(w)) return;
      threads_pause(w, 20); /* running jobs may push others */
    }
  }
}

/* ---- the thread that keeps schedules ---- */

/* (ms): pushes the scheduled jobs that are due; *ms is the time to the next minute. */
static int tick(lua_State *L) {
  int64_t *ms = lua_touserdata(L, 1);
  lua_pushvalue(L, lua_upvalueindex(AT_TICK));
  lua_call(L, 0, 1);
  *ms = (int64_t)lua_tointeger(L, -1);
  return 0;
}

void thread_keep_schedules(thread *t) {
  lua_State *L = t->L;
  while (!threads_stopping(t->threads)) {
    int64_t ms = RETRY_MS;
    push_bound(L, tick);
    lua_pushlightuserdata(L, &ms);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
      shunt_error err;
      take_error(L, &err);
      threads_note(t->threads, &err);
    }
    threads_pause(t->threads, ms);
  }
}

/* ---- its state ---- */

typedef struct opening {
  shunt_app *app;
  lua_CFunction open; /* luaopen_shunt_core */
  const char *path, *cpath;
} opening;

/* The host's app, in this state: the host closes it. */
static void push_app(lua_State *L, shunt_app *app) {
  bind_app *borrowed = lua_newuserdatauv(L, sizeof *borrowed, BIND_APP_NVALUES);
  memset(borrowed, 0, sizeof *borrowed);
  luaL_setmetatable(L, BIND_APP);
  borrowed->app = app;
  borrowed->borrowed = true;
}

/* (opening) -> the app and the two functions of the Lua half */
static int open_state(lua_State *L) {
  const opening *o = lua_touserdata(L, 1);
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_pushstring(L, o->path);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, o->cpath);
  lua_setfield(L, -2, "cpath");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, o->open);
  lua_setfield(L, -2, "shunt.core");
  lua_getglobal(L, "require");
  lua_pushliteral(L, "shunt.worker");
  lua_call(L, 1, 1);
  push_app(L, o->app);
  lua_pushvalue(L, -1);
  lua_insert(L, -3);
  lua_call(L, 1, 2);
  return 3;
}

shunt_status thread_open(thread *t, const char *path, const char *cpath, shunt_error *err) {
  lua_State *L = t->L = luaL_newstate(); /* jobs are the host's own code: they get all libraries */
  if (!L) return error_memory(err);
  *(thread **)lua_getextraspace(L) = t;
  lua_pushcfunction(L, open_state);
  lua_pushlightuserdata(L, &(opening){t->threads->app, t->threads->open, path, cpath});
  if (lua_pcall(L, 1, 3, 0) == LUA_OK) return SHUNT_OK;
  take_error(L, err);
  lua_close(L);
  t->L = NULL;
  return err->status;
}

void bind_job_register(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg functions[] = {{"job_start", job_start}, {"job_complete", job_complete}, {NULL, NULL}};
  bind_class(L, BIND_JOB, none, NULL, NULL);
  luaL_setfuncs(L, functions, 0);
}
