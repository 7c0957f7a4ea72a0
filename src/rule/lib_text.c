/* Shared by the libraries: growing texts, and borrowed functions of Lua. */
#include <lauxlib.h>
#include <string.h>

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
  sandbox_charge(t->L, (int64_t)(t->size / 64));
  char *data = lua_newuserdatauv(t->L, capacity, 0);
  memcpy(data, t->data, t->size);
  lua_replace(t->L, t->slot);
  t->data = data;
  t->capacity = capacity;
  return data + t->size;
}

void lib_text_add(lib_text *t, const char *bytes, size_t size) {
  if (size == 0) return;
  memcpy(lib_text_room(t, size), bytes, size);
  t->size += size;
}

void lib_text_push(lib_text *t) {
  sandbox_check_text(t->L, t->size);
  lua_pushlstring(t->L, t->data, t->size);
}

void lib_copy(lua_State *L, int from, const char *const *names) {
  from = lua_absindex(L, from);
  for (; *names; names++) {
    lua_getfield(L, from, *names);
    lua_setfield(L, -2, *names);
  }
}

static int charged(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) sandbox_charge(L, (int64_t)(lua_rawlen(L, 1) / 16));
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

void lib_wrap_charged(lua_State *L) { lua_pushcclosure(L, charged, 1); }

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
