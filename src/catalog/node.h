/* For: what a user declared, in YAML or in Lua, before it is checked: a tree whose nodes know their places.
 * Owner: every node lives in the arena that it was made in. Keys and texts are NUL-terminated copies.
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
  const char *spelling; /* of a YAML scalar: as written, with ${} filled in. Otherwise NULL */
  const char *raw;      /* as written, if filling in ${} changed it. Otherwise NULL */
  bool secret;          /* never printed: it came from a ${file:} or a variable with a secret's name */
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
bool node_add(arena *a, node *map, const char *key, place at,
              node *value); /* for a key that the map does not have: without a search */
void node_remove(node *map, const char *key);
node *node_get(const node *map, const char *key); /* NULL if absent, or if map is NULL or not a map */
node_entry *node_find(const node *map, const char *key);

node *node_copy(arena *a, const node *from); /* NULL when out of memory */
/* Copies the map, and the maps in it, without keys whose value is null. Other values are shared. NULL when out of
 * memory. */
node *node_without_nulls(arena *a, const node *map);

/* A scalar as text: "5432", "true". It is borrowed from the node, or written to room. NULL: the node is not a scalar,
 * or contains a NUL character. */
enum { NODE_SPELLED_MAX = 32 };
const char *node_spelled(const node *n, char room[NODE_SPELLED_MAX]);

bool node_is_null(const node *n);          /* a NULL pointer too */
bool node_is_text(const node *n);          /* text only */
const char *node_kind_name(const node *n); /* "a map", "text", "an integer" … for messages */

#endif
