/* For: JSON as nodes.
 * Owner: the nodes lie in the arena.
 * Use: status = node_from_json(a, text, size, &n, err); */
#ifndef SHUNT_CATALOG_NODE_JSON_H
#define SHUNT_CATALOG_NODE_JSON_H

#include "catalog/node.h"

/* text ends in a NUL, which size does not count. Each node and key has its line and column, and no file. Errors: those
 * of json_read, and USAGE for a name that an object has twice, with its place in the same way. After an error *out is
 * NULL. */
shunt_status node_from_json(arena *a, const char *text, size_t size, node **out, shunt_error *err);

#endif
