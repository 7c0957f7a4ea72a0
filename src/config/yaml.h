/* For: a YAML text as nodes with their places, with ${…} filled in.
 * Owner: the nodes live in the arena. Their places borrow `file`, which must live as long.
 * Use: node *root = NULL; status = yaml_read(a, problems, "app.yaml", text, size, &root); */
#ifndef SHUNT_CONFIG_YAML_H
#define SHUNT_CONFIG_YAML_H

#include "catalog/node.h"

/* Reads one document. *root is a map, empty for an empty text. Reports smaller mistakes (duplicate keys, tags, a ${}
 * that can't be filled in) and reads on. Errors: CONFIG (the text is not YAML or not a map; *root is NULL), MEMORY. */
shunt_status yaml_read(arena *a, problems *p, const char *file, const char *text, size_t size, node **root);

#endif
