#include "rule/lua_node.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tables may share tables, so that a small value can unfold into a huge tree. The limits are on the tree. */
enum { MAX_DEPTH = 64, MAX_NODES = 1000000, MAX_BYTES = 64 << 20 };

/* The path to the current value, for messages and for finding a table inside itself. */
typedef struct step {
  const struct step *up;
  const void *table;
  const char *key;    /* or NULL: a list's */
  lua_Integer number; /* position in a list */
} step;

typedef struct conversion {
  lua_State *L;
  arena *a;
  place at;
  int (*function_ref)(lua_State *L, int index, void *ud);
  void *ud;
  shunt_error *err;
  size_t nodes;
  size_t bytes;
} conversion;

typedef enum key_kind { KEY_TEXT, KEY_POSITION, KEY_ODD } key_kind; /* odd: of another type, or an integer below 1 */

static key_kind kind_of_key(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TSTRING) return KEY_TEXT;
  return lua_isinteger(L, index) && lua_tointeger(L, index) >= 1 ? KEY_POSITION : KEY_ODD;
}

static bool goes_first(lua_State *L, int key, int other) {
  const int type = lua_type(L, key);
  if (type != lua_type(L, other)) return type < lua_type(L, other);
  return (type == LUA_TNUMBER || type == LUA_TSTRING) && lua_compare(L, key, other, LUA_OPLT);
}

void lua_node_first_key(lua_State *L, int index, lua_node_key wanted, const void *ud) {
  index = lua_absindex(L, index);
  lua_pushnil(L);
  const int first = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index);) {
    lua_pop(L, 1);
    if (wanted(L, ud) && (lua_isnil(L, first) || goes_first(L, first + 1, first))) lua_copy(L, -1, first);
  }
}

static bool is_of_kind(lua_State *L, const void *kind) { return kind_of_key(L, -1) == *(const key_kind *)kind; }

lua_shape lua_node_shape(lua_State *L, int index, size_t *count) {
  index = lua_absindex(L, index);
  size_t n[3] = {0, 0, 0};
  lua_Integer most = 0;
  for (lua_pushnil(L); lua_next(L, index);) {
    lua_pop(L, 1);
    const key_kind kind = kind_of_key(L, -1);
    n[kind]++;
    if (kind == KEY_POSITION && lua_tointeger(L, -1) > most) most = lua_tointeger(L, -1);
  }
  *count = n[KEY_TEXT] + n[KEY_POSITION];
  const key_kind misfit = n[KEY_ODD] ? KEY_ODD : KEY_TEXT;
  if (n[KEY_ODD] || (n[KEY_TEXT] && n[KEY_POSITION]))
    lua_node_first_key(L, index, is_of_kind, &misfit);
  else if (n[KEY_POSITION] != (size_t)most)
    lua_pushinteger(L, most); /* a list with a hole: its last key lies after the hole */
  else
    return n[KEY_TEXT] ? LUA_SHAPE_MAP : most ? LUA_SHAPE_LIST : LUA_SHAPE_EMPTY;
  return LUA_SHAPE_MIXED;
}

static size_t write_way(const step *s, char *to, size_t room) {
  if (!s || !s->up) return 0;
  size_t used = write_way(s->up, to, room);
  if (used >= room) return used;
  int more = s->key ? snprintf(to + used, room - used, "%s%s", used ? "." : "", s->key)
                    : snprintf(to + used, room - used, "[%lld]", (long long)s->number);
  return more < 0 ? used : used + (size_t)more;
}

static shunt_status refuse(conversion *c, const step *s, const char *what) {
  char way[200] = "";
  write_way(s, way, sizeof way);
  shunt_status status = error_set(c->err, SHUNT_E_USAGE, "%s%s%s", way[0] ? way : "", way[0] ? ": " : "", what);
  if (c->at.file) error_place(c->err, c->at.file, c->at.line, c->at.column);
  return status;
}

static shunt_status refuse_nul(conversion *c, const step *s, const char *thing, const char *text) {
  char what[160];
  snprintf(what, sizeof what, "the %s that begins with '%.60s' contains a NUL character: remove it", thing, text);
  return refuse(c, s, what);
}

static shunt_status refuse_key(conversion *c, const step *s) {
  char what[160];
  lua_State *L = c->L;
  if (lua_type(L, -1) == LUA_TSTRING)
    snprintf(what, sizeof what,
             "the key '%.60s' stands among list items: a table is either a list or has names as keys",
             lua_tostring(L, -1));
  else if (lua_isinteger(L, -1))
    snprintf(what, sizeof what,
             "the key [%lld] fits neither a list without holes (shunt.null stands for nothing) nor a table of names",
             (long long)lua_tointeger(L, -1));
  else
    snprintf(what, sizeof what, "a %s can't be a key: a table is either a list or has names as keys",
             lua_typename(L, lua_type(L, -1)));
  lua_pop(L, 1);
  return refuse(c, s, what);
}

static shunt_status convert(conversion *c, int index, const step *s, int depth, node **out);

static int by_key(const void *a, const void *b) {
  return strcmp(((const node_entry *)a)->key, ((const node_entry *)b)->key);
}

/* The table's keys, sorted: Lua's own order changes from run to run, and the first reported mistake must not. */
static shunt_status sorted_keys(conversion *c, int index, const step *s, node *to) {
  lua_State *L = c->L;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size); /* a string already, so lua_tolstring changes nothing */
    bool fits = strlen(text) == size;
    char *key = fits ? arena_strndup(c->a, text, size) : NULL;
    if (!key) {
      shunt_status status = fits ? error_memory(c->err) : refuse_nul(c, s, "key", text);
      lua_pop(L, 1);
      return status;
    }
    to->entries[to->count++] = (node_entry){key, c->at, NULL};
  }
  qsort(to->entries, to->count, sizeof *to->entries, by_key);
  return SHUNT_OK;
}

static shunt_status convert_map(conversion *c, int index, const step *s, int depth, node *to, size_t count) {
  lua_State *L = c->L;
  to->entries = arena_array(c->a, node_entry, count);
  if (!to->entries) return error_memory(c->err);
  to->capacity = count;
  shunt_status status = sorted_keys(c, index, s, to);
  for (size_t i = 0; i < to->count && !status; i++) {
    step next = {s, NULL, to->entries[i].key, 0};
    lua_pushstring(L, to->entries[i].key);
    lua_rawget(L, index);
    status = convert(c, lua_gettop(L), &next, depth + 1, &to->entries[i].value);
    lua_pop(L, 1);
  }
  return status;
}

static shunt_status convert_list(conversion *c, int index, const step *s, int depth, node *to, size_t count) {
  lua_State *L = c->L;
  to->items = arena_array(c->a, node *, count);
  if (!to->items) return error_memory(c->err);
  to->capacity = count;
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    step next = {s, NULL, NULL, (lua_Integer)i + 1};
    shunt_status status = convert(c, lua_gettop(L), &next, depth + 1, &to->items[i]);
    lua_pop(L, 1);
    if (status) return status;
    to->count++;
  }
  return SHUNT_OK;
}

/* {"50!%", escape = "!"}: the one kind of table that is a list and has a name. */
static bool is_pattern(lua_State *L, int index) {
  size_t keys = 0;
  lua_pushnil(L);
  for (; lua_next(L, index); lua_pop(L, 1)) keys++;
  lua_rawgeti(L, index, 1);
  lua_pushliteral(L, "escape");
  lua_rawget(L, index);
  bool is = keys == 2 && lua_type(L, -1) == LUA_TSTRING && lua_type(L, -2) == LUA_TSTRING;
  lua_pop(L, 2);
  return is;
}

static shunt_status convert_pattern(conversion *c, int index, const step *s, int depth, node **out) {
  lua_State *L = c->L;
  node *to = *out = node_map(c->a, c->at), *pattern = NULL, *escape = NULL;
  if (!to) return error_memory(c->err);
  lua_rawgeti(L, index, 1);
  lua_pushliteral(L, "escape");
  lua_rawget(L, index);
  shunt_status status = convert(c, lua_absindex(L, -2), s, depth, &pattern);
  if (!status) status = convert(c, lua_absindex(L, -1), s, depth, &escape);
  lua_pop(L, 2);
  if (status) return status;
  bool put = node_put(c->a, to, "pattern", c->at, pattern) && node_put(c->a, to, "escape", c->at, escape);
  return put ? SHUNT_OK : error_memory(c->err);
}

static shunt_status convert_table(conversion *c, int index, const step *s, int depth, node **out) {
  if (depth > MAX_DEPTH) return refuse(c, s, "tables are nested more than 64 deep: make the value flatter");
  step here = s ? *s : (step){NULL, NULL, NULL, 0};
  here.table = lua_topointer(c->L, index);
  for (const step *up = here.up; up; up = up->up)
    if (up->table == here.table) return refuse(c, s, "the table contains itself: leave that part out");
  if (!lua_checkstack(c->L, 8)) return error_memory(c->err);
  size_t count;
  lua_shape shape = lua_node_shape(c->L, index, &count);
  if (shape == LUA_SHAPE_MIXED && is_pattern(c->L, index)) {
    lua_pop(c->L, 1); /* the key that does not fit */
    return convert_pattern(c, index, &here, depth, out);
  }
  if (shape == LUA_SHAPE_MIXED) return refuse_key(c, s);
  if (count > MAX_NODES - c->nodes)
    return refuse(c, s, "the value has more than 1,000,000 parts, counting a table each time it appears: split it");
  node *to = shape == LUA_SHAPE_LIST ? node_list(c->a, c->at) : node_map(c->a, c->at);
  if (!to) return error_memory(c->err);
  *out = to;
  if (count == 0) return SHUNT_OK;
  return shape == LUA_SHAPE_LIST ? convert_list(c, index, &here, depth, to, count)
                                 : convert_map(c, index, &here, depth, to, count);
}

static shunt_status convert_bytes(conversion *c, const step *s, shunt_value value, size_t size, node **out) {
  if (size > MAX_BYTES - c->bytes)
    return refuse(c, s, "the value has too many bytes of text, more than 64 MiB: split it");
  c->bytes += size;
  *out = node_value(c->a, c->at, value);
  return *out ? SHUNT_OK : error_memory(c->err);
}

static shunt_status convert_scalar(conversion *c, const step *s, shunt_value value, node **out) {
  bool declared = c->function_ref != NULL;
  if (declared && value.type == SHUNT_FLOAT && value.as.number != value.as.number)
    return refuse(c, s, "the number is NaN, which equals nothing on most engines: give another number, or null");
  *out = node_value(c->a, c->at, value);
  return *out ? SHUNT_OK : error_memory(c->err);
}

static shunt_status convert_userdata(conversion *c, int index, const step *s, node **out) {
  lua_blob *blob = luaL_testudata(c->L, index, LUA_NODE_BLOB);
  if (!blob && c->function_ref)
    return refuse(c, s, "an answer can't stand here: return deny and pick from a function, function(req) … end");
  if (!blob) return refuse(c, s, "a userdata can't stand here: make binary values with shunt.blob");
  return convert_bytes(c, s, shunt_blob(blob->bytes, blob->size), blob->size, out);
}

static shunt_status convert(conversion *c, int index, const step *s, int depth, node **out) {
  lua_State *L = c->L;
  if (++c->nodes > MAX_NODES)
    return refuse(c, s, "the value has more than 1,000,000 parts, counting a table each time it appears: split it");
  if (!lua_checkstack(L, 4)) return error_memory(c->err);
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN:
    return convert_scalar(c, s, shunt_boolean(lua_toboolean(L, index)), out);
  case LUA_TNUMBER:
    return convert_scalar(
        c, s, lua_isinteger(L, index) ? shunt_integer(lua_tointeger(L, index)) : shunt_float(lua_tonumber(L, index)),
        out);
  case LUA_TSTRING: {
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    if (c->function_ref && strlen(text) != size) return refuse_nul(c, s, "text", text); /* for C, which would cut it */
    return convert_bytes(c, s, shunt_text(text, size), size, out);
  }
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, index))
      return refuse(c, s, "a light userdata can't stand here: give a text, a number, a boolean, a table or shunt.null");
    return convert_scalar(c, s, shunt_null(), out);
  case LUA_TUSERDATA:
    return convert_userdata(c, index, s, out);
  case LUA_TTABLE:
    return convert_table(c, index, s, depth, out);
  case LUA_TFUNCTION:
    if (!c->function_ref)
      return refuse(c, s, "a function can't stand here: give a text, a number, a boolean, a table or shunt.null");
    *out = node_function(c->a, c->at, c->function_ref(L, index, c->ud));
    return *out ? SHUNT_OK : error_memory(c->err);
  default:
    break;
  }
  char what[120];
  snprintf(what, sizeof what, "a %s can't stand here: give a text, a number, a boolean, a table or shunt.null",
           luaL_typename(L, index));
  return refuse(c, s, what);
}

shunt_status lua_node_declared(lua_State *L, int index, arena *a, const lua_node_rules *rules, node **out,
                               shunt_error *err) {
  conversion c = {.L = L, .a = a, .at = rules->at, .function_ref = rules->function_ref, .ud = rules->ud, .err = err};
  node *made = NULL;
  shunt_status status = convert(&c, lua_absindex(L, index), NULL, 1, &made);
  if (!status) *out = made;
  return status;
}

shunt_status lua_node_from(lua_State *L, int index, arena *a, node **out, shunt_error *err) {
  static const lua_node_rules data = {.function_ref = NULL};
  return lua_node_declared(L, index, a, &data, out, err);
}
