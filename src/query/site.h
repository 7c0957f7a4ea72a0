/* For: one site where rows of a model are: a table on a client at a level. Every column that a caller names is looked
 * up here, so statements contain only names that the database gave. Owner: a site is a value; what it points to lives
 * as long as the session's generation. Use: site_column(c, &at, "name", &column); sql_name(sql, at.engine,
 * column->name); … */
#ifndef SHUNT_QUERY_SITE_H
#define SHUNT_QUERY_SITE_H

#include "query/key.h"
#include "session/call.h"

typedef struct site {
  const cat_model *model;
  const cat_client *client;
  const driver_engine *engine;
  int level;
  table_info *table;
  const char *rule, *source; /* of the decision that led here; NULL: no rule did */
} site;

bool site_same(const site *a, const site *b);

/* How many parameters a statement takes. */
static inline size_t site_max_params(const shunt_session *s, const site *at) {
  return s->max_params ? s->max_params : at->engine->max_params;
}

/* The column of this name, ignoring case. Asks the database again before it reports NOT_FOUND. */
shunt_status site_column(call *c, const site *at, const char *name, const driver_column **out);
/* The table's name in a statement. */
void site_table(sql_text *sql, const site *at);
/* " FROM table", or the UNION ALL of its parts. */
void site_from(sql_text *sql, const site *at);
/* The columns of these names. */
shunt_status site_key_columns(call *c, const site *at, const key_names *names, key_columns *out);
/* The primary key's columns that the table has, which end an order: a through table may lack some, and needs none.
 * Returns their number. */
size_t site_order_key(const site *at, const driver_column *key[KEY_MOST]);
/* Whether these columns are unique. */
bool site_unique(const site *at, const key_columns *key);
/* Errors: USAGE if several rows may have the model's primary key, because the table has another one. */
shunt_status site_check_key(call *c, const site *at);
/* The instance's value for the model's instance column; *column is NULL if the model has no such column. Errors: USAGE.
 */
shunt_status site_instance(call *c, const site *at, const driver_column **column, shunt_value *value);
/* Adds the model to the error of a table that does not exist. */
shunt_status site_without_table(call *c, const site *at);

#endif
