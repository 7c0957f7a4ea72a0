/* For: waits that could never end, found when they begin: who waits for a connection, for a file's lock or for a job,
 * and who holds the connections, has locked the file or runs the job. A wait can end as long as anybody it leads to
 * works; where all of those wait, it fails at once instead of running into its timeout.
 * Owner: a party belongs to its session, a wait to who waits, on the stack. The graph of them is one for the whole
 * process and has a lock of its own, taken before a pool's and by nobody who need not wait. Any thread; a party waits
 * for one thing at a time.
 * Use: the pool's pool_acquire does what there is to do for connections. For jobs:
 * status = wait_job_begin(&w, &s->party, "jobs:42", "job 'mail' 42", err); if (!status) { …wait… wait_end(&w); }
 * and in the worker: wait_run_begin(&s->party, "jobs:42"); …the handler… wait_run_end(&s->party); */
#ifndef SHUNT_POOL_WAIT_H
#define SHUNT_POOL_WAIT_H

#include "driver/driver.h"

struct pool;
struct waiter;
struct wait_edge;

/* Somebody who holds connections and waits for them. Its names change only while it does neither. */
typedef struct wait_party {
  const char *job;      /* whose work it is; NULL: the session's own */
  const char *instance; /* "": the default one */
  uint64_t number;      /* of the job, or of the session */
  /* the graph's */
  struct wait_edge *waits; /* NULL: it works */
  const char *runs;        /* the key of the job that it runs; NULL: none */
  struct wait_party *next_run;
} wait_party;

typedef struct wait_edge {
  wait_party *party;
  struct pool *pool; /* of the connection that it waits for */
  const struct waiter *in_queue;
  const driver_conn *conn; /* NULL: it waits for none to be free to write to its file */
  const char *key, *job;   /* NULL: it waits for no job */
  int64_t since_ns;
  bool seen;                   /* by the search under way */
  struct wait_edge *next_seen; /* in its order */
  struct wait_edge *next, *before;
} wait_edge;

/* "session 3 (instance 'acme')", "job 'mail' 42"; returns text. */
const char *wait_party_name(const wait_party *party, char *text, size_t room);

/* The pool's: the party has joined the pool's queue, and holds no lock. Where it fails it is off the
 * queue, and there is nothing to end. party may be NULL, and then nothing is looked at. Errors: CONFLICT, telling who
 * holds what and who waits. */
shunt_status wait_begin(wait_edge *w, wait_party *party, struct pool *pool, struct waiter *in_queue, shunt_error *err);
/* What driver_conn's nap is, with the one who holds the connection as the party. */
bool wait_nap(driver_conn *conn, int64_t since_ns, int64_t nap_ns, char *why, size_t room);
/* Pools whose connections write to files are made known, so that it can be told who has locked one. */
void wait_watch(struct pool *pool);
void wait_unwatch(struct pool *pool);

/* The key says which job of all databases it is, the name which one for people; both are borrowed until wait_end.
 * Errors: CONFLICT. */
shunt_status wait_job_begin(wait_edge *w, wait_party *party, const char *key, const char *name, shunt_error *err);
void wait_end(wait_edge *w);

/* The party runs the job of this key, borrowed until the end. */
void wait_run_begin(wait_party *party, const char *key);
void wait_run_end(wait_party *party);

#endif
