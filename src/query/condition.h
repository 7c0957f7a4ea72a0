/* For: one condition of a where or a having as SQL.
 * Use: comparison w = {.c = c, .at = at, .q = sql}; condition_write(&w, &related_columns, where); */
#ifndef SHUNT_QUERY_CONDITION_H
#define SHUNT_QUERY_CONDITION_H

#include "query/compare.h"

/* What the names in a condition stand for. */
typedef struct condition_names {
  const char *clause; /* "where", for messages */
  shunt_status (*find)(const struct condition_names *names, const comparison *w, const char *name, operand *out);
  /* Writes a condition over a relation. NULL: none is possible. */
  shunt_status (*related)(const struct condition_names *names, const comparison *w, const shunt_where *c);
} condition_names;

/* A `find`: the columns of the site. */
shunt_status condition_find_column(const condition_names *names, const comparison *w, const char *name, operand *out);

/* Errors: USAGE, those of find. */
shunt_status condition_write(const comparison *w, const condition_names *names, const shunt_where *where);

/* Whether it has this truth for every row by its form alone, as {_or = {{}}} and {id = {not_in = {}}} are true. */
bool condition_is_always(const shunt_where *where, bool truth);

/* Writes the word, and AND in its place from then on. */
void condition_join(const comparison *w, const char **word);
/* The conditions of every statement over the model: rows of the session's instance that are not deleted, or deleted
 * ones as well. Each begins with the word. Errors: those of site_instance and site_column. */
shunt_status condition_always(const comparison *w, bool deleted, const char **word);

#endif
