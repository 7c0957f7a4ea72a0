/* For: running a statement: the only place that takes a connection and talks to a driver.
 * Use: fill s->sql; statement_run(s, client, level, rows, &affected, err). */
#ifndef SHUNT_QUERY_STATEMENT_H
#define SHUNT_QUERY_STATEMENT_H

#include "query/session.h"

/* Runs s->sql on the session's transaction on that client and level, or else on a connection of the pool. rows and
 * affected may be NULL. Errors: those of pool_acquire and of the driver. */
shunt_status statement_run(shunt_session *s, const cat_client *client, int level, shunt_rows *rows, int64_t *affected,
                           shunt_error *err);
/* The same for an INSERT of one row, which gives none back: *generated_id is the key that the database gave it, or 0.
 */
shunt_status statement_insert(shunt_session *s, const cat_client *client, int level, int64_t *generated_id,
                              shunt_error *err);

#endif
