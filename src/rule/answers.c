/* deny, pick and uncacheable: the words with which a rule's function answers. */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/cost.h"
#include "rule/host_inner.h"
#include "rule/lua_node.h"

bool host_value(lua_State *L, int index, shunt_value *value) {
  size_t size;
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN:
    *value = shunt_boolean(lua_toboolean(L, index));
    return true;
  case LUA_TNUMBER:
    *value = lua_isinteger(L, index) ? shunt_integer(lua_tointeger(L, index)) : shunt_float(lua_tonumber(L, index));
    return true;
  case LUA_TSTRING: {
    const char *text = lua_tolstring(L, index, &size);
    *value = shunt_text(text, size);
    return true;
  }
  default:
    return false;
  }
}

void host_push_value(lua_State *L, const shunt_value *value) {
  switch ((shunt_type)value->type) {
  case SHUNT_NULL:
    lua_pushnil(L);
    break;
  case SHUNT_BOOL:
    lua_pushboolean(L, value->as.boolean);
    break;
  case SHUNT_INTEGER:
    lua_pushinteger(L, value->as.integer);
    break;
  case SHUNT_FLOAT:
    lua_pushnumber(L, value->as.number);
    break;
  case SHUNT_TEXT:
  case SHUNT_BLOB:
    lua_pushlstring(L, value->as.bytes, value->size);
    break;
  }
}

const char *host_shown(lua_State *L, int index) {
  enum { MOST_SHOWN = 64 };
  size_t size;
  const char *text;
  switch (lua_type(L, index)) {
  case LUA_TNUMBER:
  case LUA_TBOOLEAN:
    return luaL_tolstring(L, index, NULL);
  case LUA_TSTRING:
    text = lua_tolstring(L, index, &size);
    text = lua_pushlstring(L, text, size < MOST_SHOWN ? size : MOST_SHOWN);
    return lua_pushfstring(L, "the text '%s'", text);
  case LUA_TNIL:
  case LUA_TNONE:
    return "nil";
  default:
    return lua_pushfstring(L, "a %s", luaL_typename(L, index));
  }
}

const char *host_text_of(lua_State *L, int index, const char *who, const char *thing) {
  if (lua_type(L, index) != LUA_TSTRING) luaL_error(L, "%s: %s is %s: write a text", who, thing, host_shown(L, index));
  const char *text = lua_tostring(L, index);
  if (strlen(text) != lua_rawlen(L, index))
    luaL_error(L, "%s: %s, '%s', contains a NUL character after this: remove it", who, thing, text);
  return text;
}

const char *host_name_of(lua_State *L, int index, const char *who, const char *thing) {
  const char *name = host_text_of(L, index, who, thing);
  if (!*name) luaL_error(L, "%s: %s is empty: write a name", who, thing);
  return name;
}

static uint64_t hash_integer(int64_t i) {
  char text[24], *at = text + sizeof text;
  uint64_t rest = i < 0 ? -(uint64_t)i : (uint64_t)i;
  do *--at = (char)('0' + rest % 10);
  while (rest /= 10);
  if (i < 0) *--at = '-';
  return map_hash(at, (size_t)(text + sizeof text - at));
}

uint64_t host_hash(const shunt_value *value) {
  char text[40];
  switch ((shunt_type)value->type) {
  case SHUNT_TEXT:
  case SHUNT_BLOB:
    return map_hash(value->as.bytes, value->size);
  case SHUNT_BOOL:
    return map_hash(value->as.boolean ? "true" : "false", value->as.boolean ? 4 : 5);
  case SHUNT_FLOAT: {
    double d = value->as.number;
    if (isnan(d)) return map_hash("nan", 3); /* whatever its sign, which depends on the machine */
    if (d == floor(d) && fabs(d) < 9e15) return hash_integer((int64_t)d);
    int size = snprintf(text, sizeof text, "%.17g", d);
    char *odd = text + strspn(text, "+-0123456789einfa"); /* the decimal point, which some locales write differently */
    if (*odd) *odd = '.';
    return map_hash(text, (size_t)size);
  }
  case SHUNT_INTEGER:
    return hash_integer(value->as.integer);
  case SHUNT_NULL:
    break;
  }
  return map_hash("", 0);
}

static int deny(lua_State *L) {
  host_text_of(L, 1, "deny", "the reason");
  lua_settop(L, 1);
  lua_newuserdatauv(L, 0, 1);
  luaL_setmetatable(L, HOST_DENY);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

static int uncacheable(lua_State *L) {
  rule_host *h = host_of(L);
  const char *why = host_text_of(L, 1, "uncacheable", "the reason");
  if (!h->view) return luaL_error(L, "uncacheable: no decision is under way; call it in a rule's function");
  if (!h->uncacheable[0]) snprintf(h->uncacheable, sizeof h->uncacheable, "%s", why[0] ? why : "no reason given");
  return 0;
}

/* ud is the number of clients. */
static bool is_no_pick_key(lua_State *L, const void *ud) {
  sandbox_charge(L, cost_slots(1));
  if (lua_isinteger(L, -1)) return lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > *(const lua_Integer *)ud;
  const char *key = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  return strcmp(key, "policy") != 0 && strcmp(key, "key") != 0;
}

/* The table at index 1 has n clients, and besides them policy and key. */
static void check_pick_keys(lua_State *L, lua_Integer n) {
  sandbox_contents(L, 1);
  lua_node_first_key(L, -1, is_no_pick_key, &n);
  if (!lua_isnil(L, -1)) luaL_error(L, "pick has the key %s: it takes clients, policy and key", host_shown(L, -1));
  lua_pop(L, 2);
}

/* pick{ "r1", "r2", policy =, key = }: checks it, and keeps a copy that Lua code can't reach. */
static int pick(lua_State *L) {
  static const char *const policies[] = {"round_robin", "random", "least_busy", "hash", NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newuserdatauv(L, 0, 1);
  luaL_setmetatable(L, HOST_PICK);
  lua_newtable(L);
  lua_Integer n = 0;
  for (; lua_geti(L, 1, n + 1) != LUA_TNIL; n++) {
    if (n == RULE_PICK_MOST) return luaL_error(L, "pick names more than %d clients: leave some out", RULE_PICK_MOST);
    if (lua_type(L, -1) != LUA_TSTRING)
      return luaL_error(L, "pick: client %d of the list is %s: write a client's name", (int)n + 1, host_shown(L, -1));
    host_name_of(L, -1, "pick", "a client of the list");
    lua_rawseti(L, 3, n + 1);
  }
  check_pick_keys(L, n);
  if (n == 0) return luaL_error(L, "pick names no client: write pick{ \"r1\", \"r2\" }");
  lua_settop(L, 3);
  lua_getfield(L, 1, "policy");
  const char *policy = luaL_optstring(L, -1, policies[RULE_ROUND_ROBIN]);
  int found = 0;
  while (policies[found] && strcmp(policies[found], policy) != 0) found++;
  if (!policies[found])
    return luaL_error(L, "pick: unknown policy '%s': write round_robin, random, least_busy or hash", policy);
  lua_pushinteger(L, found);
  lua_setfield(L, 3, "policy");
  if (lua_getfield(L, 1, "key") == LUA_TNIL && found == RULE_HASH)
    return luaL_error(L, "pick with policy \"hash\" has no key: add one, such as key = req.attrs.user");
  lua_setfield(L, 3, "key");
  lua_settop(L, 3);
  lua_setiuservalue(L, 2, 1);
  return 1;
}

void host_open_answers(lua_State *L, rule_host *h) {
  luaL_newmetatable(L, HOST_DENY);
  luaL_newmetatable(L, HOST_PICK);
  lua_pop(L, 2);
  lua_pushcfunction(L, deny);
  sandbox_define(h->sb, "deny");
  lua_pushcfunction(L, pick);
  sandbox_define(h->sb, "pick");
  lua_pushcfunction(L, uncacheable);
  sandbox_define(h->sb, "uncacheable");
}
