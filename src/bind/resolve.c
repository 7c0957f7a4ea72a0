#include <string.h>

#include "bind/bind.h"
#include "rule/request.h"

/* ---- options without copies ---- */

/* The options of most calls are a few texts, numbers and booleans. Their values are borrowed from the table, for no Lua
 * code runs before the decision is there. A false answer says nothing about the options: options_request reads them
 * all, and reports what is wrong. */

enum { MOST_COLUMNS = 16 };

static bool borrow_text(lua_State *L, const char **out) {
  size_t size;
  if (lua_type(L, -1) != LUA_TSTRING) return false;
  *out = lua_tolstring(L, -1, &size);
  return strlen(*out) == size;
}

static bool borrow_op(lua_State *L, shunt_op *out) {
  const char *op;
  if (!borrow_text(L, &op)) return false;
  *out = strcmp(op, "write") == 0 ? SHUNT_WRITE : SHUNT_READ;
  return *out == SHUNT_WRITE || strcmp(op, "read") == 0;
}

static bool borrow_flag(lua_State *L, bool *out) {
  *out = lua_toboolean(L, -1);
  return lua_isboolean(L, -1);
}

static bool borrow_value(lua_State *L, shunt_value *out) {
  size_t size;
  const char *text;
  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    text = lua_tolstring(L, -1, &size);
    *out = shunt_text(text, size);
    return size < UINT32_MAX;
  case LUA_TNUMBER:
    *out = lua_isinteger(L, -1) ? shunt_integer(lua_tointeger(L, -1)) : shunt_float(lua_tonumber(L, -1));
    return true;
  case LUA_TBOOLEAN:
    *out = shunt_boolean(lua_toboolean(L, -1));
    return true;
  default:
    return false;
  }
}

static bool borrow_values(lua_State *L, bind_call *c, const shunt_field **out, size_t *n) {
  shunt_field *fields = lua_istable(L, -1) ? arena_array(&c->arena, shunt_field, MOST_COLUMNS) : NULL;
  const int table = lua_gettop(L);
  if (!fields) return false;
  *out = fields;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    size_t size;
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &size) : "_";
    if (*n == MOST_COLUMNS || *name == '_' || strlen(name) != size || !borrow_value(L, &fields[*n].value)) return false;
    fields[(*n)++].name = name;
  }
  return true;
}

#define BORROW_MODEL(member, option)
#define BORROW_RELATION(member, option) BORROW_CLIENT(member, option)
#define BORROW_CLIENT(member, option)                                                                                  \
  if (strcmp(key, option) == 0) return borrow_text(L, &out->member);
#define BORROW_MODE(member, option) BORROW_CLIENT(member, option)
#define BORROW_OP(member, option)                                                                                      \
  if (strcmp(key, option) == 0) return borrow_op(L, &out->member);
#define BORROW_LEVEL(member, option)
#define BORROW_VALUES(member, option)                                                                                  \
  if (strcmp(key, option) == 0) return borrow_values(L, c, &out->member, &out->n##member);
#define BORROW(kind, id, member, name, option) BORROW_##kind(member, option)

/* The option that lua_next gave. */
static bool borrow_option(lua_State *L, bind_call *c, shunt_request *out) {
  const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
  SHUNT_REQUEST_MAP(BORROW)
  return strcmp(key, "every_rule") == 0 && borrow_flag(L, &out->every_rule);
}

static bool borrow_request(lua_State *L, bind_call *c, int index, shunt_request *out) {
  const int top = lua_gettop(L);
  if (!lua_istable(L, index)) return false;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
    if (!borrow_option(L, c, out)) {
      lua_settop(L, top);
      return false;
    }
  return true;
}

/* ---- deciding ---- */

static const shunt_decision *decide(lua_State *L, bind_call *c, const shunt_request *request) {
  const shunt_decision *decision = NULL;
  bind_busy(L, c);
  shunt_status st = shunt_resolve(c->session->session, request, &decision, &c->err);
  bind_done(L, c, st == SHUNT_E_DENIED && decision ? SHUNT_OK : st);
  return decision;
}

static int session_resolve(lua_State *L) {
  lua_settop(L, 3);
  bind_call *c = bind_enter(L, 1);
  const char *model = bind_opt_text(L, 2, "the model");
  shunt_request request = {.model = model};
  if (!lua_isnil(L, 3) && !borrow_request(L, c, 3, &request)) {
    const node *options = bind_options(L, c, 3, "session:resolve", options_request_keys);
    request = (shunt_request){.model = model};
    if (options_request(&c->arena, options, shunt_session_level(c->session->session), &request, &c->err))
      return bind_fail(L, c);
  }
  bind_push_decision(L, 1, decide(L, c, &request));
  bind_leave(L, c);
  return 1;
}

/* session:client_of(model, op): the client's name; or nil, and why the access is denied. */
static int session_client_of(lua_State *L) {
  lua_settop(L, 3);
  bind_call *c = bind_enter(L, 1);
  shunt_request request = {.model = bind_text(L, 2, "the model")};
  lua_pushvalue(L, 3);
  if (!lua_isnil(L, 3) && !borrow_op(L, &request.op))
    return bind_usage(L, "session:client_of: op is \"read\" or \"write\"");
  const shunt_decision *d = decide(L, c, &request);
  const int nresults = d->client ? 1 : 2;
  lua_pushstring(L, d->client);
  if (!d->client) lua_pushstring(L, d->denied);
  bind_leave(L, c);
  return nresults;
}

/* ---- for the module's own Lua files ---- */

/* bucket(value, n): the part that req:bucket gives for the whole number. */
static int bucket(lua_State *L) {
  const shunt_value value = shunt_integer(luaL_checkinteger(L, 1));
  const rule_read read = {.predicate = RULE_BUCKET, .of = {.parts = luaL_checkinteger(L, 2)}};
  int64_t part = 0;
  rule_tell(&read, &value, &part);
  lua_pushinteger(L, part);
  return 1;
}

/* request_options: {kind=, field= as rules see it, option=} for each but the model. */
void bind_resolve_register(lua_State *L) {
  static const bind_taking takes[] = {{"session:resolve", options_request_keys}, {NULL, NULL}};
  static const struct {
    const char *kind, *field, *option;
  } options[] = {
#define OPTION(kind, id, member, name, option) {#kind, name, option},
      SHUNT_REQUEST_MAP(OPTION)
#undef OPTION
  };
  static const luaL_Reg methods[] = {{"resolve", session_resolve}, {"client_of", session_client_of}, {NULL, NULL}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    if (strcmp(options[i].kind, "MODEL") == 0) continue;
    lua_createtable(L, 0, 3);
    lua_pushstring(L, options[i].kind);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, options[i].field);
    lua_setfield(L, -2, "field");
    lua_pushstring(L, options[i].option);
    lua_setfield(L, -2, "option");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  lua_setfield(L, -2, "request_options");
  lua_pushcfunction(L, bucket);
  lua_setfield(L, -2, "bucket");
  bind_methods(L, "session_methods", methods);
  bind_takes(L, takes);
}
