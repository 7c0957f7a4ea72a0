/* For: the catalog as one JSON object, for tools: topology, check, a host's own pages.
 * Owner: the caller ends *json with base_free. Secrets are "********".
 * Use: if (catalog_describe(c, generation, counts, &json, err)) return err->status; */
#ifndef SHUNT_CATALOG_DESCRIBE_H
#define SHUNT_CATALOG_DESCRIBE_H

#include "catalog/catalog.h"

/* How often a rule's conditions held, and how often the rule decided. */
typedef struct cat_rule_counts {
  uint64_t asked;
  uint64_t decided;
} cat_rule_counts;

/* counts has one element per rule, by its id; NULL: all are zero. Errors: MEMORY. */
SHUNT_MUST_USE shunt_status catalog_describe(const catalog *c, uint64_t generation, const cat_rule_counts *counts,
                                             char **json, shunt_error *err);

#endif
