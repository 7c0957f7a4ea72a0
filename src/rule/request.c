/* For: the request as rules see it: read-only, every reading remembered.
 * Owner: one userdata a host stands for every request in turn; so do the ones for where, attrs and the instance. */
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/suggest.h"
#include "rule/host_inner.h"

static const char *const field_names[RULE_NFIELDS] = {
#define FIELD_NAME(name, text) text,
    RULE_FIELD_MAP(FIELD_NAME)
#undef FIELD_NAME
};

/* They are kept outside of the sandbox's memory. */
enum { MOST_NAMES = 10000, LONGEST_NAME = 256 };

/* Upvalues of the request's __index. */
enum { UP_WHERE = 1, UP_ATTRS, UP_INSTANCE, UP_METHODS };

static void remember(lua_State *L, rule_host *h, rule_read read) {
  if (h->nreads == h->reads_capacity && !base_grow(&h->reads, &h->reads_capacity, h->nreads + 1, sizeof *h->reads))
    luaL_error(L, "not enough memory");
  h->reads[h->nreads++] = read;
}

static inline void read_field(lua_State *L, rule_host *h, rule_field field) {
  uint32_t bit = 1u << field;
  if (h->read_mask & bit) return;
  h->read_mask |= bit;
  remember(L, h, (rule_read){field, RULE_VALUE, 0, NULL, field_names[field]});
}

void rule_host_read(rule_host *h, rule_field field) { read_field(h->sb->L, h, field); }

/* The host's own lasting copy of prefix and name, made once. */
static const char *display_name(lua_State *L, rule_host *h, map *names, const char *prefix, const char *name) {
  const char *display = map_get(names, name);
  if (display) return display;
  if (names->count >= MOST_NAMES) luaL_error(L, "rules name more than %d fields by computed names", MOST_NAMES);
  size_t before = strlen(prefix), size = strlen(name);
  if (size > LONGEST_NAME) luaL_error(L, "no column or attribute has a name of %d bytes", (int)size);
  char *made = arena_printf(&h->names, "%s%s", prefix, name);
  if (!made || !map_put(names, made + before, made)) luaL_error(L, "not enough memory");
  return made;
}

/* Counts a field below where or attrs as read, or a part of it. */
static void read_named(lua_State *L, rule_host *h, rule_field field, const char *name, rule_predicate predicate,
                       int64_t parts) {
  const char *display = field == RULE_FIELD_WHERE ? display_name(L, h, &h->where_names, "where.", name)
                                                  : display_name(L, h, &h->attr_names, "attrs.", name);
  for (size_t i = 0; i < h->nreads; i++) {
    const rule_read *r = &h->reads[i];
    if (r->display != display) continue;
    if (r->predicate == RULE_VALUE || (r->predicate == predicate && r->parts == parts)) return;
  }
  sandbox_charge(L, (int64_t)h->nreads / 8);
  remember(L, h, (rule_read){field, predicate, parts, display + 6, display});
}

static void push_text(lua_State *L, const char *text) {
  if (text)
    lua_pushstring(L, text);
  else
    lua_pushnil(L);
}

static rule_request *request_of(lua_State *L, rule_host *h) {
  if (!h->request) luaL_error(L, "the request is gone: a rule's function reads it while it runs, and keeps nothing");
  return h->request;
}

static void push_field(lua_State *L, rule_host *h, const rule_request *r, rule_field field) {
  switch (field) {
  case RULE_FIELD_MODEL:
    push_text(L, r->model);
    break;
  case RULE_FIELD_RELATION:
    push_text(L, r->relation);
    break;
  case RULE_FIELD_EXPLICIT:
    push_text(L, r->explicit_client);
    break;
  case RULE_FIELD_RELATION_CLIENT:
    push_text(L, r->relation_client);
    break;
  case RULE_FIELD_PARENT:
    push_text(L, r->parent);
    break;
  case RULE_FIELD_CURRENT:
    push_text(L, r->current);
    break;
  case RULE_FIELD_DEFAULT:
    push_text(L, r->default_client);
    break;
  case RULE_FIELD_ENV:
    push_text(L, r->env);
    break;
  case RULE_FIELD_OP:
    push_text(L, r->op);
    break;
  case RULE_FIELD_LEVEL:
    lua_pushinteger(L, r->level);
    break;
  case RULE_FIELD_IN_TRANSACTION:
    lua_pushboolean(L, r->in_transaction);
    break;
  case RULE_FIELD_CLIENT:
    push_text(L, r->client);
    return; /* what the rules before made of the request: not a part of it */
  case RULE_FIELD_TABLE:
    push_text(L, r->table);
    return;
  case RULE_FIELD_WHERE:
  case RULE_FIELD_ATTRS:
  case RULE_FIELD_INSTANCE:
  case RULE_NFIELDS:
    lua_pushnil(L);
    return;
  }
  read_field(L, h, field);
}

/* Raises for a name that is no field of what. */
static int no_field(lua_State *L, const char *what, const char *name, const char *const *known, size_t n) {
  suggest s = suggest_for(name);
  for (size_t i = 0; i < n; i++) suggest_try(&s, known[i]);
  return luaL_error(L, "%s has no field '%s'%s", what, name, suggest_text(&s));
}

static int request_index(lua_State *L) {
  rule_host *h = host_of(L);
  const char *key = lua_tostring(L, 2);
  if (!key) return luaL_error(L, "the request has fields by name alone");
  const host_slot *slot = &h->slots[((uintptr_t)key >> 4) % HOST_SLOTS];
  while (slot->text && slot->text != key) slot = slot + 1 == h->slots + HOST_SLOTS ? h->slots : slot + 1;
  if (!slot->text) return no_field(L, "the request", key, field_names, RULE_NFIELDS);
  if (slot->field < 0) {
    lua_rawgeti(L, lua_upvalueindex(UP_METHODS), -slot->field);
    return 1;
  }
  const rule_request *r = request_of(L, h);
  switch (slot->field) {
  case RULE_FIELD_WHERE:
    lua_pushvalue(L, lua_upvalueindex(UP_WHERE));
    return 1;
  case RULE_FIELD_ATTRS:
    lua_pushvalue(L, lua_upvalueindex(UP_ATTRS));
    return 1;
  case RULE_FIELD_INSTANCE:
    if (r->instance)
      lua_pushvalue(L, lua_upvalueindex(UP_INSTANCE));
    else
      lua_pushnil(L);
    return 1;
  default:
    push_field(L, h, r, (rule_field)slot->field);
    return 1;
  }
}

static int read_only(lua_State *L) {
  return luaL_error(L, "the request is read-only: a rule answers, and changes nothing");
}

const shunt_value *rule_where(const shunt_field *where, size_t n, const char *column) {
  for (size_t i = 0; i < n; i++)
    if (cat_same_column(where[i].name, column)) return &where[i].value;
  return NULL;
}

const shunt_value *rule_attr(const shunt_field *attrs, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(attrs[i].name, name) == 0) return &attrs[i].value;
  return NULL;
}

/* The value of a column or attribute, counted as read; NULL where it is absent. */
static const shunt_value *named_value(lua_State *L, rule_host *h, rule_field field, const char *name,
                                      rule_predicate predicate, int64_t parts) {
  const rule_request *r = request_of(L, h);
  read_named(L, h, field, name, predicate, parts);
  const shunt_value *value =
      field == RULE_FIELD_WHERE ? rule_where(r->where, r->nwhere, name) : rule_attr(r->attrs, r->nattrs, name);
  return value && value->type != SHUNT_NULL ? value : NULL;
}

static int push_named(lua_State *L, rule_host *h, rule_field field, const char *name) {
  const shunt_value *value = named_value(L, h, field, name, RULE_VALUE, 0);
  if (value)
    host_push_value(L, value);
  else
    lua_pushnil(L);
  return 1;
}

/* The field that a path's beginning names, if it is where or attrs. */
static bool is_named_path(const char *path, rule_field *field) {
  *field = RULE_FIELD_WHERE;
  if (strncmp(path, "where.", 6) == 0) return true;
  *field = RULE_FIELD_ATTRS;
  return strncmp(path, "attrs.", 6) == 0;
}

const shunt_value *host_subject(lua_State *L, rule_host *h, const char *path, rule_predicate predicate, int64_t parts,
                                shunt_value *room) {
  rule_field field;
  if (is_named_path(path, &field)) return named_value(L, h, field, path + 6, predicate, parts);
  host_push_path(L, h, path);
  return host_value(L, -1, room) ? room : NULL;
}

static int where_index(lua_State *L) { return push_named(L, host_of(L), RULE_FIELD_WHERE, luaL_checkstring(L, 2)); }

static int attrs_index(lua_State *L) { return push_named(L, host_of(L), RULE_FIELD_ATTRS, luaL_checkstring(L, 2)); }

static void push_node(lua_State *L, const node *n) {
  luaL_checkstack(L, 4, "the instance's config is too deep");
  switch (n->kind) {
  case NODE_VALUE:
    host_push_value(L, &n->value);
    break;
  case NODE_LIST:
    lua_createtable(L, (int)n->count, 0);
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

/* Made once for as long as something holds it: the cache (the upvalue) is weak. */
static void push_config(lua_State *L, const node *config) {
  if (!config) {
    lua_pushnil(L);
    return;
  }
  if (lua_rawgetp(L, lua_upvalueindex(1), config) != LUA_TNIL) return;
  lua_pop(L, 1);
  push_node(L, config);
  sandbox_freeze(L, -1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, lua_upvalueindex(1), config);
}

static int instance_index(lua_State *L) {
  static const char *const known[] = {"name", "id", "isolate", "isolateClient", "config", "title"};
  rule_host *h = host_of(L);
  const cat_instance *i = request_of(L, h)->instance;
  const char *name = luaL_checkstring(L, 2);
  read_field(L, h, RULE_FIELD_INSTANCE);
  if (strcmp(name, "name") == 0)
    push_text(L, i->name);
  else if (strcmp(name, "isolate") == 0)
    lua_pushboolean(L, i->isolate);
  else if (strcmp(name, "isolateClient") == 0)
    push_text(L, i->isolate_client ? i->isolate_client->name : NULL);
  else if (strcmp(name, "config") == 0)
    push_config(L, i->config);
  else if (strcmp(name, "title") == 0)
    push_text(L, i->title);
  else if (strcmp(name, "id") != 0)
    return no_field(L, "an instance", name, known, sizeof known / sizeof *known);
  else if (i->has_number)
    lua_pushinteger(L, i->number);
  else
    lua_pushnil(L);
  return 1;
}

void host_push_path(lua_State *L, rule_host *h, const char *path) {
  rule_field field;
  if (is_named_path(path, &field)) {
    push_named(L, h, field, path + 6);
    return;
  }
  if (strcmp(path, "instance.id") == 0 || strcmp(path, "instance.name") == 0) {
    const cat_instance *i = request_of(L, h)->instance;
    read_field(L, h, RULE_FIELD_INSTANCE);
    if (!i || (path[9] == 'i' && !i->has_number))
      lua_pushnil(L);
    else if (path[9] == 'i')
      lua_pushinteger(L, i->number);
    else
      lua_pushstring(L, i->name);
    return;
  }
  for (int f = 0; f < RULE_NFIELDS; f++) {
    if (f == RULE_FIELD_INSTANCE || f == RULE_FIELD_WHERE || f == RULE_FIELD_ATTRS || strcmp(path, field_names[f]) != 0)
      continue;
    push_field(L, h, request_of(L, h), (rule_field)f);
    return;
  }
  luaL_error(L,
             "there is no field '%s' to ask of: it is a field of the request, where.COLUMN, attrs.NAME, instance.id or "
             "instance.name",
             path);
}

/* A userdata whose only use is its metatable, left on the stack. */
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

/* The name's own text, kept alive by the registry, found again by its address. */
static void add_slot(lua_State *L, rule_host *h, const char *name, int field) {
  lua_pushstring(L, name);
  const char *text = lua_tostring(L, -1);
  luaL_ref(L, LUA_REGISTRYINDEX);
  size_t i = ((uintptr_t)text >> 4) % HOST_SLOTS;
  while (h->slots[i].text) i = (i + 1) % HOST_SLOTS;
  h->slots[i] = (host_slot){text, field};
}

void host_open_request(lua_State *L, rule_host *h) {
  for (int f = 0; f < RULE_NFIELDS; f++) add_slot(L, h, field_names[f], f);
  push_proxy(L, "the request's where", where_index, 0);
  push_proxy(L, "the request's attrs", attrs_index, 0);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  push_proxy(L, "an instance", instance_index, 1);
  lua_newtable(L);
  for (int i = 0; host_predicates[i].name; i++) {
    add_slot(L, h, host_predicates[i].name, -(i + 1));
    lua_pushcfunction(L, host_predicates[i].func);
    lua_rawseti(L, -2, i + 1);
  }
  push_proxy(L, "the request", request_index, UP_METHODS);
  h->request_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
