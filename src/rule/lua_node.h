/* For: converting Lua tables (rule declarations, conditions, options) to nodes.
 * Owner: the nodes live in the arena and copy everything. The Lua value is read with raw access, so no Lua code runs.
 * Use: if (lua_node_from(L, 1, &a, &n, err)) return err->status; the Lua stack stays as it was. */
#ifndef SHUNT_RULE_LUA_NODE_H
#define SHUNT_RULE_LUA_NODE_H

#include <lua.h>

#include "base/arena.h"
#include "base/error.h"
#include "catalog/node.h"
#include "shunt.h"

#define LUA_NODE_BLOB "shunt.blob" /* the name of the metatable of binary values */

/* A binary value, as a full userdata. */
typedef struct lua_blob {
  size_t size;
  char bytes[];
} lua_blob;

typedef enum lua_shape { LUA_SHAPE_EMPTY, LUA_SHAPE_LIST, LUA_SHAPE_MAP, LUA_SHAPE_MIXED } lua_shape;

/* The shape of a table: a list has the keys 1 to *count, a map has texts as keys. MIXED pushes the key that does not
 * fit (and needs four free slots); the others push nothing. */
lua_shape lua_node_shape(lua_State *L, int index, size_t *count);

/* Whether the key on top is looked for; ud is the caller's. May raise. */
typedef bool (*lua_node_key)(lua_State *L, const void *ud);
/* Pushes the one of the table's keys that a message names, of those that are looked for, or nil: the order in which
 * they lie in a table changes from run to run. */
void lua_node_first_key(lua_State *L, int index, lua_node_key wanted, const void *ud);

/* Booleans, integers, numbers, texts, blobs and the null (a light userdata NULL) are values; tables are lists or maps,
 * an empty one is an empty map; a map's keys come sorted. Bad data (a function, a mixed table, one that contains
 * itself, nesting beyond 64 …) never raises a Lua error: it is USAGE, and the message has the path to the value.
 * Lua itself may raise if it runs out of memory, so the arena must have an owner. Errors: USAGE, MEMORY. */
SHUNT_MUST_USE shunt_status lua_node_from(lua_State *L, int index, arena *a, node **out, shunt_error *err);

/* How a declaration is converted. */
typedef struct lua_node_rules {
  place at;                                               /* of every node, and of errors */
  int (*function_ref)(lua_State *L, int index, void *ud); /* a function becomes a NODE_FUNCTION with this number */
  void *ud;
} lua_node_rules;

/* The same for a declaration in a rule file, which has a place and may hold functions, but no NaN. */
SHUNT_MUST_USE shunt_status lua_node_declared(lua_State *L, int index, arena *a, const lua_node_rules *rules,
                                              node **out, shunt_error *err);

#endif
