/* For: the app config: YAML with its overlay merged and ${…} filled in, as one tree whose nodes know their places; and
 * the documents that describe the app config.
 * Owner: config_read fills a catalog_source, which catalog_build uses up. The paths live in the source's arena.
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

/* Reads path and its overlay for env (NULL: SHUNT_ENV, or "dev" if that is not set). Adds every mistake that the text
 * alone shows to problems. Fills source with the rest even then, so that rules and catalog can be checked in the same
 * run. Status: whether the files could be read. */
shunt_status config_read(const char *path, const char *env, catalog_source *source, config_rules *rules,
                         problems *problems);

/* Documents made from the rows in catalog/settings.c: YAML with all settings and their defaults; a JSON Schema
 * (draft-07) of the app config; the manual's table. End the text with base_free. Errors: MEMORY. */
shunt_status config_defaults(char **yaml, shunt_error *err);
shunt_status config_schema(char **json, shunt_error *err);
shunt_status config_manual(char **markdown, shunt_error *err);

/* The tree as YAML, with ******** for secrets. End the text with base_free. Errors: MEMORY. */
shunt_status config_print(const node *merged, char **yaml, shunt_error *err);

#endif
