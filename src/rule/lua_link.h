/* For: rule states run on Lua 5.4, whatever other Lua the process has.
 * Owner: static.
 * Use: status = lua_link_check(err), before the first call of Lua. */
#ifndef SHUNT_RULE_LUA_LINK_H
#define SHUNT_RULE_LUA_LINK_H

#include "base/error.h"

/* Calls nothing that another version of Lua defines differently. Errors: CONFIG if another Lua answers for Lua 5.4's
 * functions: the static library in a program that exports its own, or libshunt.so built without LUA_ARCHIVE. */
shunt_status lua_link_check(shunt_error *err);

#endif
