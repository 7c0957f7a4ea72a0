/* The request in Lua: read-only, and each read is recorded. One userdata of the host stands for every request in turn;
 * so do the userdata for where, attrs, the
 * instance and the transaction. */
#include <lauxlib.h>
#include <string.h>

#include "base/suggest.h"
#include "rule/cost.h"
#include "rule/host_inner.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

/* Upvalues of the request's __index. */
enum { UP_WHERE = 1, UP_ATTRS, UP_INSTANCE, UP_TRANSACTION, UP_METHODS };

/* Pushes the value; NULL is nil. */
static void push_value(lua_State *L, const shunt_value *value) {
  if (value)
    host_push_value(L, value);
  else
    lua_pushnil(L);
}

static void push_field(lua_State *L, rule_host *h, const rule_view *view, rule_field field) {
  shunt_value room;
  push_value(L, rule_view_value(view, field, NULL, &room));
  host_read(L, h, field);
}

static void push_read(lua_State *L, rule_host *h, rule_field field, const char *name) {
  const rule_view *view = host_view(L, h);
  shunt_value room;
  host_read_named(L, h, field, name);
  push_value(L, rule_view_value(view, field, name, &room));
}

/* Raises for a name that is no field of what. */
static int no_field(lua_State *L, const char *what, const char *name, const char *const *known, size_t n) {
  sandbox_charge(L, COST_LOOK);
  suggest s = suggest_for(name);
  for (size_t i = 0; i < n; i++) suggest_try(&s, known[i]);
  return luaL_error(L, "%s has no field '%s'%s", what, name, suggest_text(&s));
}

static int request_index(lua_State *L) {
  rule_host *h = host_of(L);
  const char *key = lua_tostring(L, 2);
  if (!key)
    return luaL_error(L, "the request has no field [%s]: its fields have names, such as req.model", host_shown(L, 2));
  const host_slot *slot = &h->slots[((uintptr_t)key >> 4) % HOST_SLOTS];
  while (slot->text && slot->text != key) slot = slot + 1 == h->slots + HOST_SLOTS ? h->slots : slot + 1;
  if (!slot->text) return no_field(L, "the request", key, host_field_names, RULE_NFIELDS);
  if (slot->field < 0) {
    lua_rawgeti(L, lua_upvalueindex(UP_METHODS), -slot->field);
    return 1;
  }
  const rule_view *view = host_view(L, h);
  switch (slot->field) {
  case RULE_FIELD_WHERE:
    lua_pushvalue(L, lua_upvalueindex(UP_WHERE));
    return 1;
  case RULE_FIELD_ATTRS:
    lua_pushvalue(L, lua_upvalueindex(UP_ATTRS));
    return 1;
  case RULE_FIELD_INSTANCE:
    lua_pushvalue(L, lua_upvalueindex(UP_INSTANCE));
    return 1;
  case RULE_FIELD_TRANSACTION:
    host_read(L, h, RULE_FIELD_TRANSACTION);
    if (view->request->transaction)
      lua_pushvalue(L, lua_upvalueindex(UP_TRANSACTION));
    else
      lua_pushnil(L);
    return 1;
  case RULE_FIELD_WROTE: /* before the refine stage there is no candidate */
    if (!view->client) {
      lua_pushnil(L);
      return 1;
    }
    push_read(L, h, RULE_FIELD_WROTE, view->client);
    return 1;
  default:
    push_field(L, h, view, (rule_field)slot->field);
    return 1;
  }
}

static int read_only(lua_State *L) {
  return luaL_error(L, "the request is read-only: return an answer instead of setting %s", host_shown(L, 2));
}

static int push_named(lua_State *L, rule_field field) {
  push_read(L, host_of(L), field, host_text_of(L, 2, "the request", "the name of a field"));
  return 1;
}

static int where_index(lua_State *L) { return push_named(L, RULE_FIELD_WHERE); }

static int attrs_index(lua_State *L) { return push_named(L, RULE_FIELD_ATTRS); }

static int transaction_index(lua_State *L) {
  const char *name = host_text_of(L, 2, "the transaction", "the name of a field");
  size_t n = 0;
  for (; host_transaction_names[n]; n++)
    if (strcmp(name, host_transaction_names[n]) == 0) return push_named(L, RULE_FIELD_TRANSACTION);
  return no_field(L, "a transaction", name, host_transaction_names, n);
}

static void push_node(lua_State *L, const node *n) {
  sandbox_room(L, 4, "the instance's config is nested too deep");
  switch (n->kind) {
  case NODE_VALUE:
    host_push_value(L, &n->value);
    break;
  case NODE_LIST:
    lib_new_list(L, n->count);
    for (size_t i = 0; i < n->count; i++) {
      push_node(L, n->items[i]);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    break;
  case NODE_MAP:
    lua_createtable(L, 0, (int)n->count);
    for (size_t i = 0; i < n->count; i++) {
      push_node(L, n->entries[i].value);
      lua_setfield(L, -2, n->entries[i].key);
    }
    break;
  case NODE_FUNCTION:
    lua_pushnil(L);
    break;
  }
}

static const char CONFIG_KEY; /* in the registry: the last config that a rule read */

/* Made once while it is in use: the cache (the upvalue) has weak values. The last one is kept, so that a rule finds the
 * same tables in it each time, whenever garbage is collected: an evaluation has one instance. */
static void push_config(lua_State *L, const node *config) {
  if (!config) {
    lua_pushnil(L);
    return;
  }
  if (lua_rawgetp(L, lua_upvalueindex(1), config) == LUA_TNIL) {
    lua_pop(L, 1);
    sandbox_trust(L, true); /* its keys come from the app config, however many they are */
    push_node(L, config);
    sandbox_freeze(L, -1);
    sandbox_trust(L, false);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, lua_upvalueindex(1), config);
  }
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &CONFIG_KEY);
}

static int instance_index(lua_State *L) {
  rule_host *h = host_of(L);
  const rule_view *view = host_view(L, h);
  const char *name = host_text_of(L, 2, "the instance", "the name of a field");
  size_t which = 0;
  while (which < HOST_INSTANCE_FIELDS && strcmp(name, host_instance_names[which]) != 0) which++;
  if (which == HOST_INSTANCE_FIELDS) return no_field(L, "an instance", name, host_instance_names, which);
  rule_field field = (rule_field)(RULE_INSTANCE_NAME + which);
  if (field != RULE_INSTANCE_CONFIG) {
    push_field(L, h, view, field);
    return 1;
  }
  host_read(L, h, field);
  push_config(L, view->request->instance->config);
  return 1;
}

/* Pushes a userdata that only has a metatable. */
static void push_proxy(lua_State *L, const char *name, lua_CFunction index, int nupvalues) {
  lua_pushcclosure(L, index, nupvalues);
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, read_only);
  lua_setfield(L, -2, "__newindex");
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

/* Adds the name. The registry keeps its text alive, and request_index finds it by its address. */
static void add_slot(lua_State *L, rule_host *h, const char *name, int field) {
  lua_pushstring(L, name);
  const char *text = lua_tostring(L, -1);
  luaL_ref(L, LUA_REGISTRYINDEX);
  size_t i = ((uintptr_t)text >> 4) % HOST_SLOTS;
  while (h->slots[i].text) i = (i + 1) % HOST_SLOTS;
  h->slots[i] = (host_slot){text, field};
}

void host_open_request(lua_State *L, rule_host *h) {
  for (int f = 0; f < RULE_NFIELDS; f++) add_slot(L, h, host_field_names[f], f);
  push_proxy(L, "the request's where", where_index, 0);
  push_proxy(L, "the request's attrs", attrs_index, 0);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  push_proxy(L, "an instance", instance_index, 1);
  push_proxy(L, "a transaction", transaction_index, 0);
  lua_newtable(L);
  for (int i = 0; host_predicates[i].name; i++) {
    add_slot(L, h, host_predicates[i].name, -(i + 1));
    lua_pushcfunction(L, host_predicates[i].func);
    lua_rawseti(L, -2, i + 1);
  }
  push_proxy(L, "the request", request_index, UP_METHODS);
  h->request_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
