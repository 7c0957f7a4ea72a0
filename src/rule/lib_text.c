/* Shared by the libraries: growing texts, arguments, and borrowed functions of Lua. */
#include <lauxlib.h>
#include <string.h>

#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

void lib_text_open(lua_State *L, lib_text *t) {
  t->L = L;
  t->data = t->first;
  t->size = 0;
  t->capacity = sizeof t->first;
  lua_pushnil(L);
  t->slot = lua_gettop(L);
}

char *lib_text_room(lib_text *t, size_t size) {
  if (size <= t->capacity - t->size) return t->data + t->size;
  sandbox_check_text(t->L, size);
  sandbox_check_text(t->L, t->size + size);
  size_t capacity = t->capacity * 2;
  while (capacity < t->size + size) capacity *= 2;
  sandbox_charge(t->L, cost_copied(t->size));
  char *data = lua_newuserdatauv(t->L, capacity, 0);
  memcpy(data, t->data, t->size);
  lua_replace(t->L, t->slot);
  t->data = data;
  t->capacity = capacity;
  return data + t->size;
}

void lib_text_add(lib_text *t, const char *bytes, size_t size) {
  if (size == 0) return;
  if (size >= 64) sandbox_charge(t->L, cost_copied(size));
  memcpy(lib_text_room(t, size), bytes, size);
  t->size += size;
}

void lib_text_push(lib_text *t) {
  sandbox_check_text(t->L, t->size);
  lua_pushlstring(t->L, t->data, t->size);
}

/* ---- borrowed functions ---- */

int lib_borrowed(lua_State *L) {
  const int n = lua_gettop(L);
  int64_t cost = 1 + cost_values((size_t)n);
  for (int i = 1; i <= n; i++)
    if (lua_type(L, i) == LUA_TSTRING) cost += cost_read(lua_rawlen(L, i));
  sandbox_charge(L, cost);
  return lua_tocfunction(L, lua_upvalueindex(1))(L); /* in this frame: messages name the function as it was called */
}

void lib_borrow(lua_State *L, int from, const char *const *names) {
  from = lua_absindex(L, from);
  for (; *names; names++) {
    if (lua_getfield(L, from, *names) == LUA_TFUNCTION) lua_pushcclosure(L, lib_borrowed, 1);
    lua_setfield(L, -2, *names);
  }
}

/* ---- arguments and results ---- */

static void charge_number(lua_State *L, int arg) {
  if (lua_type(L, arg) == LUA_TSTRING) sandbox_charge(L, cost_read(lua_rawlen(L, arg)));
}

lua_Integer lib_integer(lua_State *L, int arg) {
  charge_number(L, arg);
  return luaL_checkinteger(L, arg);
}

lua_Integer lib_opt_integer(lua_State *L, int arg, lua_Integer otherwise) {
  return lua_isnoneornil(L, arg) ? otherwise : lib_integer(L, arg);
}

lua_Number lib_number(lua_State *L, int arg) {
  charge_number(L, arg);
  return luaL_checknumber(L, arg);
}

void lib_values(lua_State *L, size_t n, const char *too_many) {
  if (n > LIB_VALUES_MOST) luaL_error(L, "%s", too_many);
  sandbox_charge(L, cost_values(n));
  sandbox_room(L, (int)n, too_many);
}

/* An odd size, which the allocator never takes for the hashed part of a table. */
void lib_new_list(lua_State *L, size_t n) { lua_createtable(L, (int)(n | 1), 0); }

const char *lib_tostring(lua_State *L, int index, size_t *size) {
  index = lua_absindex(L, index);
  switch (lua_type(L, index)) {
  case LUA_TNIL:
    lua_pushliteral(L, "nil");
    break;
  case LUA_TBOOLEAN:
    lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
    break;
  case LUA_TSTRING:
  case LUA_TNUMBER: /* a copy, since lua_tolstring changes numbers in place */
    lua_pushvalue(L, index);
    break;
  case LUA_TLIGHTUSERDATA:
    lua_pushliteral(L, "null");
    break;
  default:
    if (luaL_getmetafield(L, index, "__name") != LUA_TSTRING) lua_pushstring(L, luaL_typename(L, index));
  }
  return lua_tolstring(L, -1, size);
}
