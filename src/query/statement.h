/* For: running a statement: the only place that takes a connection and talks to a driver.
 * Use: sql_text *sql = call_sql(c); … statement_read(c, sql, &at, rows), or statement_run for what writes. */
#ifndef SHUNT_QUERY_STATEMENT_H
#define SHUNT_QUERY_STATEMENT_H

#include "query/site.h"

/* Run the statement on the session's transaction on the site's client and level, or else on a connection of the pool.
 * One that was lost before the statement was sent is replaced, and so is one that was lost under a read outside of a
 * transaction: the statement is sent once more. rows and affected may be NULL. Errors: those of pool_acquire and of the
 * driver, MEMORY. */
shunt_status statement_read(call *c, const sql_text *sql, const site *at, shunt_rows *rows);
shunt_status statement_run(call *c, const sql_text *sql, const site *at, shunt_rows *rows, int64_t *affected);
/* The same for an INSERT of one row, which gives none back: *generated_id is the key that the database gave it, or 0.
 */
shunt_status statement_insert(call *c, const sql_text *sql, const site *at, int64_t *generated_id);

/* ---- between statement.c, gather.c and bulk.c ---- */

/* One statement on its way. It borrows its text and parameters. */
typedef struct execution {
  const cat_client *client;
  int level;
  const char *sql;
  size_t size;
  const shunt_value *params;
  size_t nparams;
  bool reads; /* and so may be sent twice */
  bool sent;
  bool repeated; /* it is being sent once more, and not again after that */
  int64_t affected, generated_id;
  int64_t started_ns; /* 0: nobody asks how long it takes */
} execution;

execution execution_of(const sql_text *sql, const site *at, bool reads);
/* *again: the connection was lost, so that it may, and so will, be sent once more on another one; rows has none of it.
 */
shunt_status execution_send(call *c, execution *e, driver_conn *conn, bool *again);
shunt_status execution_receive(call *c, execution *e, driver_conn *conn, shunt_rows *rows, bool *again);
/* Around each statement: calls the session's observer, and reports a slow statement. */
void execution_start(const call *c, execution *e);
void execution_tell(call *c, const execution *e, size_t nrows, shunt_status status);
shunt_status execution_run(call *c, execution *e, shunt_rows *rows);
/* Of a statement of shunt's own: what its failure says of the tables is remembered. Returns status. */
shunt_status execution_end(call *c, const execution *e, shunt_status status);

#endif
