/* For: a YAML text as nodes with their places, ${…} filled in.
 * Owner: the nodes live in the arena; file is borrowed by their places and must live as long.
 * Use: root = NULL; switch (yaml_read(a, problems, "app.yaml", text, size, &root)) … */
#ifndef SHUNT_CONFIG_YAML_H
#define SHUNT_CONFIG_YAML_H

#include "catalog/node.h"

/* One document. *root is a map (an empty one for an empty text). CONFIG where the text is no YAML or no map: then *root
 * is NULL. Lesser mistakes (duplicate keys, tags, what can't be filled in) are told, and reading goes on. Errors:
 * CONFIG, MEMORY. */
shunt_status yaml_read(arena *a, problems *p, const char *file, const char *text, size_t size, node **root);

#endif
