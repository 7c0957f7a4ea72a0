/* The environment of rule files, and messages for names that it does not have. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

static const char GLOBALS_KEY; /* its address names the table of globals in the registry */

typedef struct hint {
  const char *name;
  const char *text;
} hint;

#define NO_CLOCKS "clocks are not there: the host passes times as attributes (req.attrs)"
#define NO_FILES "a rule reads and writes nothing: the host passes what it needs as attributes (req.attrs)"
#define NO_CODE "code comes from rule files alone: use require or a local function"
#define NO_METATABLES "metatables are not there: use plain tables and local functions"
#define NO_RAW "raw access is not there: use t[k]"
#define NO_RANDOMNESS "randomness is not there: use pick{…} or an attribute (req.attrs)"

static const hint global_hints[] = {
    {"os", NO_CLOCKS},
    {"io", "files are not there: " NO_FILES},
    {"print", "output is not there: shunt explain shows what each rule did"},
    {"warn", "output is not there: shunt explain shows what each rule did"},
    {"load", NO_CODE},
    {"loadstring", NO_CODE},
    {"loadfile", NO_CODE},
    {"dofile", NO_CODE},
    {"package", "use require, which finds modules under the rules path"},
    {"module", "a module is a file that returns a table: use require"},
    {"debug", "looking into functions is not there"},
    {"coroutine", "coroutines are not there: a rule answers at once; use local functions"},
    {"collectgarbage", "memory is the sandbox's business (rules.memory)"},
    {"next", "use pairs, which goes in a fixed order; t[1] or #t say whether a list is empty"},
    {"setmetatable", NO_METATABLES},
    {"getmetatable", NO_METATABLES},
    {"rawget", NO_RAW},
    {"rawset", NO_RAW},
    {"setfenv", NO_METATABLES},
    {"getfenv", NO_METATABLES},
    {"_G", "globals are known by their names alone: use a local table"},
    {"unpack", "use table.unpack"},
    {"bit32", "use the operators & | ~ << >>"},
    {"arg", NO_FILES},
    {NULL, NULL}};

static const hint library_hints[] = {{"math.random", NO_RANDOMNESS},
                                     {"math.randomseed", NO_RANDOMNESS},
                                     {"math.pow", "use the operator ^"},
                                     {"string.dump", "functions have no text"},
                                     {"string.pack", "binary formats are not there"},
                                     {"string.unpack", "binary formats are not there"},
                                     {"string.packsize", "binary formats are not there"},
                                     {"table.getn", "use the operator #"},
                                     {"table.foreach", "use pairs"},
                                     {NULL, NULL}};

static const char *find_hint(const hint *hints, const char *name) {
  for (; hints->name; hints++)
    if (strcmp(hints->name, name) == 0) return hints->text;
  return NULL;
}

/* The name of the key at index 2, for messages. */
static const char *key_name(lua_State *L) {
  switch (lua_type(L, 2)) {
  case LUA_TSTRING:
  case LUA_TNUMBER:
    lua_pushvalue(L, 2);
    return lua_tostring(L, -1);
  default:
    return luaL_typename(L, 2);
  }
}

/* Searches the names in the table at index 1, which is not locked. */
static suggest nearest(lua_State *L, const char *name) {
  suggest s = suggest_for(name);
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
    if (lua_type(L, -2) == LUA_TSTRING) suggest_try(&s, lua_tostring(L, -2));
  return s;
}

static int undefined_global(lua_State *L) {
  sandbox_charge(L, COST_LOOK);
  const char *name = key_name(L);
  const char *text = find_hint(global_hints, name);
  if (text) return luaL_error(L, "undefined global '%s': %s", name, text);
  suggest s = nearest(L, name);
  return luaL_error(L, "undefined global '%s'%s", name, suggest_text(&s));
}

/* upvalue: the library's name */
static int undefined_in_library(lua_State *L) {
  char full[128];
  sandbox_charge(L, COST_LOOK);
  const char *library = lua_tostring(L, lua_upvalueindex(1));
  const char *name = key_name(L);
  snprintf(full, sizeof full, "%s.%s", library, name);
  const char *text = find_hint(library_hints, full);
  if (text) return luaL_error(L, "%s: %s", full, text);
  suggest s = nearest(L, name);
  return luaL_error(L, "unknown name '%s'%s", full, suggest_text(&s));
}

static int set_global(lua_State *L) { return luaL_error(L, "the global '%s' can't be set: use local", key_name(L)); }

static int set_in_library(lua_State *L) {
  return luaL_error(L, "'%s' can't be set: the libraries are read-only; use local", key_name(L));
}

/* Gives the table on top an __index that raises, with a hint, for a missing name. */
static void explain_missing(lua_State *L, const char *library) {
  lua_createtable(L, 0, 1);
  if (library) {
    lua_pushstring(L, library);
    lua_pushcclosure(L, undefined_in_library, 1);
  } else {
    lua_pushcfunction(L, undefined_global);
  }
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

/* Where luaL_argerror looks for the name of a function that was called without one, as by pcall(string.rep). Rules
 * can't reach it. The contents are those of the locked table on top. */
static void name_functions(lua_State *L, const char *library) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  sandbox_contents(L, -2);
  lua_setfield(L, -2, library);
  lua_pop(L, 1);
}

/* Adds a read-only library to the table on top. */
static void add_library(lua_State *L, const char *name, void (*fill)(lua_State *)) {
  lua_newtable(L);
  fill(L);
  explain_missing(L, name);
  sandbox_lock(L, -1, set_in_library);
  name_functions(L, name);
  lua_setfield(L, -2, name);
}

/* Methods of texts: the bounded functions, and of Lua's own metatable the operators, which make "10" + 1 work.
 * Rules can't reach the table, so it needs no lock. */
static void install_text_methods(lua_State *L) {
  static const char *const operators[] = {"__add", "__sub", "__mul", "__mod", "__div", "__idiv", "__unm", NULL};
  lua_pushliteral(L, "");
  lua_pushcfunction(L, luaopen_string);
  lua_call(L, 0, 0);
  lua_newtable(L);
  lua_getmetatable(L, -2);
  lua_insert(L, -2); /* the text, Lua's metatable, ours */
  lib_borrow(L, -2, operators);
  lua_getfield(L, -2, "__pow");
  lua_pushcclosure(L, lib_text_power, 1);
  lua_setfield(L, -2, "__pow");
  lua_newtable(L);
  lib_add_string(L);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -3);
  lua_pop(L, 2);
}

void sandbox_install(lua_State *L) {
  static const sandbox_iterator iterators[] = {
      {lib_gmatch_next, "string.gmatch"}, {lib_pairs_next, "pairs"}, {NULL, NULL}};
  sandbox_inner_of(L)->iterators = iterators;
  install_text_methods(L);
  lua_newtable(L);
  lib_add_base(L);
  add_library(L, "string", lib_add_string);
  add_library(L, "table", lib_add_table);
  add_library(L, "math", lib_add_math);
  add_library(L, "utf8", lib_add_utf8);
  explain_missing(L, NULL);
  sandbox_lock(L, -1, set_global);
  name_functions(L, LUA_GNAME);
  sandbox_contents(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &GLOBALS_KEY);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS); /* lua_load takes a chunk's environment from there */
}

void sandbox_define(sandbox *sb, const char *name) {
  lua_State *L = sb->L;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &GLOBALS_KEY);
  lua_pushstring(L, name);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 2);
}
