#include <limits.h>

#include "bind/bind.h"

/* Related rows are pushed once, in one list; the lists of the parents refer to them. A row that several parents share
 * is one table. */

static bool one(shunt_kind kind) { return kind == SHUNT_HAS_ONE || kind == SHUNT_BELONGS_TO; }

static int room(size_t n) { return n > INT_MAX ? INT_MAX : (int)n; }

/* Sets the related rows in the row on top of the stack. The relation's name is at index name, and the list of all its
 * rows one above. */
static void push_related(lua_State *L, const shunt_rows *rows, size_t relation, size_t row, int name) {
  size_t n;
  int all = name + 1;
  const uint32_t *positions = shunt_rows_related(rows, relation, row, &n);
  if (!shunt_rows_loaded(rows, relation).rows) {
    lua_pushvalue(L, name);
    lua_pushinteger(L, (lua_Integer)n);
    lua_rawset(L, -3);
    return;
  }
  if (one(shunt_rows_loaded(rows, relation).kind)) {
    lua_pushvalue(L, name);
    if (n)
      lua_rawgeti(L, all, (lua_Integer)positions[0] + 1);
    else
      lua_pushnil(L);
    lua_rawset(L, -3);
    return;
  }
  lua_pushvalue(L, name);
  lua_createtable(L, room(n), 0);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, all, (lua_Integer)positions[i] + 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_rawset(L, -3);
}

void bind_push_rows(lua_State *L, const shunt_rows *rows) {
  size_t count = shunt_rows_count(rows), ncolumns = shunt_rows_ncolumns(rows), nloaded = shunt_rows_nloaded(rows);
  luaL_checkstack(L, room(ncolumns + 2 * nloaded + 8), "too many columns");
  lua_createtable(L, room(count), 0);
  int list = lua_gettop(L), relations = list + 1, names = relations + 2 * (int)nloaded;
  for (size_t k = 0; k < nloaded; k++) {
    lua_pushstring(L, shunt_rows_loaded(rows, k).name);
    if (shunt_rows_loaded(rows, k).rows)
      bind_push_rows(L, shunt_rows_loaded(rows, k).rows);
    else
      lua_pushnil(L);
  }
  for (size_t i = 0; i < ncolumns; i++) lua_pushstring(L, shunt_rows_column(rows, i));
  for (size_t row = 0; row < count; row++) {
    const shunt_value *cells = shunt_rows_at(rows, row);
    lua_createtable(L, 0, room(ncolumns + nloaded));
    for (size_t i = 0; i < ncolumns; i++) {
      lua_pushvalue(L, names + (int)i);
      bind_push_value(L, &cells[i]);
      lua_rawset(L, -3);
    }
    for (size_t k = 0; k < nloaded; k++) push_related(L, rows, k, row, relations + 2 * (int)k);
    lua_rawseti(L, list, (lua_Integer)row + 1);
  }
  lua_settop(L, list);
}

void bind_push_meta(lua_State *L, const shunt_rows *rows) {
  static const char *const kinds[] = {"has_one", "belongs_to", "has_many", "belongs_to_many"};
  size_t ncolumns = shunt_rows_ncolumns(rows), nloaded = shunt_rows_nloaded(rows);
  luaL_checkstack(L, 6, "too many relations");
  lua_createtable(L, 0, 3);
  lua_createtable(L, room(ncolumns), 0);
  for (size_t i = 0; i < ncolumns; i++) {
    lua_pushstring(L, shunt_rows_column(rows, i));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "columns");
  lua_createtable(L, 0, room(nloaded));
  for (size_t k = 0; k < nloaded; k++) {
    shunt_loaded loaded = shunt_rows_loaded(rows, k);
    if (loaded.rows) {
      bind_push_meta(L, loaded.rows);
    } else {
      lua_createtable(L, 0, 2);
      lua_pushboolean(L, 1);
      lua_setfield(L, -2, "count");
    }
    lua_pushstring(L, kinds[loaded.kind]);
    lua_setfield(L, -2, "kind");
    lua_setfield(L, -2, loaded.name);
  }
  lua_setfield(L, -2, "relations");
  luaL_setmetatable(L, BIND_META);
}

/* "columns: id, name", for print(m:select()). */
static int meta_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_pushliteral(L, "columns");
  if (lua_rawget(L, 1) != LUA_TTABLE) return 0;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "columns:");
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 2); i++) {
    luaL_addstring(&b, i > 1 ? ", " : " ");
    if (lua_rawgeti(L, 2, i) == LUA_TSTRING)
      luaL_addvalue(&b);
    else
      lua_pop(L, 1);
  }
  luaL_pushresult(&b);
  return 1;
}

void bind_rows_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__tostring", meta_tostring}, {NULL, NULL}};
  bind_class(L, BIND_META, metamethods, NULL, NULL);
}

int bind_push_both(lua_State *L) {
  const bind_call *c = lua_touserdata(L, 1);
  bind_push_rows(L, c->rows);
  bind_push_meta(L, c->rows);
  return 2;
}
