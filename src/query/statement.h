/* For: running a statement. Only this folder's statements talk to a driver.
 * Use: sql_text *sql = call_sql(c); … statement_read(c, sql, &at, rows); or statement_run for a write. */
#ifndef SHUNT_QUERY_STATEMENT_H
#define SHUNT_QUERY_STATEMENT_H

#include "query/site.h"
#include "query/sql.h"

/* Run the statement on the session's transaction on the site's client and level, else on a connection of the pool. A
 * connection that was lost before the statement was sent is replaced. So is one that was lost during a read outside of
 * a transaction: the read is sent again. rows and affected may be NULL. Errors: those of pool_acquire and of the
 * driver, MEMORY. */
shunt_status statement_read(call *c, const sql_text *sql, const site *at, shunt_rows *rows);
/* The same for a question of shunt's own, whose answer is read by position. DATASOURCE: it has other columns than that
 * many, or fewer rows. */
typedef struct answer_size {
  size_t columns, rows;
} answer_size;
shunt_status statement_ask(call *c, const sql_text *sql, const site *at, answer_size expected, shunt_rows *rows);
/* Whether the last column of the rows, which came from the site, has numbers below n alone, so that they can be
 * positions. Errors: DATASOURCE. */
shunt_status statement_numbers(const call *c, const site *at, const shunt_rows *rows, size_t n);
shunt_status statement_run(call *c, const sql_text *sql, const site *at, shunt_rows *rows, int64_t *affected);
/* The same for an INSERT of one row that returns no row: *generated_id is the key that the database generated, or 0. */
shunt_status statement_insert(call *c, const sql_text *sql, const site *at, int64_t *generated_id);

/* ---- between statement.c, gather.c and bulk.c ---- */

/* The access that it belongs to, for observers. All NULL: SQL that names no model, or shunt's own. */
typedef struct execution_origin {
  const char *model, *table, *rule, *source;
} execution_origin;
execution_origin execution_origin_of(const site *at);

/* One statement that is being run. It borrows its text and parameters. */
typedef struct execution {
  const cat_client *client;
  int level;
  execution_origin origin;
  const char *sql;
  size_t size;
  const shunt_value *params;
  size_t nparams;
  bool reads;      /* so it may be sent twice */
  bool only_reads; /* the engine must refuse to write */
  bool pure;       /* it reads, and calls no function that could write */
  bool unseen;     /* what it does to the connection may not show (driver_table.unseen) */
  bool by_hand;    /* written by the user: it may leave something on the connection */
  bool sent;
  bool repeated; /* it was sent again already, and is not sent a third time */
  int64_t affected, generated_id;
  int64_t started_ns;
  int64_t paused_ns; /* when the last part of its rows was fetched */
  size_t nrows;      /* fetched in parts so far */
} execution;

execution execution_of(const sql_text *sql, const site *at, bool reads);
/* *again: the connection was lost, and the statement has to be sent again on another one; rows contains none of its
 * rows. */
shunt_status execution_send(call *c, execution *e, driver_conn *conn, bool *again);
shunt_status execution_receive(call *c, execution *e, driver_conn *conn, shunt_rows *rows, bool *again);
/* The next rows of a statement that is fetched in parts. *more: it has not ended. */
typedef struct execution_part {
  shunt_rows *rows;
  bool *more;
} execution_part;
shunt_status execution_fetch(call *c, execution *e, driver_conn *conn, const execution_part *part, bool *again);
/* Around each statement: count and measure it, call the session's observer, report it if it is slow. The connection is
 * still the caller's. */
void execution_start(execution *e);
void execution_tell(call *c, const execution *e, driver_conn *conn, size_t nrows, shunt_status status);
shunt_status execution_run(call *c, execution *e, shunt_rows *rows);
/* After a statement of shunt's own: if it failed because a table has changed, forgets the tables. Returns status. */
shunt_status execution_end(call *c, const execution *e, shunt_status status);

#endif
