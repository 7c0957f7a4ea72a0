/* For: the settings of an application: the rows of its configuration, and of what rule files declare in the same words.
 * Owner: all of it is static.
 * Use: schema_check(problems, config, &schema_config, "", false); s = settings_of_connection("pg"). */
#ifndef SHUNT_CATALOG_SETTINGS_H
#define SHUNT_CATALOG_SETTINGS_H

#include "catalog/schema.h"

extern const schema schema_config;   /* a whole app config. Fills cat_settings */
extern const schema schema_database; /* the section database */
extern const schema schema_client;   /* an entry of database.clients, the body of a datasource. Fills cat_client */
extern const schema schema_server;   /* an entry of servers. Fills cat_server */
extern const schema schema_instance; /* an entry of instance.instances */
extern const schema schema_model;    /* an entry of models */
extern const schema schema_relation; /* an entry of a model's relations */
extern const schema schema_parts;    /* parts of a model, as a map */
extern const schema schema_part;     /* one of them, in a list */
extern const schema schema_sqlite3;  /* connection, by engine. This one fills cat_client */
extern const schema schema_pg;
extern const schema schema_mysql;

/* The rows of `connection` for an engine; NULL for an unknown engine. settings_engines ends with NULL. */
const schema *settings_of_connection(const char *engine);
extern const char *const settings_engines[];

#endif
