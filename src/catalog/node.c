#include "catalog/node.h"

#include <stdio.h>
#include <string.h>

static node *new_node(arena *a, node_kind kind, place at) {
  node *n = arena_new(a, node);
  if (!n) return NULL;
  n->kind = kind;
  n->at = at;
  n->value = shunt_null();
  return n;
}

node *node_value(arena *a, place at, shunt_value value) {
  node *n = new_node(a, NODE_VALUE, at);
  if (!n) return NULL;
  n->value = value;
  if (value.type == SHUNT_TEXT || value.type == SHUNT_BLOB) {
    n->value.as.bytes = arena_strndup(a, value.as.bytes, value.size);
    if (!n->value.as.bytes) return NULL;
  }
  return n;
}

node *node_text(arena *a, place at, const char *text, size_t size) { return node_value(a, at, shunt_text(text, size)); }
node *node_list(arena *a, place at) { return new_node(a, NODE_LIST, at); }
node *node_map(arena *a, place at) { return new_node(a, NODE_MAP, at); }

node *node_function(arena *a, place at, int function) {
  node *n = new_node(a, NODE_FUNCTION, at);
  if (n) n->function = function;
  return n;
}

bool node_append(arena *a, node *list, node *item) {
  if (!item) return false;
  if (!arena_grow(a, &list->items, &list->capacity, list->count + 1, sizeof *list->items)) return false;
  list->items[list->count++] = item;
  return true;
}

node_entry *node_find(const node *map, const char *key) {
  if (!map || map->kind != NODE_MAP) return NULL;
  for (size_t i = 0; i < map->count; i++)
    if (strcmp(map->entries[i].key, key) == 0) return &map->entries[i];
  return NULL;
}

node *node_get(const node *map, const char *key) {
  node_entry *e = node_find(map, key);
  return e ? e->value : NULL;
}

bool node_put(arena *a, node *map, const char *key, place at, node *value) {
  if (!value) return false;
  node_entry *e = node_find(map, key);
  if (e) {
    e->at = at;
    e->value = value;
    return true;
  }
  return node_add(a, map, key, at, value);
}

bool node_add(arena *a, node *map, const char *key, place at, node *value) {
  if (!value) return false;
  if (!arena_grow(a, &map->entries, &map->capacity, map->count + 1, sizeof *map->entries)) return false;
  char *copy = arena_strdup(a, key);
  if (!copy) return false;
  map->entries[map->count++] = (node_entry){copy, at, value};
  return true;
}

void node_remove(node *map, const char *key) {
  node_entry *e = node_find(map, key);
  if (!e) return;
  size_t after = map->count - (size_t)(e - map->entries) - 1;
  memmove(e, e + 1, after * sizeof *e);
  map->count--;
}

node *node_copy(arena *a, const node *from) {
  node *to = new_node(a, from->kind, from->at);
  if (!to) return NULL;
  *to = *from;
  to->items = NULL;
  to->entries = NULL;
  to->count = to->capacity = 0;
  for (size_t i = 0; i < from->count; i++) {
    const node *child = from->kind == NODE_LIST ? from->items[i] : from->entries[i].value;
    node *copy = node_copy(a, child);
    bool done = from->kind == NODE_LIST ? node_append(a, to, copy)
                                        : node_add(a, to, from->entries[i].key, from->entries[i].at, copy);
    if (!done) return NULL;
  }
  return to;
}

node *node_without_nulls(arena *a, const node *map) {
  node *kept = node_map(a, map->at);
  for (size_t i = 0; kept && i < map->count; i++) {
    const node_entry *e = &map->entries[i];
    if (node_is_null(e->value)) continue;
    node *value = e->value->kind == NODE_MAP ? node_without_nulls(a, e->value) : e->value;
    if (!node_add(a, kept, e->key, e->at, value)) return NULL;
  }
  return kept;
}

const char *node_spelled(const node *n, char room[NODE_SPELLED_MAX]) {
  if (n->kind != NODE_VALUE) return NULL;
  if (n->spelling) return n->spelling;
  room[0] = 0;
  switch ((shunt_type)n->value.type) {
  case SHUNT_TEXT:
  case SHUNT_BLOB:
    return strlen(n->value.as.bytes) == n->value.size ? n->value.as.bytes : NULL;
  case SHUNT_BOOL:
    return n->value.as.boolean ? "true" : "false";
  case SHUNT_INTEGER:
    snprintf(room, NODE_SPELLED_MAX, "%lld", (long long)n->value.as.integer);
    break;
  case SHUNT_FLOAT:
    snprintf(room, NODE_SPELLED_MAX, "%.17g", n->value.as.number);
    break;
  case SHUNT_NULL:
    break;
  }
  return room;
}

bool node_is_null(const node *n) { return !n || (n->kind == NODE_VALUE && n->value.type == SHUNT_NULL); }
bool node_is_text(const node *n) { return n && n->kind == NODE_VALUE && n->value.type == SHUNT_TEXT; }

const char *node_kind_name(const node *n) {
  if (!n) return "nothing";
  switch (n->kind) {
  case NODE_LIST:
    return "a list";
  case NODE_MAP:
    return "a map";
  case NODE_FUNCTION:
    return "a function";
  case NODE_VALUE:
    break;
  }
  switch ((shunt_type)n->value.type) {
  case SHUNT_NULL:
    return "null";
  case SHUNT_BOOL:
    return "a boolean";
  case SHUNT_INTEGER:
    return "an integer";
  case SHUNT_FLOAT:
    return "a number";
  case SHUNT_TEXT:
    return "text";
  case SHUNT_BLOB:
    return "a blob";
  }
  return "nothing";
}
