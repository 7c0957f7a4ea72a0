#include "bind/bind.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_FRAMES = 100 };

static const char memory_keys[SHUNT_UNKNOWN + 1];     /* their addresses are keys of errors that are made in advance */
static const char lua_memory[] = "not enough memory"; /* what Lua itself raises */
static const char home_key = 0; /* its address is the registry's key of the folder with shunt's own Lua files */

/* The innermost line of Lua outside shunt's own files. False if there is no such line. */
static bool find_caller(lua_State *L, lua_Debug *at) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &home_key);
  size_t size = 0;
  const char *home = lua_tolstring(L, -1, &size);
  bool found = false;
  for (int level = 0; level < MOST_FRAMES && !found && lua_getstack(L, level, at); level++)
    found = lua_getinfo(L, "Sl", at) && at->currentline > 0 && !(home && strncmp(at->source, home, size) == 0);
  lua_pop(L, 1);
  return found;
}

/* Pushes "app.lua:12", if there is such a line. */
static bool push_caller(lua_State *L) {
  lua_Debug at;
  if (!find_caller(L, &at)) return false;
  lua_pushfstring(L, "%s:%d", at.short_src, at.currentline);
  return true;
}

static void set_text(lua_State *L, const char *key, const char *text) {
  if (!text[0]) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, int number) {
  if (!number) return;
  lua_pushinteger(L, number);
  lua_setfield(L, -2, key);
}

void bind_push_problem(lua_State *L, const shunt_error *err) {
  luaL_checkstack(L, 6, "an error");
  lua_createtable(L, 0, 6);
  set_text(L, "code", shunt_status_name(err->status));
  lua_pushstring(L, err->message);
  lua_setfield(L, -2, "message");
  set_text(L, "outcome", shunt_outcome_name(err->outcome));
  set_text(L, "file", err->file);
  set_number(L, "line", err->line);
  set_number(L, "column", err->column);
  set_text(L, "client", err->client);
  set_text(L, "rule", err->rule);
  set_text(L, "sqlstate", err->sqlstate);
  set_number(L, "engine_code", err->engine_code);
  set_text(L, "traceback", err->traceback);
  luaL_setmetatable(L, BIND_ERROR);
}

/* (err, failures): the error. */
static int make_error(lua_State *L) {
  bind_push_problem(L, lua_touserdata(L, 1));
  if (push_caller(L)) lua_setfield(L, -2, "caller");
  if (lua_isnil(L, 2)) return 1;
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "failures");
  return 1;
}

void bind_push_memory(lua_State *L, shunt_outcome outcome) { lua_rawgetp(L, LUA_REGISTRYINDEX, &memory_keys[outcome]); }

void bind_push_failed(lua_State *L, const shunt_error *err) {
  lua_pushcfunction(L, make_error);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, (void *)err);
  lua_insert(L, -2);
  const int failed = lua_pcall(L, 2, 1, 0);
  if (failed && failed != LUA_ERRMEM) lua_error(L);
  if (!failed) return;
  lua_pop(L, 1);
  bind_push_memory(L, err->outcome);
}

void bind_push_error(lua_State *L, const shunt_error *err) {
  lua_pushnil(L);
  bind_push_failed(L, err);
}

static int raise(lua_State *L, const shunt_error *err) {
  bind_push_error(L, err);
  return lua_error(L);
}

int bind_usage(lua_State *L, const char *format, ...) {
  shunt_error err;
  error_set(&err, SHUNT_E_USAGE, "%s", "");
  va_list args;
  va_start(args, format);
  vsnprintf(err.message, sizeof err.message, format, args);
  va_end(args);
  return raise(L, &err);
}

int bind_memory(lua_State *L) {
  bind_push_memory(L, SHUNT_NOT_DONE);
  return lua_error(L);
}

static bool is_error(lua_State *L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  luaL_getmetatable(L, BIND_ERROR);
  bool is = lua_rawequal(L, -2, -1);
  lua_pop(L, 2);
  return is;
}

static int error_is(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, is_error(L, 1));
  return 1;
}

/* Adds before, the field and after; nothing if the field is missing. */
static void add_field(lua_State *L, luaL_Buffer *b, int index, const char *key, const char *before, const char *after) {
  lua_pushstring(L, key);
  int type = lua_rawget(L, index);
  if (type != LUA_TSTRING && type != LUA_TNUMBER) {
    lua_pop(L, 1);
    return;
  }
  const char *text = lua_tostring(L, -1);
  lua_pushfstring(L, "%s%s%s", before, text, after);
  lua_remove(L, -2);
  luaL_addvalue(b);
}

/* "file:line:column: message (client main, rule 'x', called at app.lua:3) [SHUNT_E_RULE]" */
static void push_line(lua_State *L, int index) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  add_field(L, &b, index, "file", "", ":");
  add_field(L, &b, index, "line", "", ":");
  add_field(L, &b, index, "column", "", ":");
  if (luaL_bufflen(&b)) luaL_addchar(&b, ' ');
  add_field(L, &b, index, "message", "", "");
  size_t before = luaL_bufflen(&b);
  add_field(L, &b, index, "client", " (client ", "");
  add_field(L, &b, index, "rule", luaL_bufflen(&b) > before ? ", rule '" : " (rule '", "'");
  add_field(L, &b, index, "caller", luaL_bufflen(&b) > before ? ", called at " : " (called at ", "");
  if (luaL_bufflen(&b) > before) luaL_addchar(&b, ')');
  add_field(L, &b, index, "code", " [", "]");
  luaL_pushresult(&b);
}

/* Appends to the line on top of the stack. */
static void add_cause(lua_State *L) {
  lua_pushliteral(L, "cause");
  if (lua_rawget(L, 1) == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  lua_pushliteral(L, "\nafter: ");
  luaL_tolstring(L, -2, NULL);
  lua_remove(L, -3);
  lua_concat(L, 3);
}

static int error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_pushliteral(L, "problems");
  lua_Integer n = lua_rawget(L, 1) == LUA_TTABLE ? (lua_Integer)lua_rawlen(L, 2) : 0;
  if (n < 2) {
    push_line(L, 1);
    add_cause(L);
    return 1;
  }
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (lua_Integer i = 1; i <= n; i++) {
    if (i > 1) luaL_addchar(&b, '\n');
    if (lua_rawgeti(L, 2, i) == LUA_TTABLE)
      push_line(L, lua_gettop(L));
    else
      lua_pushliteral(L, "?");
    lua_remove(L, -2);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  return 1;
}

/* home(source): files whose source, as in the debug library, begins with this text are not named as the caller. */
static int error_home(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &home_key);
  return 0;
}

/* usage(message): raises SHUNT_E_USAGE, for the Lua half of the module. */
static int error_usage(lua_State *L) { return bind_usage(L, "%s", luaL_checkstring(L, 1)); }

/* raise(t): raises a table of an error's fields as an error; its problems become errors, too. */
static int error_raise(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setmetatable(L, BIND_ERROR);
  if (lua_getfield(L, 1, "problems") == LUA_TTABLE)
    for (lua_Integer i = 1; lua_rawgeti(L, 2, i) == LUA_TTABLE; i++) {
      luaL_setmetatable(L, BIND_ERROR);
      lua_pop(L, 1);
    }
  lua_settop(L, 1);
  if (push_caller(L)) lua_setfield(L, 1, "caller");
  return lua_error(L);
}

/* ---- errors of Lua as the library's ---- */

static shunt_status status_named(const char *name) {
#define STATUS_NAME(status, text)                                                                                      \
  if (strcmp(name, "SHUNT_E_" #status) == 0) return SHUNT_E_##status;
  SHUNT_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
  return SHUNT_E_RULE;
}

/* The message without the place at its beginning, if that is this place. */
static const char *without_place(lua_State *L, const char *message, const lua_Debug *at) {
  const char *prefix = lua_pushfstring(L, "%s:%d: ", at->short_src, at->currentline);
  const size_t size = strlen(prefix);
  lua_pop(L, 1);
  return strncmp(message, prefix, size) == 0 ? message + size : message;
}

static void set_place(lua_State *L, const lua_Debug *at) {
  set_text(L, "file", at->source[0] == '@' ? at->source + 1 : at->short_src);
  set_number(L, "line", at->currentline);
}

static bool is_memory(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TSTRING && strcmp(lua_tostring(L, index), lua_memory) == 0;
}

int bind_place_error(lua_State *L) {
  lua_Debug at;
  lua_settop(L, 1);
  const bool placed = find_caller(L, &at);
  if (is_memory(L, 1)) {
    bind_push_memory(L, SHUNT_NOT_DONE);
    return 1;
  }
  if (lua_type(L, 1) == LUA_TSTRING) {
    shunt_error err;
    error_text(&err, SHUNT_E_RULE, placed ? without_place(L, lua_tostring(L, 1), &at) : lua_tostring(L, 1));
    luaL_traceback(L, L, NULL, 1);
    snprintf(err.traceback, sizeof err.traceback, "%s", lua_tostring(L, -1));
    bind_push_problem(L, &err);
  } else if (!is_error(L, 1) || lua_getfield(L, 1, "file") != LUA_TNIL) {
    lua_settop(L, 1);
    return 1;
  } else {
    lua_settop(L, 1);
  }
  if (placed) set_place(L, &at);
  return 1;
}

/* Copies the text under key, cut to size. */
static void take_text(lua_State *L, int index, const char *key, char *to, size_t size) {
  lua_pushstring(L, key);
  if (lua_rawget(L, index) == LUA_TSTRING) snprintf(to, size, "%s", lua_tostring(L, -1));
  lua_pop(L, 1);
}

static int take_number(lua_State *L, int index, const char *key) {
  lua_pushstring(L, key);
  lua_rawget(L, index);
  int n = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

void bind_to_error(lua_State *L, int index, shunt_error *err) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 4, "an error");
  if (is_memory(L, index)) {
    error_memory(err);
    return;
  }
  if (!is_error(L, index)) {
    error_text(err, SHUNT_E_RULE, luaL_tolstring(L, index, NULL));
    lua_pop(L, 1);
    return;
  }
  char code[64] = "", outcome[16] = "";
  take_text(L, index, "code", code, sizeof code);
  error_text(err, status_named(code), "");
  take_text(L, index, "message", err->message, sizeof err->message);
  take_text(L, index, "client", err->client, sizeof err->client);
  take_text(L, index, "file", err->file, sizeof err->file);
  take_text(L, index, "rule", err->rule, sizeof err->rule);
  take_text(L, index, "sqlstate", err->sqlstate, sizeof err->sqlstate);
  take_text(L, index, "traceback", err->traceback, sizeof err->traceback);
  err->line = take_number(L, index, "line");
  err->column = take_number(L, index, "column");
  err->engine_code = take_number(L, index, "engine_code");
  take_text(L, index, "outcome", outcome, sizeof outcome);
  err->outcome = error_outcome_named(outcome);
}

/* For when there is no memory to make one. */
static void make_memory_errors(lua_State *L) {
  shunt_error err;
  error_memory(&err);
  for (int i = SHUNT_NOT_DONE; i <= SHUNT_UNKNOWN; i++) {
    err.outcome = (shunt_outcome)i;
    bind_push_problem(L, &err);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &memory_keys[i]);
  }
}

void bind_error_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__tostring", error_tostring}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"is_error", error_is},
                                       {"home", error_home},
                                       {"usage", error_usage},
                                       {"raise", error_raise},
                                       {"place_error", bind_place_error},
                                       {NULL, NULL}};
  bind_class(L, BIND_ERROR, metamethods, NULL, NULL);
  make_memory_errors(L);
  luaL_setfuncs(L, functions, 0);
}
