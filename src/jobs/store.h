/* For: the queue's tables: where they lie, and the statements that run there. They are made when they turn out to be
 * missing.
 * Owner: a queue is a value; what it points to is the session's generation's.
 * Use: job_store store; store_enter(&store, s, 0, err); store_run(&store, STORE_SQL("SELECT … WHERE id = ?",
 * shunt_integer(id)), rows, NULL);
 *
 * A job's row says in due_at when it may be claimed: a ready one from then on; a running one once its lease is out; one
 * that is done or dead, where it is null, never. A running one of a name that may run n times at once holds one of n
 * slots, of which a unique index keeps apart what two workers claim at once. */
#ifndef SHUNT_JOBS_STORE_H
#define SHUNT_JOBS_STORE_H

#include "session/call.h"

typedef struct job_store {
  call c;
  sql_text *sql; /* for statements that are put together */
  const cat_client *client;
  int level;
  const char *env;
  const driver_queue *dialect;
  bool made; /* the tables are there for certain */
} job_store;

/* What workers hear of a push on. */
#define STORE_CHANNEL "shunt_jobs"

/* Begins a call of the session, on the store of its generation, at its level. Errors: those of call_begin, MEMORY. */
shunt_status store_enter(job_store *store, shunt_session *s, int64_t timeout_ms, shunt_error *err);
/* The level at which workers look for jobs and renew leases, and the tables are made: none that a session has, so that
 * nothing that holds a connection keeps them from it. */
int store_own_level(const catalog *c);
/* Whether a transaction is open at the queue, in which what is sent there takes part. */
bool store_in_transaction(job_store *store);

/* A statement; it borrows both. */
typedef struct store_sql {
  const char *text;
  const shunt_value *params;
  size_t nparams;
} store_sql;

#define STORE_SQL(text, ...)                                                                                           \
  (&(const store_sql){text, (const shunt_value[]){__VA_ARGS__},                                                        \
                      sizeof((const shunt_value[]){__VA_ARGS__}) / sizeof(shunt_value)})

/* The result is added to rows; rows and affected may be NULL. Errors: those of statement_run. */
shunt_status store_run(job_store *store, const store_sql *sql, shunt_rows *rows, int64_t *affected);
/* The same with the store's sql. */
shunt_status store_run_sql(job_store *store, shunt_rows *rows, int64_t *affected);

/* A job by a name that is its own in all databases, as far as this process can tell. */
typedef struct store_key {
  char text[96];
} store_key;
store_key store_key_of(const cat_client *client, int64_t id);

static inline shunt_value store_text(const char *text) {
  return text ? shunt_text(text, __builtin_strlen(text)) : shunt_null();
}

/* To the store's sql: a parameter; and the time that it will be on the queue's clock in so many ms. */
void store_put_text(job_store *store, const char *text); /* NULL: null */
void store_put_integer(job_store *store, int64_t integer);
void store_put_later(job_store *store, int64_t ms);

#endif
