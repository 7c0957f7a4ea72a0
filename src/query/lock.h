/* For: reads that lock their rows: SELECT … FOR UPDATE.
 * Use: lock_check(c, &at) before the statement is sent; lock_write(sql, &at, lock) at its end. */
#ifndef SHUNT_QUERY_LOCK_H
#define SHUNT_QUERY_LOCK_H

#include "query/site.h"

typedef enum lock_wait { LOCK_WAIT, LOCK_NOWAIT, LOCK_SKIP } lock_wait;

typedef struct row_lock {
  shunt_lock kind;
  lock_wait wait; /* what to do at rows that another transaction has locked */
} row_lock;

row_lock lock_of(const shunt_query *query);
/* Outside of a transaction that writes, a lock would be gone before the rows are used. Errors: TRANSACTION;
 * USAGE: the rows are those of a UNION. */
shunt_status lock_check(call *c, const site *at);
void lock_write(sql_text *sql, const site *at, row_lock lock);

#endif
