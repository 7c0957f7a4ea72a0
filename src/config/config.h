/* For: the app config: YAML with its overlay and ${…} filled in, as one tree that knows its places.
 * Owner: config_read fills a catalog_source, which catalog_build uses up. The settings' strings live in its arena.
 * Use: config_read(path, env, &source, &settings, &problems); load the rules into source; catalog_build(&source, …). */
#ifndef SHUNT_CONFIG_CONFIG_H
#define SHUNT_CONFIG_CONFIG_H

#include "catalog/catalog.h"

typedef struct config_settings {
  const char *const *rule_paths; /* as written under rules.path: relative to source->folder, unless absolute */
  const place *rule_path_places;
  size_t nrule_paths;
  bool standard_rules;
  int64_t instructions;
  int64_t memory_bytes;
  int64_t timeout_ms;
  int64_t remember; /* decisions at most */
  double audit;     /* the share of them that is asked again */
} config_settings;

/* Reads path and its overlay for env (NULL: SHUNT_ENV, else "dev"). Every mistake that can be seen in the text alone is
 * added to problems; what is right is filled in even so, so that the rules and the catalog can be checked in the same
 * go. The status says whether anything could be read at all. */
shunt_status config_read(const char *path, const char *env, catalog_source *source, config_settings *settings,
                         problems *problems);

/* The tree as YAML, secrets as ********. End the text with base_free. */
shunt_status config_print(const node *merged, char **yaml, shunt_error *err);

#endif
