/* For: running a statement: the only place that takes a connection and talks to a driver.
 * Use: fill s->sql; statement_read(s, client, level, rows, err), or statement_run for what writes. */
#ifndef SHUNT_QUERY_STATEMENT_H
#define SHUNT_QUERY_STATEMENT_H

#include "query/session.h"

/* Run s->sql on the session's transaction on that client and level, or else on a connection of the pool. One that was
 * lost before the statement was sent is replaced, and so is one that was lost under a read outside of a transaction:
 * the statement is sent once more. rows and affected may be NULL. Errors: those of pool_acquire and of the driver. */
shunt_status statement_read(shunt_session *s, const cat_client *client, int level, shunt_rows *rows, shunt_error *err);
shunt_status statement_run(shunt_session *s, const cat_client *client, int level, shunt_rows *rows, int64_t *affected,
                           shunt_error *err);
/* The same for an INSERT of one row, which gives none back: *generated_id is the key that the database gave it, or 0.
 */
shunt_status statement_insert(shunt_session *s, const cat_client *client, int level, int64_t *generated_id,
                              shunt_error *err);

/* ---- between statement.c, gather.c and load.c ---- */

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

execution execution_of(const sql_text *sql, const cat_client *client, int level, bool reads);
/* *again: the connection was lost, so that it may, and so will, be sent once more on another one; rows has none of it.
 */
shunt_status execution_send(shunt_session *s, execution *e, driver_conn *conn, bool *again, shunt_error *err);
shunt_status execution_receive(shunt_session *s, execution *e, driver_conn *conn, shunt_rows *rows, bool *again,
                               shunt_error *err);
/* Around each statement: tells the session's observer of it, and reports a slow one. */
void execution_start(const shunt_session *s, execution *e);
void execution_tell(shunt_session *s, const execution *e, size_t nrows, shunt_status status);
shunt_status execution_run(shunt_session *s, execution *e, shunt_rows *rows, shunt_error *err);
/* Of a statement of shunt's own: what its failure says of the tables is remembered. Returns status. */
shunt_status execution_end(shunt_session *s, const execution *e, shunt_status status, shunt_error *err);

#endif
