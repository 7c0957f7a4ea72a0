/* For: conditions as users write them ({age = {gte = 18}, _or = {…}}), turned into shunt_where.
 * Owner: the result lives in the arena; it borrows the node's texts.
 * Use: where_from_node(a, node, &where, err); where_names(a, node, "order", &names, &count, err). */
#ifndef SHUNT_CATALOG_WHERE_H
#define SHUNT_CATALOG_WHERE_H

#include "catalog/node.h"

/* The form is described in the manual: a map from columns to a value, a list (in) or a map of operators; _or and _and
 * take a list of maps, _not takes a map. All keys must hold. An empty map gives an AND of no conditions. Errors: USAGE,
 * MEMORY. */
shunt_status where_from_node(arena *a, const node *from, const shunt_where **out, shunt_error *err);

/* Column names ("name", "-id") from a text or a list of texts. Errors: USAGE, MEMORY. */
shunt_status where_names(arena *a, const node *from, const char *what, const char *const **names, size_t *count,
                         shunt_error *err);

#endif
