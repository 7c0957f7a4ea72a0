/* The functions without a library: assert, pairs, pcall and so on. */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

/* ---- pairs, in a fixed order ---- */

typedef enum key_kind { KEY_INTEGER, KEY_FLOAT, KEY_TEXT, KEY_BOOLEAN } key_kind;

typedef struct walk_key {
  key_kind kind;
  lua_Integer slot; /* in the table of keys */
  union {
    lua_Integer integer;
    lua_Number number;
    const char *text;
  } as;
  size_t size;
} walk_key;

typedef struct walk {
  size_t at;
  size_t count;
  walk_key keys[];
} walk;

/* upvalues of a walk: its state, a table that keeps its keys alive, the table itself */
enum { WALK_STATE = 1, WALK_KEYS, WALK_TABLE };

static int compare_keys(const walk_key *a, const walk_key *b) {
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  switch (a->kind) {
  case KEY_INTEGER:
  case KEY_BOOLEAN:
    return a->as.integer < b->as.integer ? -1 : a->as.integer > b->as.integer;
  case KEY_FLOAT:
    return a->as.number < b->as.number ? -1 : a->as.number > b->as.number;
  case KEY_TEXT:
    break;
  }
  size_t shorter = a->size < b->size ? a->size : b->size;
  int order = memcmp(a->as.text, b->as.text, shorter);
  return order ? order : a->size < b->size ? -1 : a->size > b->size;
}

static void sift_down(walk_key *keys, size_t root, size_t count) {
  for (size_t child; (child = root * 2 + 1) < count; root = child) {
    if (child + 1 < count && compare_keys(&keys[child], &keys[child + 1]) < 0) child++;
    if (compare_keys(&keys[root], &keys[child]) >= 0) return;
    walk_key swap = keys[root];
    keys[root] = keys[child];
    keys[child] = swap;
  }
}

/* Heapsort: no recursion, no memory, and n log n in every case. */
static void sort_keys(walk_key *keys, size_t count) {
  bool sorted = true;
  for (size_t i = 1; i < count && sorted; i++) sorted = compare_keys(&keys[i - 1], &keys[i]) < 0;
  if (sorted) return;
  for (size_t i = count / 2; i > 0; i--) sift_down(keys, i - 1, count);
  for (size_t end = count; end > 1; end--) {
    walk_key swap = keys[0];
    keys[0] = keys[end - 1];
    keys[end - 1] = swap;
    sift_down(keys, 0, end - 1);
  }
}

static void read_key(lua_State *L, int index, walk_key *key) {
  switch (lua_type(L, index)) {
  case LUA_TNUMBER:
    if (lua_isinteger(L, index)) {
      key->kind = KEY_INTEGER;
      key->as.integer = lua_tointeger(L, index);
    } else {
      key->kind = KEY_FLOAT;
      key->as.number = lua_tonumber(L, index);
    }
    break;
  case LUA_TSTRING:
    key->kind = KEY_TEXT;
    key->as.text = lua_tolstring(L, index, &key->size);
    break;
  case LUA_TBOOLEAN:
    key->kind = KEY_BOOLEAN;
    key->as.integer = lua_toboolean(L, index);
    break;
  default: /* count_keys has refused it */
    break;
  }
}

/* To find the next key passes over empty slots, and searches a chain of keys that collide: both without a number. Of
 * several types without an order, the message names the first by number: which key comes first changes. */
static size_t count_keys(lua_State *L, int table) {
  size_t count = 0;
  int odd = LUA_NUMTYPES;
  sandbox_look(L);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    const int type = lua_type(L, -2);
    if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN && type < odd) odd = type;
    if (count++ % LIB_LOOK_AFTER == 0) sandbox_look(L);
    sandbox_charge(L, cost_slots(1));
  }
  if (odd < LUA_NUMTYPES)
    luaL_error(L, "pairs: a key that is a %s has no order: use texts, numbers or booleans as keys",
               lua_typename(L, odd));
  return count;
}

int lib_pairs_next(lua_State *L) {
  walk *w = lua_touserdata(L, lua_upvalueindex(WALK_STATE));
  while (w->at < w->count) {
    lua_rawgeti(L, lua_upvalueindex(WALK_KEYS), w->keys[w->at++].slot);
    lua_pushvalue(L, -1);
    lua_rawget(L, lua_upvalueindex(WALK_TABLE));
    if (!lua_isnil(L, -1)) return 2;
    lua_pop(L, 2); /* removed since the walk began */
    sandbox_charge(L, 1);
  }
  lua_pushnil(L);
  return 1;
}

static int base_pairs(lua_State *L) {
  if (lua_type(L, 1) == LUA_TUSERDATA)
    return luaL_error(L, "a request can't be enumerated: name the fields that the rule needs");
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  sandbox_contents(L, 1);
  sandbox_charge(L, 1);
  size_t count = count_keys(L, 2);
  sandbox_charge(L, cost_sorted(count));
  walk *w = lua_newuserdatauv(L, sizeof *w + count * sizeof *w->keys, 0); /* 3 */
  w->at = 0;
  w->count = count;
  lib_new_list(L, count); /* 4 */
  lua_Integer slot = 0;
  size_t bytes = 0;
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
    if (slot % LIB_LOOK_AFTER == 0) sandbox_look(L);
    read_key(L, 5, &w->keys[slot]);
    w->keys[slot].slot = slot + 1;
    if (w->keys[slot].kind == KEY_TEXT) bytes += w->keys[slot].size;
    lua_pushvalue(L, 5);
    lua_rawseti(L, 4, ++slot);
  }
  for (size_t n = count; n > 1; n >>= 1) sandbox_charge(L, cost_copied(bytes)); /* texts may begin alike */
  sort_keys(w->keys, count);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, lib_pairs_next, WALK_TABLE);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

static int ipairs_next(lua_State *L) {
  lua_Integer i = luaL_intop(+, lua_tointeger(L, 2), 1);
  lua_pushinteger(L, i);
  return lua_geti(L, 1, i) == LUA_TNIL ? 1 : 2;
}

static int base_ipairs(lua_State *L) {
  if (lua_type(L, 1) == LUA_TUSERDATA)
    return luaL_error(L, "a request can't be enumerated: name the fields that the rule needs");
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushcfunction(L, ipairs_next);
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

/* ---- protected calls, which don't protect from limits ---- */

static int finish_pcall(lua_State *L, int status, int first) {
  if (sandbox_ended(sandbox_inner_of(L), status)) return sandbox_raise(L);
  if (status == LUA_OK) return lua_gettop(L) - first + 1;
  sandbox_trust(L, false); /* the error may have left it on */
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

static int base_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
  return finish_pcall(L, status, 1);
}

static int guarded_handler(lua_State *L) {
  sandbox_inner *in = sandbox_inner_of(L);
  if (in->s.hit || in->out_of_memory) return 1;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

static int base_xpcall(lua_State *L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, guarded_handler, 1);
  lua_replace(L, 2); /* f, handler, arguments */
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2); /* f, handler, true, f, arguments */
  int status = lua_pcall(L, lua_gettop(L) - 4, LUA_MULTRET, 2);
  return finish_pcall(L, status, 3);
}

/* ---- the rest ---- */

static int base_tostring(lua_State *L) {
  luaL_checkany(L, 1);
  lib_tostring(L, 1, NULL);
  return 1;
}

static int base_rawlen(lua_State *L) {
  luaL_argexpected(L, lua_istable(L, 1) || lua_type(L, 1) == LUA_TSTRING, 1, "table or string");
  if (lua_istable(L, 1)) {
    sandbox_contents(L, 1);
    lua_replace(L, 1);
  }
  lua_pushinteger(L, lua_istable(L, 1) ? lib_length(L, 1) : (lua_Integer)lua_rawlen(L, 1));
  return 1;
}

void lib_add_base(lua_State *L) {
  static const luaL_Reg own[] = {
      {"pairs", base_pairs},       {"ipairs", base_ipairs}, {"pcall", base_pcall}, {"xpcall", base_xpcall},
      {"tostring", base_tostring}, {"rawlen", base_rawlen}, {NULL, NULL}};
  static const char *const borrowed[] = {"assert", "error", "rawequal", "select", "type", "tonumber", NULL};
  lua_pushcfunction(L, luaopen_base);
  lua_call(L, 0, 1);
  lua_pushvalue(L, -2);
  lib_borrow(L, -2, borrowed);
  luaL_setfuncs(L, own, 0);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  lua_pop(L, 2);
}
