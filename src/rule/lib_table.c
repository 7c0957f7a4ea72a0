/* table: functions on raw tables. Functions that only read take frozen tables, too. */
#include <lauxlib.h>
#include <stdint.h>

#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

/* Replaces a table argument by the table that holds its contents. */
static void read_table(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  sandbox_contents(L, arg);
  lua_replace(L, arg);
}

static void write_table(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  if (!sandbox_locked(L, arg)) return;
  luaL_error(L, "this table is frozen once the rules are loaded: a rule keeps no state between calls; work on a copy, "
                "made with table.move(t, 1, #t, 1, {})");
}

static int table_concat(lua_State *L) {
  size_t separator_size;
  read_table(L, 1);
  const char *separator = luaL_optlstring(L, 2, "", &separator_size);
  lua_Integer i = lib_opt_integer(L, 3, 1);
  lua_Integer last = lib_opt_integer(L, 4, lib_length(L, 1));
  lib_text t;
  lib_text_open(L, &t);
  for (; i <= last; i++) {
    size_t size;
    sandbox_charge(L, 1);
    lua_rawgeti(L, 1, i);
    if (!lua_isstring(L, -1))
      luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1), (LUAI_UACINT)i);
    const char *text = lua_tolstring(L, -1, &size);
    lib_text_add(&t, text, size);
    if (i == last) break; /* which may be the largest integer */
    lib_text_add(&t, separator, separator_size);
    lua_pop(L, 1);
  }
  lib_text_push(&t);
  return 1;
}

static int table_insert(lua_State *L) {
  write_table(L, 1);
  lua_Integer end = luaL_intop(+, lib_length(L, 1), 1);
  lua_Integer at = end;
  int nargs = lua_gettop(L);
  if (nargs == 3) {
    at = lib_integer(L, 2);
    luaL_argcheck(L, (lua_Unsigned)at - 1u < (lua_Unsigned)end, 2, "position out of bounds");
    for (lua_Integer i = end; i > at; i--) {
      sandbox_charge(L, 1);
      lua_rawgeti(L, 1, i - 1);
      lua_rawseti(L, 1, i);
    }
  } else if (nargs != 2) {
    return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  lua_rawseti(L, 1, at);
  return 0;
}

static int table_remove(lua_State *L) {
  write_table(L, 1);
  lua_Integer size = lib_length(L, 1);
  lua_Integer at = lib_opt_integer(L, 2, size);
  if (at != size) luaL_argcheck(L, (lua_Unsigned)at - 1u <= (lua_Unsigned)size, 2, "position out of bounds");
  lua_rawgeti(L, 1, at);
  for (; at < size; at++) {
    sandbox_charge(L, 1);
    lua_rawgeti(L, 1, at + 1);
    lua_rawseti(L, 1, at);
  }
  lua_pushnil(L);
  lua_rawseti(L, 1, at);
  return 1;
}

static int table_move(lua_State *L) {
  lua_Integer first = lib_integer(L, 2), last = lib_integer(L, 3), to = lib_integer(L, 4);
  int target = lua_isnoneornil(L, 5) ? 1 : 5;
  write_table(L, target);
  lua_pushvalue(L, target); /* which is what it returns */
  bool same = lua_rawequal(L, 1, target);
  int result = lua_gettop(L);
  if (!same) read_table(L, 1);
  if (last < first) return 1;
  luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
  lua_Integer count = last - first + 1;
  luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
  bool backwards = same && to > first && to <= last;
  for (lua_Integer i = 0; i < count; i++) {
    lua_Integer offset = backwards ? count - 1 - i : i;
    sandbox_charge(L, 1);
    lua_rawgeti(L, 1, first + offset);
    lua_rawseti(L, result, to + offset);
  }
  return 1;
}

static int table_pack(lua_State *L) {
  int count = lua_gettop(L);
  sandbox_charge(L, cost_values((size_t)count));
  lua_createtable(L, count, 1);
  lua_insert(L, 1);
  for (int i = count; i >= 1; i--) lua_rawseti(L, 1, i);
  lua_pushinteger(L, count);
  lua_setfield(L, 1, "n");
  return 1;
}

static int table_unpack(lua_State *L) {
  read_table(L, 1);
  lua_Integer first = lib_opt_integer(L, 2, 1);
  lua_Integer last = lib_opt_integer(L, 3, lib_length(L, 1));
  if (first > last) return 0;
  lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first;
  lib_values(L, count == SIZE_MAX ? count : ++count, "too many results to unpack");
  for (lua_Unsigned i = 0; i < count; i++) {
    if (i % LIB_LOOK_AFTER == 0) sandbox_look(L); /* keys that collide are searched for one by one */
    lua_rawgeti(L, 1, luaL_intop(+, first, i));
  }
  return (int)count;
}

void lib_add_table(lua_State *L) {
  static const luaL_Reg own[] = {
      {"concat", table_concat}, {"insert", table_insert}, {"move", table_move}, {"pack", table_pack},
      {"remove", table_remove}, {"unpack", table_unpack}, {NULL, NULL}};
  luaL_setfuncs(L, own, 0);
  lib_add_sort(L);
}
