/* For: the app config: YAML with its overlay and ${…} filled in, as one tree that knows its places.
 * Owner: config_read fills a catalog_source, which catalog_build uses up. The paths live in its arena.
 * Use: config_read(path, env, &source, &rules, &problems); load the rules into source; catalog_build(&source, …). */
#ifndef SHUNT_CONFIG_CONFIG_H
#define SHUNT_CONFIG_CONFIG_H

#include "catalog/catalog.h"

/* The files and folders of the rules. */
typedef struct config_rules {
  const char *const *paths; /* as written under rules.path: relative to source->folder, unless absolute */
  const place *places;
  size_t npaths;
} config_rules;

/* Reads path and its overlay for env (NULL: SHUNT_ENV, else "dev"). Every mistake that can be seen in the text alone is
 * added to problems; what is right is filled in even so, so that the rules and the catalog can be checked in the same
 * go. The status says whether anything could be read at all. */
shunt_status config_read(const char *path, const char *env, catalog_source *source, config_rules *rules,
                         problems *problems);

/* Documents made of the rows in catalog/settings.c: all settings with their defaults as YAML; a JSON Schema (draft-07)
 * of the app config; the manual's table. End the text with base_free. Errors: MEMORY. */
shunt_status config_defaults(char **yaml, shunt_error *err);
shunt_status config_schema(char **json, shunt_error *err);
shunt_status config_manual(char **markdown, shunt_error *err);

/* The tree as YAML, secrets as ********. End the text with base_free. */
shunt_status config_print(const node *merged, char **yaml, shunt_error *err);

#endif
