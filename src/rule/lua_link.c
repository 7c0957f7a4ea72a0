/* Which Lua the library's calls reach.
 *
 * Every Lua has lua_newstate, and only 5.4 and newer ones have lua_toclose. So if both are in one loaded object, all
 * of its functions are Lua 5.4's or newer, and lua_version is safe to call: before 5.4 it returned a pointer. */
#define _GNU_SOURCE
#include "rule/lua_link.h"

#include <dlfcn.h>
#include <lua.h>
#include <stdint.h>
#include <stdio.h>

/* In the Lua that is inside of libshunt.so, these stand for the variables of the same names, because Debian's archive
 * takes their addresses in a way that a shared library can't. Only luaL_newstate and luaL_loadfile use them; rule
 * states are made and loaded without these. */
extern FILE *rule_lua_stdin, *rule_lua_stdout, *rule_lua_stderr;
FILE *rule_lua_stdin, *rule_lua_stdout, *rule_lua_stderr;

typedef void (*function)(void);

/* NULL: unknown, as in a program that is linked statically. */
static const void *object_of(function f, const char **path) {
  Dl_info at;
  if (!dladdr((const void *)(uintptr_t)f, &at)) return NULL;
  *path = at.dli_fname;
  return at.dli_fbase;
}

shunt_status lua_link_check(shunt_error *err) {
  const char *path = "", *other = "this program";
  const void *ours = object_of((function)lua_toclose, &path);
  const void *found = object_of((function)lua_newstate, &other);
  const bool same = ours == found;
  if (same && lua_version(NULL) == LUA_VERSION_NUM) return SHUNT_OK;
  return error_set(err, SHUNT_E_CONFIG,
                   "rules need Lua 5.4, and another Lua (in %s) answers for its functions here: use libshunt.so, which "
                   "has a Lua of its own (unless it was built with an empty LUA_ARCHIVE)",
                   same ? path : other);
}
