/* For: the request's methods: what a rule asks about a value without depending on all of it, and what it asks the core.
 */
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rule/host_inner.h"

/* Pushes the value of the path that stands at 2. */
static void push_subject(lua_State *L) { host_push_path(L, host_of(L), luaL_checkstring(L, 2)); }

static lua_Integer positive(lua_State *L, int index, const char *method) {
  lua_Integer n = luaL_checkinteger(L, index);
  if (n < 1) luaL_error(L, "%s wants a number of parts from 1 up", method);
  return n;
}

/* The whole number that the value at index is, by value: 7, 7.0 and "7" alike. */
static bool whole(lua_State *L, int index, lua_Integer *n) {
  int is_integer = 0;
  if (lua_type(L, index) == LUA_TNUMBER) {
    *n = lua_tointegerx(L, index, &is_integer);
    return is_integer;
  }
  if (lua_type(L, index) != LUA_TSTRING) return false;
  size_t size;
  const char *text = lua_tolstring(L, index, &size);
  if (size == 0 || size > 20 || strspn(text + (*text == '-'), "0123456789") != size - (*text == '-')) return false;
  if (lua_stringtonumber(L, text) != size + 1) return false;
  *n = lua_tointegerx(L, -1, &is_integer);
  lua_pop(L, 1);
  return is_integer;
}

/* req:mod(field, n): from 0 to n - 1; nil where the field is absent. */
static int mod(lua_State *L) {
  lua_Integer n = positive(L, 3, "mod"), value;
  push_subject(L);
  if (lua_isnil(L, -1)) return 1;
  if (!whole(L, -1, &value))
    return luaL_error(L, "mod wants a whole number in %s, and got %s: bucket takes any value", lua_tostring(L, 2),
                      lua_type(L, -1) == LUA_TSTRING ? "other text" : luaL_typename(L, -1));
  lua_Integer rest = value % n;
  lua_pushinteger(L, rest < 0 ? rest + n : rest);
  return 1;
}

/* req:bucket(field, n): from 0 to n - 1, by a hash that is the same on every machine. */
static int bucket(lua_State *L) {
  lua_Integer n = positive(L, 3, "bucket");
  shunt_value value;
  push_subject(L);
  if (lua_isnil(L, -1)) return 1;
  if (!host_value(L, -1, &value))
    return luaL_error(L, "bucket can't hash the %s in %s", luaL_typename(L, -1), lua_tostring(L, 2));
  lua_pushinteger(L, (lua_Integer)(host_hash(&value) % (uint64_t)n));
  return 1;
}

/* req:one_of(field, set): whether the value is in the list. */
static int one_of(lua_State *L) {
  luaL_checktype(L, 3, LUA_TTABLE);
  push_subject(L);
  bool found = false;
  for (lua_Integer i = 1; !found && lua_geti(L, 3, i) != LUA_TNIL; i++) {
    sandbox_charge(L, 1);
    found = lua_rawequal(L, -1, 4);
    lua_pop(L, 1);
  }
  lua_pushboolean(L, found);
  return 1;
}

/* req:prefix(field, p): whether the value is text that begins with p. */
static int prefix(lua_State *L) {
  size_t size, want;
  const char *p = luaL_checklstring(L, 3, &want);
  push_subject(L);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
  lua_pushboolean(L, text && size >= want && memcmp(text, p, want) == 0);
  return 1;
}

/* req:model_client(): the client that the model is bound to, by the app config or in its own rule file. */
static int model_client(lua_State *L) {
  rule_host *h = host_of(L);
  if (!h->request)
    return luaL_error(L, "the request is gone: a rule's function reads it while it runs, and keeps nothing");
  rule_host_read(h, RULE_FIELD_MODEL);
  if (h->request->model_client_function != CATALOG_NO_FUNCTION) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->request->model_client_function);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
  } else if (h->request->model_client) {
    lua_pushstring(L, h->request->model_client);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

const luaL_Reg host_predicates[] = {
    {"mod", mod}, {"bucket", bucket}, {"one_of", one_of}, {"prefix", prefix}, {"model_client", model_client},
    {NULL, NULL}};
