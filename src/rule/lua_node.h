/* For: what a Lua program hands over as tables, turned into nodes: rule declarations, conditions, options.
 * Owner: the nodes live in the arena and copy everything; the Lua value is only read, with raw access, so no Lua code
 * runs. Use: if (lua_node_from(L, 1, &a, at, NULL, NULL, &n, err)) return err->status; the Lua stack is as it was. */
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

/* What a table is: a list has the keys 1 to *count, a map has texts as keys. MIXED leaves the key that does not fit on
 * the stack (and wants one free slot for it); the others leave nothing. Never raises. */
lua_shape lua_node_shape(lua_State *L, int index, size_t *count);

/* Booleans, integers, numbers, texts, blobs and the null (a light userdata NULL) are values; tables are lists or maps,
 * an empty one is an empty map; a map's keys come sorted. A function is a mistake, or where function_ref is given a
 * NODE_FUNCTION of what it returns. Bad data (a mixed table, one that contains itself, nesting beyond 64, a NaN …)
 * never raises a Lua error: it is USAGE, with the way to the value in the message. Lua itself may raise when it runs
 * out of memory, so that the arena must have an owner. Errors: USAGE, MEMORY. */
SHUNT_MUST_USE shunt_status lua_node_from(lua_State *L, int index, arena *a, place at,
                                          int (*function_ref)(lua_State *L, int index, void *ud), void *ud, node **out,
                                          shunt_error *err);

#endif
