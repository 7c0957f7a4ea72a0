/* For: updating many rows of one table, each by its key and with values of its own.
 * Owner: the rows are the caller's. Use: update_many(c, &at, rows, n, &affected); in a transaction. */
#ifndef SHUNT_QUERY_UPDATE_MANY_H
#define SHUNT_QUERY_UPDATE_MANY_H

#include "query/write.h"

typedef struct update_row {
  shunt_where is; /* finds the row */
  const shunt_field *fields;
  size_t nfields;
} update_row;

/* Whether the same columns get values of the same types, so that one statement can set both. */
bool update_alike(const update_row *a, const update_row *b);
/* Rows for which update_alike holds, in their order. Adds to *affected what the updates of each would. */
shunt_status update_many(call *c, const site *at, const update_row *rows, size_t n, int64_t *affected);

#endif
