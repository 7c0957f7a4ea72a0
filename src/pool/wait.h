/* For: deadlocks, found when a wait begins. The wait graph knows which sessions and jobs wait for a connection, for the
 * lock of a file or for the end of a job, and which hold the connections, have locked the file or run the job. A wait
 * that can't end fails at once instead of running into its timeout. Owner: a party belongs to its session; a wait lies
 * on the stack of the thread that waits. There is one graph for the process, with a lock of its own. It is acquired
 * before any pool lock, and only by threads that must wait. Any thread; a party waits for one thing at a time. Use:
 * pool_acquire does it for connections. For jobs: status = wait_job_begin(&w, &s->party, "jobs:42", "job 'mail' 42",
 * err); if (!status) { …wait… wait_end(&w); } and in the worker: wait_run_begin(&s->party, "jobs:42"); …the handler…
 * wait_run_end(&s->party); */
#ifndef SHUNT_POOL_WAIT_H
#define SHUNT_POOL_WAIT_H

#include "base/process.h"
#include "driver/driver.h"

struct pool;
struct waiter;
struct wait_edge;

/* A session or job that holds connections and waits. Its names change only while it does neither. */
typedef struct wait_party {
  const char *job;      /* the job that the session runs; NULL: none */
  const char *instance; /* "": the default one */
  uint64_t number;      /* of the job, or of the session */
  uint64_t session;     /* unique in the process */
  /* the graph's: */
  struct wait_edge *waits; /* NULL: it does not wait */
  const char *runs;        /* the key of the job that it runs; NULL: none */
  struct wait_party *next_run;
} wait_party;

typedef struct wait_edge {
  wait_party *party;
  struct pool *pool; /* it waits for a connection of this pool; NULL: it does not */
  const struct waiter *in_queue;
  bool place;              /* it waits for a place under a limit for several pools, or for a connection of its own */
  const driver_conn *conn; /* it waits for the lock of the file of this connection; NULL: it does not */
  const char *key, *job;   /* the job that it waits for; NULL: none */
  int64_t since_ns;
  bool seen;                   /* by the search in progress */
  struct wait_edge *next_seen; /* in its order */
  struct wait_edge *next, *before;
} wait_edge;

/* Called with each party that could end a wait. NULL: an unknown one (a holder without a party, a connection being
 * opened or closed, a writer outside of a transaction or in another process, a job that runs there), or the wait is
 * over already. Returning false ends the enumeration. */
typedef bool (*each_party)(void *ud, const wait_party *party);

/* "session 3 (instance 'acme')", "job 'mail' 42"; returns text. */
const char *wait_party_name(const wait_party *party, char *text, size_t room);

/* For the pool: the party is on the waitlist, and the caller holds no lock. On failure the party is off the list, and
 * the wait has ended. party may be NULL: then nothing is checked. Errors: CONFLICT, which says who holds what and who
 * waits. */
shunt_status wait_begin(wait_edge *w, wait_party *party, struct pool *pool, struct waiter *in_queue, shunt_error *err);
/* The same for a party that waits for a place under a limit, on the list of the house. */
shunt_status wait_begin_place(wait_edge *w, wait_party *party, struct pool *pool, struct waiter *in_queue,
                              shunt_error *err);
/* The `nap` of connections: the holder of the connection waits for the lock of its file. */
bool wait_nap(driver_conn *conn, int64_t since_ns, int64_t nap_ns, char *why, size_t room);
/* Registers pools whose connections write to files, so that the graph finds the connection that has locked a file. */
void wait_watch(struct pool *pool);
void wait_unwatch(struct pool *pool);
/* Calls fn with each of them under the graph's lock, until it returns true, which is returned. */
bool wait_find_watched(bool (*fn)(void *ud, struct pool *pool), void *ud);
/* In the child, nothing waits, and the pools are the parent's. */
void wait_at_fork(process_step step);

/* The key identifies the job in all databases, the name is for people; both are borrowed until wait_end. Errors:
 * CONFLICT. */
shunt_status wait_job_begin(wait_edge *w, wait_party *party, const char *key, const char *name, shunt_error *err);
void wait_end(wait_edge *w);

/* The party runs the job with this key, which is borrowed until wait_run_end. */
void wait_run_begin(wait_party *party, const char *key);
void wait_run_end(wait_party *party);

#endif
