/* For: connections per (client, level), made when first asked for, so that work at one level never waits for another's.
 * Owner: the pools own every connection; what pool_acquire gave goes back with pool_release. Any thread.
 * Use: pool_acquire(pools, &(pool_request){.client = client, .level = level, .party = party, .deadline_ns =
 * deadline_ns}, &conn, err); … pool_release(conn, level). */
#ifndef SHUNT_POOL_POOL_H
#define SHUNT_POOL_POOL_H

#include "base/event.h"
#include "driver/driver.h"
#include "pool/wait.h"

typedef struct pools pools;

/* The pools of a generation; what happens to them goes to events, which may be NULL and outlives them. Those of clients
 * whose settings are what they were in the generation before are the same ones, with their connections; before may be
 * NULL. Only the catalog's clients are looked at. Connects to nothing. Errors: MEMORY. */
shunt_status pools_new(const catalog *c, const pools *before, event_sink *events, pools **out, shunt_error *err);
/* Every connection that was acquired through them must be back; accepts NULL. */
void pools_free(pools *p);
/* What old has, and the newest generation does not, keeps no idle connection any more. */
void pools_drain(pools *old, const pools *newest);

/* Who asks for a connection, and how. */
typedef struct pool_request {
  const cat_client *client;
  int level;
  wait_party *party;   /* holds the connection until it is released; NULL: unknown to the wait graph */
  int64_t deadline_ns; /* of clock_monotonic_ns; 0: none */
  bool no_wait;        /* if all connections are busy, *conn is NULL, with SHUNT_OK */
} pool_request;

/* Gives the connection that was used last, or opens one while there are fewer than the client's max. Otherwise waits
 * for one, at most for the client's acquireTimeout (0: not at all) and until the deadline; waiting callers are served
 * in the order in which they came. Idle connections past idleTimeout are closed on the way, down to min. A connection
 * past its lifetime (maxLifetime, or up to a tenth less; 0: no limit), or that the server has ended, is not given out.
 * After repeated connect failures, calls that need a new connection fail at once with DATASOURCE, except for a periodic
 * probe. A wait that can never end, because all who could end it wait for the party, fails at once with CONFLICT.
 * Errors: DATASOURCE, TIMEOUT, CONFLICT, MEMORY. */
shunt_status pool_acquire(pools *p, const pool_request *request, driver_conn **conn, shunt_error *err);
/* What is open on it is rolled back, which may take some seconds, the deadline of the call being past or not. A
 * connection that is broken (which ends what is open on it), altered or past its lifetime is closed instead of kept; an
 * altered one stays where another would see another database. */
void pool_release(driver_conn *conn, int level);

/* What the client's table is known to look like; NULL where nobody has asked yet. It stays until pools_free, and is the
 * same one for as long as the table looks the same. */
const driver_table *pool_table(pools *p, const cat_client *client, const char *table);
/* Asks the database, and remembers it for all. *out is NULL on an error, NOT_FOUND where there is no such table. */
shunt_status pool_describe(driver_conn *conn, const char *table, const driver_table **out, shunt_error *err);

/* The level may never have been used. */
shunt_pool_stats pool_stats_of(pools *p, const cat_client *client, int level);
/* Of each client level 0, and the others that were used, lower levels first. No lock is held while each runs. */
void pools_each(pools *p, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud);
/* How much is asked of the client at level 0 right now: the busy ones and those who wait; INT_MAX where nobody could
 * connect. */
int pool_load(pools *p, const cat_client *client);

#endif
