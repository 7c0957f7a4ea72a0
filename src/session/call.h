/* For: one call of a public function: its session, memory, deadline, and where its failure is reported.
 * Owner: a call is a value on the stack of the public function. It borrows memory from the session until the session's
 * next call begins, so it needs no end. Hooks may begin other calls: after they run, the call must not be used. Use:
 * VISIT(v); call c; status = call_enter(&v, &c, session, 0, err); … arena_alloc(c.arena, 10); error_memory(c.err); … */
#ifndef SHUNT_SESSION_CALL_H
#define SHUNT_SESSION_CALL_H

#include "base/buf.h"
#include "base/error.h"
#include "session/visit.h"

/* The reads of a call that are under way; settle receives all of them. */
typedef struct call_reads {
  size_t nflying;
  void (*settle)(struct call_reads *reads);
} call_reads;

typedef struct call {
  shunt_session *s;
  arena *arena;                /* until the end of the call */
  int64_t deadline_ns;         /* 0: none */
  shunt_error *err;            /* may be NULL */
  call_reads *reads;           /* NULL: none */
  const char *explicit_client; /* asked for by the caller; NULL: none */
  bool apart;                  /* nothing of the host's transactions begins for it, or forbids it */
  int64_t now_us;              /* since 1970: the one time that the call writes; 0: not read yet */
} call;

/* Takes the session's memory back from the call before and sets the deadline: timeout_ms, or the session's timeout if
 * it is 0. */
void call_start(call *c, shunt_session *s, int64_t timeout_ms, shunt_error *err);
/* The same, and moves a session that follows to the newest generation. Errors: those of session_move,
 * USAGE. */
shunt_status call_begin(call *c, shunt_session *s, int64_t timeout_ms, shunt_error *err);
/* The same in a visit of the session, for public functions. Errors: also those of visit_begin. */
shunt_status call_enter(visit *v, call *c, shunt_session *s, int64_t timeout_ms, shunt_error *err);
void call_set_deadline(call *c, int64_t timeout_ms);

/* The text of a statement and its parameters; query/sql.h writes it. */
typedef struct sql_text {
  buf text;
  shunt_value *params;
  size_t nparams, capacity;
  bool failed; /* out of memory */
} sql_text;

void sql_reset(sql_text *q); /* empties it, for another statement */

/* An empty text. It is given back by call_end_sql or at the end of the call. NULL when out of memory.
 */
sql_text *call_sql(call *c);
void call_end_sql(call *c, sql_text *sql); /* accepts NULL */
/* A decision to fill, valid until it is given back or the call ends; NULL when out of memory. */
route_decision *call_decision(call *c);
void call_end_decision(call *c, route_decision *decision); /* accepts NULL */

/* A connection for a new transaction, or for an access to which transaction_enter gives none; to be given back with
 * pool_release. Errors: those of pool_acquire. */
shunt_status call_connect(call *c, const cat_client *client, int level, driver_conn **conn);
/* The same without waiting: *conn is NULL, with SHUNT_OK, if all connections are busy. */
shunt_status call_try_acquire(call *c, const cat_client *client, int level, driver_conn **conn);

/* Columns that are compared for equality with a value in every row. They live in the arena. */
typedef struct equalities {
  arena *a;
  shunt_field *list;
  size_t count, capacity;
} equalities;

/* False when out of memory. Rules see a null as an absent value. */
bool equalities_add(equalities *e, const char *column, const shunt_value *value);
bool equalities_of_where(equalities *e, const shunt_where *where);
static inline void equalities_into(const equalities *e, route_request *request) {
  request->where = e->list;
  request->nwhere = e->count;
}

#endif
