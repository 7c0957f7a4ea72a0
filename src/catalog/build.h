/* For: what the files build*.c share while a catalog is made. Nothing outside this folder includes it.
 * Owner: the builder borrows problems and source; what it makes lives in the arena of the catalog to come.
 * Use: catalog_build (build.c) calls build_clients, build_instances, build_models, build_rules in this order. */
#ifndef SHUNT_CATALOG_BUILD_H
#define SHUNT_CATALOG_BUILD_H

#include "base/suggest.h"
#include "catalog/catalog.h"
#include "catalog/settings.h"

/* Something that a rule file, the app config or both speak of, joined. */
typedef struct build_thing {
  const char *name;
  node *body; /* a map, or NULL where the config unset it */
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
  bool clients_hidden; /* their section is misspelled or no map: that has been told, and a name not found only follows
                          from it */
  size_t suggestions_left; /* a search for near names reads all of them, so that it must not be made for each of many
                              mistakes */
} builder;

/* Declarations and config (a map of names, or NULL) joined, in that order; mistakes in the declarations are told.
 * `what` is the word of the declaration. False when out of memory. End it with build_things_free. */
bool build_join(builder *b, const char *what, const cat_declarations *declared, const node *config, const schema *s,
                build_things *out);
void build_things_free(build_things *t);

/* Each tells the mistakes it finds; false when out of memory. */
bool build_clients(builder *b);
bool build_instances(builder *b);
bool build_models(builder *b);
bool build_relations(builder *b, cat_model *model, const node *relations);
bool build_rules(builder *b);
bool build_jobs(builder *b); /* after the clients */

/* A relative path is relative to the file that names it. The folder of that file: "", or the text that goes in front of
 * the path. NULL when out of memory. */
const char *build_folder(builder *b, const node *n);
/* The path in n, as this process can open it. NULL when out of memory. */
const char *build_path(builder *b, const node *n);

/* Values by key: the default where absent, null, or of another type (which the schema has told). */
const char *build_text(const node *from, const char *key, const char *otherwise);
bool build_bool(const node *from, const char *key, bool otherwise);
int64_t build_integer(const node *from, const char *key, int64_t otherwise);
int build_function(const node *from, const char *key);
const node *build_get(const node *from, const char *key); /* NULL for null too */

/* Tells that n, which stands under key of the thing `what` (of that name, or NULL), names something that is not there.
 * CONFIG in a configuration, NOT_FOUND in a rule file, where the place is at if n has none of its own. */
void build_not_found(builder *b, const node *n, place at, const char *what, const char *name, const char *key,
                     const char *kind, const map *names);
/* Whether that key is missing: neither there nor, as it seems, misspelled. */
bool build_misses(const node *from, const schema *s, const char *key);
/* "; did you mean …", or "" */
const char *build_near(builder *b, const char *name, const map *names, suggest *s);

/* Whether a name can be given to a thing: not empty, without the characters in `not_in` . Else tells so. */
bool build_name(builder *b, const char *what, const char *name, place at, const char *not_in);

#endif
