/* For: what the files build*.c share while a catalog is made. No file outside this folder includes it.
 * Owner: the builder borrows problems and source; the results live in the arena of the new catalog.
 * Use: catalog_build (build.c) calls build_clients, build_jobs, build_instances, build_identifiers, build_models,
 * build_rules and build_attributes, in this order; they use the functions of build_shared.c. */
#ifndef SHUNT_CATALOG_BUILD_H
#define SHUNT_CATALOG_BUILD_H

#include "base/suggest.h"
#include "catalog/catalog.h"
#include "catalog/settings.h"

/* A client, instance, model or rule: what a rule file declares, with what the app config says of it on top. */
typedef struct build_thing {
  const char *name;
  node *body; /* a map; NULL: the config unset it */
  place at;
  bool declared; /* in a rule file */
  bool standard;
} build_thing;

typedef struct build_things {
  build_thing *list;
  size_t count;
  map names; /* to build_thing */
} build_things;

typedef struct builder {
  catalog *c;
  arena *a; /* the catalog's */
  problems *p;
  catalog_source *source;
  bool clients_hidden;     /* their section is misspelled or not a map: that is reported, so an unknown client is not
                              reported as well */
  size_t suggestions_left; /* a search for a near name reads all names: its number is limited, for a file with many
                              mistakes */
} builder;

/* Joins declarations and config (a map of names, or NULL), in this order, and reports mistakes in the declarations.
 * `what` is the word of the declaration: "model". False when out of memory. End it with build_things_free. */
bool build_join(builder *b, const char *what, const cat_declarations *declared, const node *config, const schema *s,
                build_things *out);
void build_things_free(build_things *t);

/* Each reports the mistakes that it finds. False when out of memory. */
bool build_clients(builder *b);
bool build_servers(builder *b); /* after the clients */
bool build_instances(builder *b);
bool build_identifiers(builder *b); /* after the instances */
bool build_models(builder *b);
bool build_relations(builder *b, cat_model *model, const node *relations);
bool build_parts(builder *b, cat_model *model, const node *parts);
bool build_rules(builder *b);
bool build_jobs(builder *b); /* after the clients */
bool build_attributes(builder *b);
bool build_variables(builder *b, cat_client *client, const node *session);
/* Whether sessions give the client's variables different values. */
bool build_variables_differ(const cat_client *client);

/* A relative path is relative to the file that names it. The folder of that file: "", or the text that goes in front of
 * the path. NULL when out of memory. */
const char *build_folder(builder *b, const node *n);
/* The path in n, as this process can open it. NULL when out of memory. */
const char *build_path(builder *b, const node *n);

/* The columns of a key. A mistake is reported at its place, with `what` before it. False when out of memory. */
bool build_key(builder *b, const node *from, const char *key, const char *what, const char *out[SHUNT_KEY_MOST]);

/* Values by key; `otherwise` if the key is absent, null, or of another type (which schema_check reports). */
const char *build_text(const node *from, const char *key, const char *otherwise);
int64_t build_integer(const node *from, const char *key, int64_t otherwise);
/* The key "table"; `otherwise` without it. A mistake is reported, unless schema_check does so. */
const char *build_table(builder *b, const node *from, const char *subject, place at, const char *otherwise);
int build_function(const node *from, const char *key);
const node *build_get(const node *from, const char *key); /* NULL also for null */

/* A key whose value names something else. */
typedef struct build_reference {
  const char *what, *name; /* the thing that has the key: "model" and its name, NULL if it has none */
  place at;                /* of the thing */
  const char *key;
  const char *kind; /* what the value names: "client" */
  const map *names; /* the defined ones */
} build_reference;

/* Reports that n, the value of the reference, names something unknown. Status: CONFIG in a configuration, NOT_FOUND in
 * a rule file. The place is n's, or the thing's if n has no place. */
void build_not_found(builder *b, const node *n, const build_reference *r);
/* Whether the key is missing, and no unknown key looks like it. */
bool build_misses(const node *from, const schema *s, const char *key);
/* "; did you mean 'NAME'?", or "" */
const char *build_near(builder *b, const char *name, const map *names, suggest *s);

/* Whether a thing can have the name: it is not empty, and contains no character of `not_in`. If not, reports it. */
bool build_name(builder *b, const char *what, const char *name, place at, const char *not_in);

#endif
