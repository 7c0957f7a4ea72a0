/* For: one condition of a where or a having as SQL.
 * Use: comparison w = {c, at, sql}; condition_write(&w, &condition_columns, where); */
#ifndef SHUNT_QUERY_CONDITION_H
#define SHUNT_QUERY_CONDITION_H

#include "query/compare.h"

/* What the names in a condition stand for. */
typedef struct condition_names {
  const char *clause; /* "where", for messages */
  shunt_status (*find)(const struct condition_names *names, const comparison *w, const char *name, operand *out);
} condition_names;

/* The columns of the site. */
extern const condition_names condition_columns;

/* Errors: USAGE, those of find. */
shunt_status condition_write(const comparison *w, const condition_names *names, const shunt_where *where);

#endif
