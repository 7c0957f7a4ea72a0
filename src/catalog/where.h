/* For: conditions, as users write them ({age = {gte = 18}, _or = {…}}), turned into shunt_where.
 * Owner: the result lives in the arena; it borrows the node's texts. */
#ifndef SHUNT_CATALOG_WHERE_H
#define SHUNT_CATALOG_WHERE_H

#include "catalog/node.h"

/* The form is that of the manual: a map of column to a value, a list (in), or a map of operators; _or, _and take a list
 * of maps, _not a map. Several keys are all to hold. A map of no keys gives an AND of nothing. Errors: USAGE, MEMORY.
 */
shunt_status where_from_node(arena *a, const node *from, const shunt_where **out, shunt_error *err);

/* "name", "-id" in a text or a list of texts. Errors: USAGE, MEMORY. */
shunt_status where_names(arena *a, const node *from, const char *what, const char *const **names, size_t *count,
                         shunt_error *err);

#endif
