/* For: the job store: the tables that hold all queues, and the statements that run there. Missing tables are made.
 * Owner: a store is a value; what it points to belongs to the session's generation.
 * Use: job_store store; store_enter(&store, s, 0, err); store_run(&store, STORE_SQL("SELECT … WHERE id = ?",
 * shunt_integer(id)), rows, NULL);
 *
 * due_at is the time from which a job may be claimed: for a ready job its start, or 0 if it waits for nothing; for a
 * running job the end of its lease; it is null for a job that is done or dead. All times of rows are read from the
 * queue's clock (dialect->now_ms), so hosts need no common one; leap.h says what happens if it is set.
 *
 * lost_by is the worker from which the claim took the job over. In a running job it may be the job's own worker: then
 * the lease had run out, and the job may be claimed if it runs out again (lease.c). If at most n
 * jobs of a name may run at once, each running one holds one of n slots; a unique index makes the claim fail if two
 * workers take the same slot. */
#ifndef SHUNT_JOBS_STORE_H
#define SHUNT_JOBS_STORE_H

#include "query/sql.h"

typedef struct job_store {
  call c;
  sql_text *sql; /* for statements that are put together */
  const cat_client *client;
  int level;
  const char *env;
  const driver_queue *dialect;
  bool made; /* the tables exist: no need to look */
} job_store;

#define STORE_TEXT_OF(number) STORE_TEXT_OF_EXPANDED(number)
#define STORE_TEXT_OF_EXPANDED(number) #number

/* Of the rows that this version reads and writes. */
#define STORE_FORMAT 2

/* The longest name of a job, a queue or an instance. A claim carries them, and the job's data up to
 * STORE_SHORT_DATA_BYTES: it must be quick, whatever a row holds. */
enum { STORE_MOST_NAME_BYTES = 1024, STORE_SHORT_DATA_BYTES = 8192 };

/* Counts of a row stop there, so that adding to them never fails. */
#define STORE_MOST 1000000000

/* The longest delay, back-off and timeout. */
static const int64_t STORE_LONGEST_MS = 100LL * 365 * 24 * 60 * 60 * 1000;

/* The channel that notifies workers of new jobs. */
#define STORE_CHANNEL "shunt_jobs"

/* Begins a call of the session, on the store of its generation and at its level. Errors: those of call_begin, MEMORY.
 */
shunt_status store_enter(job_store *store, shunt_session *s, int64_t timeout_ms, shunt_error *err);
/* The level at which workers look for jobs and renew leases, and at which tables are made. Sessions never have it: so
 * session connections can't starve the workers. */
int store_own_level(const catalog *c);
/* Whether the session has a transaction open on the store's client and level. Otherwise statements run outside of its
 * transactions. */
bool store_in_transaction(job_store *store);
/* Begins the session's transaction there, if that takes the store's client in. */
shunt_status store_join(job_store *store);

/* A statement; text and params are borrowed. */
typedef struct store_sql {
  const char *text;
  const shunt_value *params;
  size_t nparams;
} store_sql;

#define STORE_SQL(text, ...)                                                                                           \
  (&(const store_sql){text, (const shunt_value[]){__VA_ARGS__},                                                        \
                      sizeof((const shunt_value[]){__VA_ARGS__}) / sizeof(shunt_value)})

/* The result is added to rows; rows and affected may be NULL. The tables exist. Errors: those of statement_run. */
shunt_status store_run_bare(job_store *store, const store_sql *sql, shunt_rows *rows, int64_t *affected);
/* The same, and makes or converts the tables if that is needed (tables.c). */
shunt_status store_run(job_store *store, const store_sql *sql, shunt_rows *rows, int64_t *affected);
/* The same, with the statement in store->sql. */
shunt_status store_run_sql(job_store *store, shunt_rows *rows, int64_t *affected);

/* Identifies a job in all databases that this process knows. */
typedef struct store_key {
  char text[96];
} store_key;
store_key store_key_of(const cat_client *client, int64_t id);

static inline shunt_value store_text(const char *text) {
  return text ? shunt_text(text, __builtin_strlen(text)) : shunt_null();
}

/* A text of a row, which may hold anything. NULL: it is no text, or a NUL would cut it short. */
static inline const char *store_text_of(const shunt_value *v) {
  return v->type == SHUNT_TEXT && !__builtin_memchr(v->as.bytes, 0, v->size) ? v->as.bytes : NULL;
}

/* A call without a timeout waits this long at most: for rows or unique keys of a transaction that its thread has to
 * end. */
static inline void store_bound(job_store *store, int64_t wait_ms) {
  if (!store->c.deadline_ns) call_set_deadline(&store->c, wait_ms);
}

/* Whether the statement in store->sql, which is then emptied, gives a row: an UPDATE would wait for the write lock even
 * if it found nothing. False also if there are no tables yet, or it fails. */
bool store_finds(job_store *store);
/* The time on the queue's clock, in ms since 1970. Errors: those of store_enter and statement_run. */
shunt_status store_now(shunt_session *s, int64_t *now_ms, shunt_error *err);

/* To the store's sql: text in which each @ stands for the time on the queue's clock, with its parameters; a parameter;
 * and the time that it will be on the queue's clock in so many ms. */
void store_put(job_store *store, const char *text, const shunt_value *params, size_t nparams);
void store_put_text(job_store *store, const char *text); /* NULL: null */
void store_put_integer(job_store *store, int64_t integer);
void store_put_later(job_store *store, int64_t ms);

#endif
