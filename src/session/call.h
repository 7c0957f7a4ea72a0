/* For: one call of a public function: its session, its memory, when it has to end, and where its failure is reported.
 * Owner: a call is a value on the stack of the public function. It borrows its memory from the session until the next
 * call of the session begins, so that nothing has to end a call: what hooks do comes after the last use of it.
 * Use: call c; status = call_begin(&c, session, 0, err); … arena_alloc(c.arena, 10); error_memory(c.err); … */
#ifndef SHUNT_SESSION_CALL_H
#define SHUNT_SESSION_CALL_H

#include "base/error.h"
#include "session/session.h"
#include "session/sql.h"

/* Reads under way on connections of the call; settle receives all that was sent. */
typedef struct call_reads {
  size_t nflying;
  void (*settle)(struct call_reads *reads);
} call_reads;

typedef struct call {
  shunt_session *s;
  arena *arena;        /* until the end of the call */
  int64_t deadline_ns; /* 0: none */
  shunt_error *err;    /* may be NULL */
  call_reads *reads;   /* NULL: none */
} call;

/* Gives back the memory of the call before, and sets when this one has to end: timeout_ms is its own, 0 the
 * session's. */
void call_start(call *c, shunt_session *s, int64_t timeout_ms, shunt_error *err);
/* The same, and moves a session that follows to the newest generation. Errors: those of session_move,
 * USAGE. */
shunt_status call_begin(call *c, shunt_session *s, int64_t timeout_ms, shunt_error *err);
void call_set_deadline(call *c, int64_t timeout_ms);

/* An empty text for a statement, until it is given back or the call ends; NULL when out of memory. */
sql_text *call_sql(call *c);
void call_end_sql(call *c, sql_text *sql); /* accepts NULL */
/* A decision to fill, until the call ends; NULL when out of memory. */
route_decision *call_decision(call *c);

/* A connection that is not a transaction's, to be given back with pool_release. Errors: those of pool_acquire, and
 * TRANSACTION, where one in force is not to be spanned. */
shunt_status call_acquire(call *c, const cat_client *client, int level, driver_conn **conn);
/* The same without waiting: *conn is NULL, with SHUNT_OK, where all are busy. */
shunt_status call_try_acquire(call *c, const cat_client *client, int level, driver_conn **conn);
/* One that is to become a transaction's. */
shunt_status call_connect(call *c, const cat_client *client, int level, driver_conn **conn);

/* Columns compared for equality with a value, wherever that has to hold of every row. They live in the arena. Zeroed
 * there are none. */
typedef struct equalities {
  arena *a;
  shunt_field *list;
  size_t count, capacity;
} equalities;

/* False when out of memory. A null is no equality. */
bool equalities_add(equalities *e, const char *column, const shunt_value *value);
bool equalities_of_where(equalities *e, const shunt_where *where);
static inline void equalities_into(const equalities *e, route_request *request) {
  request->where = e->list;
  request->nwhere = e->count;
}

#endif
