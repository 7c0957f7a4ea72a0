/* For: where an access goes, and what is there: the decision, joined with the table's description. Every column that
 * somebody names is looked up here, so that a statement only ever holds names that the database gave.
 * Owner: an access is a value; what it points to lives as long as the session.
 * Use: access_find(s, &request, &a, err); access_column(s, &a, "name", &column, err); … */
#ifndef SHUNT_QUERY_ACCESS_H
#define SHUNT_QUERY_ACCESS_H

#include "query/session.h"

typedef struct access {
  const cat_model *model;
  const cat_client *client;
  const driver_engine *engine;
  int level;
  table_info *table;
} access;

/* Takes the decision (s->decision has it) and describes the table it leads to. Errors: those of route_decide,
 * NOT_FOUND, DATASOURCE, TIMEOUT. */
shunt_status access_find(shunt_session *s, const route_request *request, access *out, shunt_error *err);
bool access_same(const access *a, const access *b);

/* The column of this name in whatever case; asks the database anew before it says that there is none. */
shunt_status access_column(shunt_session *s, const access *a, const char *name, const driver_column **out,
                           shunt_error *err);
/* The same for "name" and "-name". */
shunt_status access_order(shunt_session *s, const access *a, const char *term, const driver_column **out,
                          bool *descending, shunt_error *err);
/* The column of the model's primary key. */
shunt_status access_key(shunt_session *s, const access *a, const driver_column **out, shunt_error *err);
/* Whether no two rows have the same value there. */
bool access_unique(const access *a, const driver_column *column);

/* The instance's value for the model's instance column; *column is NULL where the model has none. Errors: USAGE. */
shunt_status access_instance(shunt_session *s, const access *a, const driver_column **column, shunt_value *value,
                             shunt_error *err);

/* Describes a client's table. Also makes the database be asked anew where `again`. */
shunt_status table_find(shunt_session *s, const cat_client *client, int level, const char *name, bool again,
                        table_info **out, shunt_error *err);
/* The level that the engine knows: one that has a single writer has a single level. */
int level_of(const cat_client *client, int level);

#endif
