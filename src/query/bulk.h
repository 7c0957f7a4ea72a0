/* For: inserting many rows into one table by the engine's fastest way (COPY, a prepared statement), if that does the
 * same as INSERT. Use: bool done; status = bulk_run(c, &l, &done, &affected); if (!status && !done) insert them. */
#ifndef SHUNT_QUERY_BULK_H
#define SHUNT_QUERY_BULK_H

#include "query/access.h"

typedef struct bulk {
  const site *at;
  const driver_column *const *columns; /* of the records' fields, in their order */
  size_t ncolumns;
  const driver_column *stamp; /* one more, the same in every row; NULL: none */
  shunt_value stamped;
  const shunt_record *records; /* with the same columns */
  size_t nrecords;
} bulk;

/* Runs in the session's transaction. If *done is false, nothing has happened. Adds to *affected. Errors: those of the
 * driver. */
shunt_status bulk_run(call *c, const bulk *l, bool *done, int64_t *affected);

#endif
