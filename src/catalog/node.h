/* For: what a user declared, in YAML or in Lua, before it means anything: a tree that knows its places.
 * Owner: every node lives in the arena it was made in. Keys and texts are NUL-terminated copies.
 * Use: node *m = node_map(a, at); node_put(a, m, "table", key_at, node_text(a, at, "users", 5)); */
#ifndef SHUNT_CATALOG_NODE_H
#define SHUNT_CATALOG_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "shunt.h"

typedef enum node_kind { NODE_VALUE, NODE_LIST, NODE_MAP, NODE_FUNCTION } node_kind;

typedef struct node node;

typedef struct node_entry {
  const char *key;
  place at; /* of the key */
  node *value;
} node_entry;

struct node {
  node_kind kind;
  place at;
  shunt_value value;    /* NODE_VALUE: null, boolean, integer, float, text (and a blob, from Lua) */
  const char *spelling; /* YAML scalars: as written, after ${} was filled in; else NULL */
  const char *raw;      /* as written before ${} was filled in, where that made a difference; else NULL */
  bool secret;          /* never to be printed: it came from a ${file:} */
  int function;         /* NODE_FUNCTION: the rule host's reference */
  node **items;         /* NODE_LIST */
  node_entry *entries;  /* NODE_MAP */
  size_t count;
  size_t capacity;
};

/* Each returns NULL when out of memory. */
node *node_value(arena *a, place at, shunt_value value); /* copies text and blobs */
node *node_text(arena *a, place at, const char *text, size_t size);
node *node_list(arena *a, place at);
node *node_map(arena *a, place at);
node *node_function(arena *a, place at, int function);

bool node_append(arena *a, node *list, node *item);
bool node_put(arena *a, node *map, const char *key, place at, node *value); /* replaces; copies the key */
bool node_add(arena *a, node *map, const char *key, place at, node *value); /* of a key that is not there: no search */
void node_remove(node *map, const char *key);
node *node_get(const node *map, const char *key); /* NULL where absent, or where map is NULL or no map */
node_entry *node_find(const node *map, const char *key);

node *node_copy(arena *a, const node *from); /* NULL when out of memory */
/* The map, and the maps in it, without the keys whose value is null; what else is in it is shared. NULL when out of
 * memory. */
node *node_without_nulls(arena *a, const node *map);

/* A scalar as it is spelled: "5432", "true". It is borrowed from the node or written to room. NULL: it is no scalar, or
 * holds a NUL character. */
enum { NODE_SPELLED_MAX = 32 };
const char *node_spelled(const node *n, char room[NODE_SPELLED_MAX]);

bool node_is_null(const node *n);          /* a NULL pointer too */
bool node_is_text(const node *n);          /* text only */
const char *node_kind_name(const node *n); /* "a map", "text", "an integer" … for messages */

#endif
