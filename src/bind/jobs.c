#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "bind/bind.h"
#include "catalog/catalog.h"

/* ---- declarations ---- */

typedef struct file_name {
  const char *text;
  struct file_name *next;
} file_name;

/* The list is in the arena: Lua could raise while the folder is open. */
static file_name *names_in(DIR *folder, arena *a, bool *no_memory) {
  file_name *list = NULL;
  for (const struct dirent *entry; (entry = readdir(folder));) {
    size_t size = strlen(entry->d_name);
    if (entry->d_name[0] == '.' || size < 5 || strcmp(entry->d_name + size - 4, ".lua") != 0) continue;
    file_name *name = arena_new(a, file_name);
    if (!name || !(name->text = arena_strdup(a, entry->d_name))) {
      *no_memory = true;
      break;
    }
    name->next = list;
    list = name;
  }
  return list;
}

/* lua_files(folder): the names of its Lua files, unordered. If it can't be read as a folder: nil, and whether the path
 * exists. */
static int lua_files(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  bind_call *c = bind_call_new(L);
  bool no_memory = false;
  DIR *folder = opendir(path);
  int why = errno;
  const file_name *list = folder ? names_in(folder, &c->arena, &no_memory) : NULL;
  if (folder) closedir(folder);
  if (no_memory) return bind_memory(L);
  if (!folder) {
    lua_pushnil(L);
    lua_pushboolean(L, why != ENOENT);
    return 2;
  }
  lua_newtable(L);
  lua_Integer n = 0;
  for (; list; list = list->next) {
    lua_pushstring(L, list->text);
    lua_rawseti(L, -2, ++n);
  }
  bind_leave(L, c);
  return 1;
}

/* duration("5s"): in ms; nil if the text is not a duration. */
static int duration(lua_State *L) {
  int64_t ms;
  if (cat_parse_duration_ms(luaL_checkstring(L, 1), &ms))
    lua_pushinteger(L, ms);
  else
    lua_pushnil(L);
  return 1;
}

/* app(session): the session's app. */
static int app_of(lua_State *L) {
  bind_check(L, 1, BIND_SESSION, "a session");
  lua_getiuservalue(L, 1, SESSION_APP);
  return 1;
}

/* ---- pushing ---- */

static int64_t declared_number(lua_State *L, int index, const char *key, int64_t otherwise) {
  int64_t n = lua_getfield(L, index, key) == LUA_TNIL ? otherwise : lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

/* The options of the declaration, which lua/shunt/jobs.lua has checked, overridden by those of the call. */
static shunt_push_options push_options(lua_State *L, bind_call *c, int declared, const node *options) {
  const int64_t retry = declared_number(L, declared, "retry", -1); /* negative: it was not given */
  shunt_push_options o = {.priority = (int)declared_number(L, declared, "priority", 0),
                          .retry = retry < 0 ? 0
                                   : retry   ? (int)retry
                                             : SHUNT_NO_RETRY,
                          .backoff_ms = declared_number(L, declared, "backoff_ms", 0),
                          .timeout_ms = declared_number(L, declared, "timeout_ms", 0),
                          .concurrency = (int)declared_number(L, declared, "concurrency", 0)};
  lua_getfield(L, declared, "queue"); /* the declaration keeps it */
  o.queue = lua_tostring(L, -1);
  lua_pop(L, 1);
  if (options_push(options, &o, &c->err)) bind_fail(L, c);
  return o;
}

static const char *name_of(lua_State *L, int declared) {
  lua_getfield(L, declared, "name");
  const char *name = bind_text(L, -1, "a job's name");
  lua_pop(L, 1);
  return name;
}

/* push(session, declaration, data, options): the job's number, or nil if it is sent after the commit; and whether a job
 * with the unique key was there already. */
static int push(lua_State *L) {
  lua_settop(L, 4);
  bind_call *c = bind_enter(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  const char *name = name_of(L, 2), *data = bind_text(L, 3, "the data");
  shunt_push_options o = push_options(L, c, 2, bind_options(L, c, 4, "session:push", options_push_keys));
  int64_t id = 0;
  bool existed;
  o.existed = &existed;
  bind_busy(L, c);
  bind_done(L, c, shunt_push(c->session->session, name, data, &o, &id, &c->err));
  if (id)
    lua_pushinteger(L, id);
  else
    lua_pushnil(L);
  lua_pushboolean(L, existed);
  bind_leave(L, c);
  return 2;
}

static const char *const push_async_keys[] = {"delay",    "priority", "unique", "unique_scope", "queue", "retry",
                                              "instance", "timeout",  NULL};

static int push_result(lua_State *L) {
  const bind_call *c = lua_touserdata(L, 1);
  bind_push_json(L, c->text ? c->text : "null", true);
  return 1;
}

/* push_wait(session, declaration, data, options): the result. */
static int push_wait(lua_State *L) {
  lua_settop(L, 4);
  bind_call *c = bind_enter(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  const char *name = name_of(L, 2), *data = bind_text(L, 3, "the data");
  const node *options = bind_options(L, c, 4, "session:push_async", push_async_keys);
  shunt_push_options o = push_options(L, c, 2, options);
  if (options_call_timeout(options, &o.wait_ms, &c->err)) return bind_fail(L, c);
  o.wait_ms = bind_within_limit(c->session, o.wait_ms);
  bind_busy(L, c);
  bind_done(L, c, shunt_push_wait(c->session->session, name, data, &o, &c->text, &c->err));
  return bind_give(L, c, push_result, SHUNT_DONE);
}

/* ---- looking after queues ---- */

static int jobs_list(lua_State *L) {
  lua_settop(L, 2);
  bind_call *c = bind_enter(L, 1);
  const node *options = bind_options(L, c, 2, "session:jobs", options_jobs_keys);
  shunt_jobs_filter f = {.id = 0};
  if (options_jobs(options, &f, &c->err)) return bind_fail(L, c);
  bind_busy(L, c);
  bind_done(L, c, shunt_jobs_list(c->session->session, &f, &c->rows, &c->err));
  bind_push_rows(L, c->rows);
  bind_push_meta(L, c->rows);
  bind_leave(L, c);
  return 2;
}

/* retry and purge: how many jobs it was. */
static int change(lua_State *L, const char *name, const char *const *keys,
                  shunt_status (*fn)(shunt_session *, const shunt_jobs_filter *, int64_t *, shunt_error *)) {
  lua_settop(L, 2);
  bind_call *c = bind_enter(L, 1);
  const node *options = bind_options(L, c, 2, name, keys);
  shunt_jobs_filter f = {.id = 0};
  if (options_jobs(options, &f, &c->err)) return bind_fail(L, c);
  int64_t n = 0;
  bind_busy(L, c);
  bind_done(L, c, fn(c->session->session, &f, &n, &c->err));
  bind_leave(L, c);
  lua_pushinteger(L, n);
  return 1;
}

static int jobs_retry(lua_State *L) {
  return change(L, "session:jobs_retry", options_jobs_retry_keys, shunt_jobs_retry);
}

static int jobs_purge(lua_State *L) {
  return change(L, "session:jobs_purge", options_jobs_purge_keys, shunt_jobs_purge);
}

/* schedule_due(session, job, instance, minute in ms): whether this caller has to push the job for that minute. */
static int schedule_due(lua_State *L) {
  lua_settop(L, 4);
  bind_call *c = bind_enter(L, 1);
  const char *name = bind_text(L, 2, "a job's name");
  const char *instance = bind_text(L, 3, "an instance's name");
  int64_t minute_ms = luaL_checkinteger(L, 4);
  bool mine = false;
  bind_busy(L, c);
  bind_done(L, c, shunt_schedule_due(c->session->session, name, instance, minute_ms, &mine, &c->err));
  bind_leave(L, c);
  lua_pushboolean(L, mine);
  return 1;
}

/* queue_time(session): the time of the queue, in ms since 1970. */
static int queue_time(lua_State *L) {
  lua_settop(L, 1);
  bind_call *c = bind_enter(L, 1);
  int64_t now_ms = 0;
  bind_busy(L, c);
  bind_done(L, c, shunt_queue_time(c->session->session, &now_ms, &c->err));
  bind_leave(L, c);
  lua_pushinteger(L, now_ms);
  return 1;
}

void bind_jobs_register(lua_State *L) {
  static const bind_taking takes[] = {{"session:push", options_push_keys},
                                      {"session:push_async", push_async_keys},
                                      {"session:jobs", options_jobs_keys},
                                      {"session:jobs_retry", options_jobs_retry_keys},
                                      {"session:jobs_purge", options_jobs_purge_keys},
                                      {NULL, NULL}};
  static const luaL_Reg functions[] = {{"lua_files", lua_files},
                                       {"duration", duration},
                                       {"app", app_of},
                                       {"push", push},
                                       {"push_wait", push_wait},
                                       {"jobs", jobs_list},
                                       {"jobs_retry", jobs_retry},
                                       {"jobs_purge", jobs_purge},
                                       {"queue_time", queue_time},
                                       {"schedule_due", schedule_due},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  bind_takes(L, takes);
}
