#define _POSIX_C_SOURCE 200809L
#include "bind/worker.h"

#include <string.h>

#include "base/thread.h"

#define BIND_WORKER "shunt.worker"

enum { WORKER_APP = 1, CONCURRENCY = 4, MOST_THREADS = 256 };

struct bind_worker {
  threads *threads; /* NULL once closed */
  bind_app *app;
  bind_worker *next, *before; /* in app->workers */
};

static void *thread_main(void *ud) {
  thread *t = ud;
  threads *w = t->threads;
  if (t->schedules)
    thread_keep_schedules(t);
  else
    thread_take_jobs(t);
  lua_close(t->L);
  t->L = NULL;
  pthread_mutex_lock(&w->lock);
  w->nlive--;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

static shunt_status start(threads *w, shunt_error *err) {
  int failed = 0;
  pthread_mutex_lock(&w->lock);
  for (int i = 0; i < w->nlist && !failed; i++) {
    failed = thread_start(&w->list[i].thread, 0, thread_main, &w->list[i]);
    if (!failed) w->started = w->nlive = i + 1;
  }
  pthread_mutex_unlock(&w->lock);
  return failed ? error_set(err, SHUNT_E_MEMORY, "app:worker: can't start another thread: %s", strerror(failed))
                : SHUNT_OK;
}

/* ---- its life ---- */

static void end(bind_worker *b) {
  threads *w = b->threads;
  if (!w) return;
  b->threads = NULL;
  if (b->next) b->next->before = b->before;
  if (b->before)
    b->before->next = b->next;
  else
    b->app->workers = b->next;
  threads_free(w);
}

void bind_workers_end(bind_app *app) {
  while (app->workers) end(app->workers);
}

/* ---- opening ---- */

typedef struct worker_options {
  shunt_worker_options with;
  int concurrency;
  bool drain;
} worker_options;

static const char *const worker_keys[] = {"queues", "concurrency", "lease", "drain", NULL};

static void read_options(lua_State *L, bind_call *c, worker_options *o) {
  const node *options = bind_options(L, c, 2, "app:worker", worker_keys);
  int64_t n = CONCURRENCY;
  if (options_names(&c->arena, node_get(options, "queues"), "queues", &o->with.queues, &o->with.nqueues, &c->err) ||
      options_duration(node_get(options, "lease"), "lease", &o->with.lease_ms, &c->err))
    bind_fail(L, c);
  if (bind_option_integer(L, c, options, "concurrency", &n) && (n < 1 || n > MOST_THREADS)) {
    error_set(&c->err, SHUNT_E_USAGE, "concurrency must be from 1 to %d", MOST_THREADS);
    bind_fail(L, c);
  }
  o->concurrency = (int)n;
  o->drain = bind_option_bool(L, c, options, "drain");
  node *names = NULL;
  if (lua_node_from(L, 3, &c->arena, &names, &c->err) ||
      options_names(&c->arena, names, "jobs", &o->with.jobs, &o->with.njobs, &c->err))
    bind_fail(L, c);
}

static shunt_status open_threads(threads *w, const worker_options *o, const char *path, const char *cpath,
                                 shunt_error *err) {
  for (int i = 0; i < w->nlist; i++) {
    w->list[i].threads = w;
    w->list[i].schedules = i == o->concurrency;
    shunt_status status = thread_open(&w->list[i], path, cpath, err);
    if (status) return status;
  }
  shunt_status status = shunt_worker_open(w->app, &o->with, &w->worker, err);
  if (status) w->worker = NULL;
  return status ? status : start(w, err);
}

/* worker_open(app, options, names of jobs, whether some are scheduled, package.path, package.cpath) */
static int worker_open(lua_State *L) {
  lua_settop(L, 6);
  bind_app *app = bind_check_app(L);
  bind_worker *b = lua_newuserdatauv(L, sizeof *b, 1);
  memset(b, 0, sizeof *b);
  luaL_setmetatable(L, BIND_WORKER);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, WORKER_APP);
  bind_call *c = bind_call_new(L);
  worker_options o = {0};
  read_options(L, c, &o);
  const char *path = luaL_checkstring(L, 5), *cpath = luaL_checkstring(L, 6);
  threads *w = threads_new(app->app, o.drain, o.concurrency + (lua_toboolean(L, 4) && !o.drain));
  if (!w) return bind_memory(L);
  lua_getfield(L, LUA_REGISTRYINDEX, BIND_OPEN);
  w->open = lua_tocfunction(L, -1);
  if (open_threads(w, &o, path, cpath, &c->err)) {
    threads_free(w);
    return bind_fail(L, c);
  }
  b->threads = w;
  b->app = app;
  b->next = app->workers;
  if (b->next) b->next->before = b;
  app->workers = b;
  bind_leave(L, c);
  lua_settop(L, 7);
  return 1;
}

/* ---- methods ---- */

static threads *check_threads(lua_State *L, bind_worker **b) {
  *b = bind_check(L, 1, BIND_WORKER, "a worker");
  lua_getiuservalue(L, 1, WORKER_APP);
  bind_events_deliver(L, (*b)->app, -1);
  lua_pop(L, 1);
  if (!(*b)->threads) bind_usage(L, "the worker is closed");
  return (*b)->threads;
}

/* worker:stop(duration): whether all running jobs have ended. */
static int worker_stop(lua_State *L) {
  bind_worker *b;
  lua_settop(L, 2);
  threads *w = check_threads(L, &b);
  bool bounded = !lua_isnil(L, 2);
  int64_t ms = 0;
  bind_call *c = bind_call_new(L);
  node *given = NULL;
  if (bounded &&
      (lua_node_from(L, 2, &c->arena, &given, &c->err) || options_duration(given, "worker:stop", &ms, &c->err)))
    return bind_fail(L, c);
  bind_leave(L, c);
  lua_pushboolean(L, threads_stop(w, bounded, ms));
  return 1;
}

static void set_integer(lua_State *L, const char *name, int64_t n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
}

static int worker_status(lua_State *L) {
  bind_worker *b;
  shunt_worker_counts counts;
  threads *w = check_threads(L, &b);
  pthread_mutex_lock(&w->lock);
  const int live = w->nlive, running = w->running;
  const shunt_error problem = w->problem;
  pthread_mutex_unlock(&w->lock);
  shunt_worker_count(w->worker, &counts);
  lua_createtable(L, 0, 6);
  set_integer(L, "threads", live);
  set_integer(L, "running", running);
  set_integer(L, "completed", counts.completed);
  set_integer(L, "failed", counts.failed);
  set_integer(L, "released", counts.released);
  if (problem.status) {
    bind_push_problem(L, &problem);
    lua_setfield(L, -2, "problem");
  }
  return 1;
}

static int worker_close(lua_State *L) {
  end(bind_check(L, 1, BIND_WORKER, "a worker"));
  return 0;
}

static int worker_gc(lua_State *L) {
  end(luaL_checkudata(L, 1, BIND_WORKER));
  return 0;
}

static int worker_tostring(lua_State *L) {
  const bind_worker *b = luaL_checkudata(L, 1, BIND_WORKER);
  lua_pushstring(L, b->threads ? "shunt worker" : "shunt worker (closed)");
  return 1;
}

void bind_worker_register(lua_State *L) {
  static const bind_taking takes[] = {{"app:worker", worker_keys}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", worker_gc}, {"__close", worker_close}, {"__tostring", worker_tostring}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"stop", worker_stop}, {"status", worker_status}, {"close", worker_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"worker_open", worker_open}, {NULL, NULL}};
  bind_class(L, BIND_WORKER, metamethods, methods, "worker_methods");
  luaL_setfuncs(L, functions, 0);
  bind_takes(L, takes);
}
