/* For: names of tables as they are declared and given: a text, or {schema, name}.
 * Use: table_name_from(a, n, &table, err); the text of {schema = "audit", name = "log"} is "audit.log". */
#ifndef SHUNT_CATALOG_TABLE_NAME_H
#define SHUNT_CATALOG_TABLE_NAME_H

#include "base/arena.h"
#include "base/error.h"
#include "catalog/node.h"

/* Errors: USAGE, MEMORY. */
shunt_status table_name_from(arena *a, const node *n, const char **out, shunt_error *err);
/* NULL, or why "schema.name" can't stand for these two. */
const char *table_name_wrong(const char *schema, const char *name);

#endif
