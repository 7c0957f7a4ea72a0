#include "bind/bind.h"

#include <stdio.h>
#include <string.h>

/* ---- arguments ---- */

void *bind_check(lua_State *L, int index, const char *type, const char *what) {
  void *is = luaL_testudata(L, index, type);
  if (!is)
    bind_usage(L, "%s is needed here, not a %s: call with a colon, as in session:model(name)", what,
               luaL_typename(L, index));
  return is;
}

const char *bind_text(lua_State *L, int index, const char *what) {
  if (lua_type(L, index) != LUA_TSTRING) bind_usage(L, "%s must be text, not a %s", what, luaL_typename(L, index));
  size_t size;
  const char *text = lua_tolstring(L, index, &size);
  if (strlen(text) != size) bind_usage(L, "%s holds a NUL byte", what);
  return text;
}

const char *bind_opt_text(lua_State *L, int index, const char *what) {
  return lua_isnoneornil(L, index) ? NULL : bind_text(L, index, what);
}

/* ---- values ---- */

static void push_blob(lua_State *L, const char *bytes, size_t size) {
  lua_blob *blob = lua_newuserdatauv(L, sizeof *blob + size, 0);
  blob->size = size;
  if (size) memcpy(blob->bytes, bytes, size);
  luaL_setmetatable(L, LUA_NODE_BLOB);
}

void bind_push_value(lua_State *L, const shunt_value *value) {
  switch ((shunt_type)value->type) {
  case SHUNT_NULL:
    lua_pushlightuserdata(L, NULL);
    return;
  case SHUNT_BOOL:
    lua_pushboolean(L, value->as.boolean);
    return;
  case SHUNT_INTEGER:
    lua_pushinteger(L, value->as.integer);
    return;
  case SHUNT_FLOAT:
    lua_pushnumber(L, value->as.number);
    return;
  case SHUNT_TEXT:
    lua_pushlstring(L, value->as.bytes ? value->as.bytes : "", value->size);
    return;
  case SHUNT_BLOB:
    push_blob(L, value->as.bytes, value->size);
    return;
  }
  lua_pushnil(L);
}

/* size is a parameter of its own: the value's has 32 bits. */
static shunt_status copy_bytes(arena *a, shunt_value from, size_t size, const char *what, shunt_value *out,
                               shunt_error *err) {
  if (size > UINT32_MAX - 1) return error_set(err, SHUNT_E_USAGE, "%s has more than 4 GiB", what);
  const char *copy = arena_strndup(a, from.as.bytes, size);
  if (!copy) return error_memory(err);
  *out = from.type == SHUNT_TEXT ? shunt_text(copy, size) : shunt_blob(copy, size);
  return SHUNT_OK;
}

shunt_status bind_to_value(lua_State *L, int index, arena *a, const char *what, shunt_value *out, shunt_error *err) {
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN:
    *out = shunt_boolean(lua_toboolean(L, index));
    return SHUNT_OK;
  case LUA_TNUMBER:
    *out = lua_isinteger(L, index) ? shunt_integer(lua_tointeger(L, index)) : shunt_float(lua_tonumber(L, index));
    return SHUNT_OK;
  case LUA_TSTRING: {
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    return copy_bytes(a, shunt_text(text, size), size, what, out, err);
  }
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, index)) break;
    *out = shunt_null();
    return SHUNT_OK;
  case LUA_TUSERDATA: {
    const lua_blob *blob = luaL_testudata(L, index, LUA_NODE_BLOB);
    if (!blob) break;
    return copy_bytes(a, shunt_blob(blob->bytes, blob->size), blob->size, what, out, err);
  }
  default:
    break;
  }
  return error_set(err, SHUNT_E_USAGE,
                   "%s is a %s; a value is text, a number, a boolean, shunt.null or made by shunt.blob", what,
                   luaL_typename(L, index));
}

/* ---- blobs ---- */

static int blob_new(lua_State *L) {
  if (luaL_testudata(L, 1, LUA_NODE_BLOB)) {
    lua_settop(L, 1);
    return 1;
  }
  if (lua_type(L, 1) != LUA_TSTRING) return bind_usage(L, "shunt.blob takes text, not a %s", luaL_typename(L, 1));
  size_t size;
  const char *bytes = lua_tolstring(L, 1, &size);
  push_blob(L, bytes, size);
  return 1;
}

static int blob_bytes(lua_State *L) {
  const lua_blob *blob = luaL_checkudata(L, 1, LUA_NODE_BLOB);
  lua_pushlstring(L, blob->bytes, blob->size);
  return 1;
}

static int blob_len(lua_State *L) {
  const lua_blob *blob = luaL_checkudata(L, 1, LUA_NODE_BLOB);
  lua_pushinteger(L, (lua_Integer)blob->size);
  return 1;
}

static int blob_eq(lua_State *L) {
  const lua_blob *a = luaL_testudata(L, 1, LUA_NODE_BLOB);
  const lua_blob *b = luaL_testudata(L, 2, LUA_NODE_BLOB);
  lua_pushboolean(L, a && b && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0);
  return 1;
}

/* An operand of a concatenation: a blob or text. */
static const char *piece(lua_State *L, int index, size_t *size) {
  const lua_blob *blob = luaL_testudata(L, index, LUA_NODE_BLOB);
  if (blob) {
    *size = blob->size;
    return blob->bytes;
  }
  if (lua_type(L, index) != LUA_TSTRING)
    bind_usage(L, "a %s can't be joined to a blob: text and blobs can", luaL_typename(L, index));
  return lua_tolstring(L, index, size);
}

static int blob_concat(lua_State *L) {
  size_t nleft, nright;
  const char *left = piece(L, 1, &nleft), *right = piece(L, 2, &nright);
  lua_blob *blob = lua_newuserdatauv(L, sizeof *blob + nleft + nright, 0);
  blob->size = nleft + nright;
  if (nleft) memcpy(blob->bytes, left, nleft);
  if (nright) memcpy(blob->bytes + nleft, right, nright);
  luaL_setmetatable(L, LUA_NODE_BLOB);
  return 1;
}

static int blob_is(lua_State *L) {
  lua_pushboolean(L, luaL_testudata(L, 1, LUA_NODE_BLOB) != NULL);
  return 1;
}

void bind_value_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {
      {"__tostring", blob_bytes}, {"__len", blob_len}, {"__eq", blob_eq}, {"__concat", blob_concat}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"bytes", blob_bytes}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"blob", blob_new}, {"is_blob", blob_is}, {NULL, NULL}};
  bind_class(L, LUA_NODE_BLOB, metamethods, methods, "blob_methods");
  luaL_setfuncs(L, functions, 0);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
}
