/* For: the keys that a configuration and the declarations of rule files may have, and the type of each.
 * Owner: schemas are static; a mistake is added to the caller's problems, at the place of the node.
 * Use: schema_check(problems, config, &schema_config, "", false); what fails here is read as absent afterwards. */
#ifndef SHUNT_CATALOG_SCHEMA_H
#define SHUNT_CATALOG_SCHEMA_H

#include "catalog/node.h"

typedef struct schema_field schema_field;

typedef struct schema {
  const schema_field *fields; /* ends with one that has no key */
} schema;

extern const schema schema_config;   /* a whole app config */
extern const schema schema_client;   /* an entry of database.clients, the body of a datasource */
extern const schema schema_instance; /* an entry of instance.instances */
extern const schema schema_model;    /* an entry of models */
extern const schema schema_relation; /* an entry of a model's relations */
extern const schema schema_database; /* the section database */
extern const schema schema_rule;     /* the body of a rule, from Lua alone */
extern const schema schema_sqlite3;  /* connection, where the engine is sqlite3 */

/* Checks a map against a schema, null being allowed everywhere. label says what the map is ("model 'user'"), "" for the
 * whole config. With lua, functions and `env` are allowed too where they make sense. Status of the mistakes: CONFIG. */
void schema_check(problems *p, const node *n, const schema *s, const char *label, bool lua);

/* Whether the map has an unknown key that may well have been meant to be this one: that it is missing need not be told
 * then. */
bool schema_misspells(const node *n, const schema *s, const char *key);

/* A list or map of Lua without entries is both. */
bool schema_is_empty(const node *n);

#endif
