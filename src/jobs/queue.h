/* For: the queue's tables: where they lie, and the statements that run there. They are made when they turn out to be
 * missing.
 * Owner: a queue is a value; what it points to is the session's generation's.
 * Use: queue q = queue_of(s); queue_run(&q, "SELECT … WHERE id = ?", QUEUE_PARAMS(shunt_integer(id)), rows, NULL, err).
 *
 * A job's row says in due_at when it may be claimed: a ready one from then on; a running one once its lease is out; one
 * that is done or dead, where it is null, never. A running one of a name that may run n times at once holds one of n
 * slots, of which a unique index keeps apart what two workers claim at once. */
#ifndef SHUNT_JOBS_QUEUE_H
#define SHUNT_JOBS_QUEUE_H

#include "query/session.h"

typedef struct queue {
  shunt_session *session;
  const cat_client *client;
  int level;
  const char *env;
  const driver_queue *dialect;
  bool made; /* the tables are there for certain */
} queue;

/* What workers hear of a push on. */
#define QUEUE_CHANNEL "shunt_jobs"

/* Of the session's generation, at its level. */
queue queue_of(shunt_session *s);
/* The level at which workers look for jobs and renew leases, and the tables are made: none that a session has, so that
 * nothing that holds a connection keeps them from it. */
int queue_own_level(const catalog *c);
/* Whether a transaction is open at the queue, in which what is sent there takes part. */
bool queue_in_transaction(const queue *q);

#define QUEUE_PARAMS(...)                                                                                              \
  (const shunt_value[]){__VA_ARGS__}, sizeof((const shunt_value[]){__VA_ARGS__}) / sizeof(shunt_value)

/* rows, which is added to, and affected may be NULL. Errors: those of statement_run. */
shunt_status queue_run(const queue *q, const char *sql, const shunt_value *params, size_t nparams, shunt_rows *rows,
                       int64_t *affected, shunt_error *err);
/* The same with the session's sql_text. */
shunt_status queue_run_sql(const queue *q, shunt_rows *rows, int64_t *affected, shunt_error *err);

/* A job by a name that is its own in all databases, as far as this process can tell. */
typedef struct queue_key {
  char text[96];
} queue_key;
queue_key queue_key_of(const queue *q, int64_t id);

static inline shunt_value queue_text(const char *text) {
  return text ? shunt_text(text, __builtin_strlen(text)) : shunt_null();
}

/* To the session's sql_text: a parameter; and the time that it will be on the queue's clock in so many ms. */
void queue_put_text(const queue *q, const char *text); /* NULL: null */
void queue_put_integer(const queue *q, int64_t integer);
void queue_put_later(const queue *q, int64_t ms);

#endif
