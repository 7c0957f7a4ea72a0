/* For: where hand-written SQL goes, whether it reads or writes, and which writes are refused.
 * Owner: a place is a value; its client belongs to the session's generation.
 * Use: sql_place at; status = sql_place_find(c, sql, options, &at); … if at.only_reads, the engine must refuse writes,
 * and at.refusal is why. The call has an error to fill. */
#ifndef SHUNT_QUERY_SQL_PLACE_H
#define SHUNT_QUERY_SQL_PLACE_H

#include "query/statement.h"

typedef struct sql_place {
  const cat_client *client;
  int level;
  execution_origin origin; /* its model and the decision for it; all NULL without a model */
  shunt_op op;
  bool pure;           /* it reads, and calls no function that could write */
  bool only_reads;     /* it may not write, whatever its text says */
  shunt_error refusal; /* with only_reads: the error of a write */
} sql_place;

/* The guards are asked with the op that is stated, or that the text has. A read is allowed where a write would be
 * denied; then the engine has to keep it from writing. Errors: DENIED; USAGE; those of route_decide and access_find. */
shunt_status sql_place_find(call *c, const char *sql, const shunt_sql_options *options, sql_place *out);

#endif
