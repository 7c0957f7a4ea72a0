/* For: the request's methods: what a rule asks about a value without depending on all of it, and what it asks the core.
 */
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rule/host_inner.h"

/* Pushes the value of the path that stands at 2. */
static void push_subject(lua_State *L) { host_push_path(L, host_of(L), luaL_checkstring(L, 2)); }

/* The whole number that a value is: 7, 7.0 and "7" alike. */
static bool whole(const shunt_value *value, int64_t *n) {
  if (value->type == SHUNT_INTEGER) {
    *n = value->as.integer;
    return true;
  }
  if (value->type == SHUNT_FLOAT) {
    double d = value->as.number;
    if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0) || d != floor(d)) return false;
    *n = (int64_t)d;
    return true;
  }
  if (value->type != SHUNT_TEXT) return false;
  const char *digits = value->as.bytes + (value->size > 0 && value->as.bytes[0] == '-');
  size_t size = value->size - (size_t)(digits - value->as.bytes);
  if (size == 0 || size > 19 || strspn(digits, "0123456789") != size) return false;
  errno = 0;
  *n = strtoll(value->as.bytes, NULL, 10);
  return errno == 0;
}

bool rule_part(rule_predicate predicate, const shunt_value *value, int64_t parts, int64_t *part) {
  if (predicate == RULE_BUCKET) {
    *part = (int64_t)(host_hash(value) % (uint64_t)parts);
    return true;
  }
  int64_t n;
  if (!whole(value, &n)) return false;
  *part = n % parts;
  if (*part < 0) *part += parts;
  return true;
}

/* From 0 to parts - 1; nil where the field is absent. */
static int push_part(lua_State *L, const char *method, rule_predicate predicate) {
  const char *path = luaL_checkstring(L, 2);
  int64_t parts = luaL_checkinteger(L, 3), part;
  if (parts < 1) return luaL_error(L, "%s wants a number of parts from 1 up", method);
  shunt_value room;
  const shunt_value *value = host_subject(L, host_of(L), path, predicate, parts, &room);
  if (!value)
    lua_pushnil(L);
  else if (rule_part(predicate, value, parts, &part))
    lua_pushinteger(L, part);
  else
    return luaL_error(L, "%s wants a whole number in %s, and got something else: bucket takes any value", method, path);
  return 1;
}

/* req:mod(field, n): the remainder. */
static int mod(lua_State *L) { return push_part(L, "mod", RULE_MOD); }

/* req:bucket(field, n): by a hash that is the same on every machine. */
static int bucket(lua_State *L) { return push_part(L, "bucket", RULE_BUCKET); }

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
