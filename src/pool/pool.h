/* For: connections per (client, level). Work at one level never waits for connections of another level.
 * Owner: the pools own every connection; the caller of pool_acquire returns it with pool_release. Any thread.
 * Use: pool_acquire(pools, &(pool_request){.client = client, .level = level, .party = party, .deadline_ns =
 * deadline_ns}, &conn, err); … pool_release(conn, level). */
#ifndef SHUNT_POOL_POOL_H
#define SHUNT_POOL_POOL_H

#include "base/event.h"
#include "base/process.h"
#include "driver/driver.h"
#include "pool/wait.h"

typedef struct pools pools;

/* The pools of a generation. A client whose settings did not change keeps its pools, with their connections, from the
 * generation before; before may be NULL. events outlives the pools and may be NULL. It opens no connection. Errors:
 * MEMORY. */
shunt_status pools_new(const catalog *c, const pools *before, event_sink *events, pools **out, shunt_error *err);
/* Every connection must have been released. Accepts NULL. */
void pools_free(pools *p);
/* Pools of old that the newest generation does not use close their idle connections, and keep none from now on. */
void pools_drain(pools *old, const pools *newest);

/* Before a fork: closes idle connections to database files. The caller holds no lock. */
void pools_close_files(void);
/* Nothing else of the pools may be used in the child, except for the next function. */
void pools_at_fork(process_step step);
/* In the child: clients of p whose database was in the memory of the parent, which used it, are refused. */
void pools_leave_private(pools *p, const pools *parent);

/* Who asks for a connection, and how. */
typedef struct pool_request {
  const cat_client *client;
  int level;
  wait_party *party;           /* holds the connection until it is released; NULL: unknown to the wait graph */
  int64_t deadline_ns;         /* of clock_monotonic_ns; 0: none */
  driver_variables *variables; /* a connection that has them is preferred; NULL: none */
  bool no_wait;                /* if all connections are busy, *conn is NULL, with SHUNT_OK */
} pool_request;

/* Gives the connection that was used last (of those that have the variables, if there is one), or opens one while there
 * are fewer than the client's max. Otherwise waits for one, at most for the client's acquireTimeout (0: not at all) and
 * until the deadline; waiting callers are served in the order in which they came. Idle connections past idleTimeout are
 * closed, down to min, also by a thread of the pools. A connection that another session has used by hand is reset
 * first. A connection past its lifetime (maxLifetime, or up to a tenth less; 0: no limit), or that the server has
 * ended, is not given out. After repeated connect failures, calls that need a new connection fail at once with
 * DATASOURCE, except for a periodic probe. If the server is full, callers wait for the connections that there are, as
 * if these were max; without any, they get its error. A wait that can never end, because all who could end it wait for
 * the party, fails at once with CONFLICT. Errors: DATASOURCE, TIMEOUT, CONFLICT, MEMORY. */
shunt_status pool_acquire(pools *p, const pool_request *request, driver_conn **conn, shunt_error *err);
/* Rolls back an open transaction, and resets a connection that is altered; both may take some seconds even after the
 * deadline of the call. A connection that is broken, past its lifetime or can't be reset is closed instead of kept. */
void pool_release(driver_conn *conn, int level);
/* Resets the idle connections on which the session (wait_party.session) ran plain SQL by hand. */
void pools_end_session(pools *p, uint64_t session);

/* The cached description of the table that the client's name means in the scope of the variables (NULL: none); NULL:
 * not described yet. It is valid until pools_free, and the same one while the table stays the same. */
const driver_table *pool_table(pools *p, const cat_client *client, const driver_variables *variables,
                               const char *table);
/* Asks the database, and caches the description. On an error *out is NULL. Errors: NOT_FOUND if there is no such table.
 */
shunt_status pool_describe(driver_conn *conn, const char *table, const driver_table **out, shunt_error *err);

/* What this process has found out about the client's database for commits in two phases (joint/). */
typedef struct pool_facts {
  atomic_bool prepares;   /* it can prepare transactions; false: not known */
  _Atomic uint64_t store; /* the identity of its store; 0: not known */
  atomic_uint decided;    /* decisions since its store was cleared */
} pool_facts;

/* Of the connection's client, in whichever generation it was opened. Valid as long as the connection. */
pool_facts *pool_facts_of(const driver_conn *conn);

/* What a pool is like now, and what it has counted: see record.h. */
typedef struct pool_view {
  shunt_pool_stats stats;
  driver_counts counts;
  histogram waits;
} pool_view;

/* Zeros if the level was never used. */
shunt_pool_stats pool_stats_of(pools *p, const cat_client *client, int level);
/* As pools_each. */
void pools_each_view(pools *p, void (*each)(void *ud, const pool_view *view), void *ud);
/* Calls `each` for level 0 of each client and for the other levels in use, lower levels first, without a lock. */
void pools_each(pools *p, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud);
/* Calls `each` for the limit of the app, and for each server's, without a lock. */
void pools_each_limit(pools *p, void (*each)(void *ud, const shunt_limit_stats *stats), void *ud);
/* The load at level 0: busy connections and waiting callers; INT_MAX while the circuit is open. */
int pool_load(pools *p, const cat_client *client);
/* Whether calls that need a new connection would fail at once, because the circuit is open. */
bool pool_is_down(pools *p, const cat_client *client);

#endif
