/* table.sort as a bottom-up merge sort: stable, the same order on every machine, and n log n comparisons whatever the
 * order function returns. */
#include <lauxlib.h>
#include <limits.h>
#include <string.h>

#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

enum { TABLE = 1, ORDER = 2, FROM = 3, TO = 4 };

/* Whether the value on top goes before the one below it. */
static bool goes_before(lua_State *L) {
  if (lua_type(L, ORDER) == LUA_TFUNCTION) {
    lua_pushvalue(L, ORDER);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -4);
    lua_call(L, 2, 1);
    bool before = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return before;
  }
  if (lua_type(L, -1) == LUA_TSTRING && lua_type(L, -2) == LUA_TSTRING) {
    size_t a, b;
    const char *first = lua_tolstring(L, -1, &a), *second = lua_tolstring(L, -2, &b);
    sandbox_charge(L, cost_copied(a < b ? a : b));
    const int order = memcmp(first, second, a < b ? a : b); /* as in the C locale, and fast for NULs */
    return order ? order < 0 : a < b;
  }
  return lua_compare(L, -1, -2, LUA_OPLT);
}

/* Merges FROM[low, middle) and FROM[middle, high) into TO[low, high). */
static void merge(lua_State *L, lua_Integer low, lua_Integer middle, lua_Integer high) {
  lua_Integer left = low, right = middle;
  for (lua_Integer to = low; to < high; to++) {
    bool take_right = left >= middle;
    if (!take_right && right < high) {
      lua_rawgeti(L, FROM, left);
      lua_rawgeti(L, FROM, right);
      take_right = goes_before(L);
      lua_pop(L, 2);
      sandbox_charge(L, 1);
    }
    lua_rawgeti(L, FROM, take_right ? right++ : left++);
    lua_rawseti(L, TO, to);
  }
}

static lua_Integer least(lua_Integer a, lua_Integer b) { return a < b ? a : b; }

static int table_sort(lua_State *L) {
  luaL_checktype(L, TABLE, LUA_TTABLE);
  if (sandbox_locked(L, TABLE))
    return luaL_error(L, "this table is frozen once the rules are loaded: a rule keeps no state between calls; sort a "
                         "copy, made with table.move(t, 1, #t, 1, {})");
  lua_settop(L, ORDER);
  lua_Integer size = lib_length(L, TABLE);
  if (size < 2) return 0;
  if (!lua_isnil(L, ORDER)) luaL_checktype(L, ORDER, LUA_TFUNCTION);
  luaL_argcheck(L, size < INT_MAX, TABLE, "array too big");
  sandbox_charge(L, cost_slots((size_t)size));
  lib_new_list(L, (size_t)size);
  lib_new_list(L, (size_t)size);
  for (lua_Integer i = 1; i <= size; i++) {
    lua_rawgeti(L, TABLE, i);
    lua_rawseti(L, FROM, i);
  }
  for (lua_Integer width = 1; width < size; width *= 2) {
    for (lua_Integer low = 1; low <= size; low += 2 * width)
      merge(L, low, least(low + width, size + 1), least(low + 2 * width, size + 1));
    lua_pushvalue(L, FROM);
    lua_copy(L, TO, FROM);
    lua_replace(L, TO);
  }
  sandbox_charge(L, cost_slots((size_t)size));
  for (lua_Integer i = 1; i <= size; i++) {
    lua_rawgeti(L, FROM, i);
    lua_rawseti(L, TABLE, i);
  }
  return 0;
}

void lib_add_sort(lua_State *L) {
  lua_pushcfunction(L, table_sort);
  lua_setfield(L, -2, "sort");
}
