/* For: connections per (client, level), made when first asked for, so that work at one level never waits for another's.
 * Owner: the pools own every connection; what pool_acquire gave goes back with pool_release. Any thread.
 * Use: pool_acquire(pools, client, level, party, deadline_ns, &conn, err); … pool_release(conn, level). */
#ifndef SHUNT_POOL_POOL_H
#define SHUNT_POOL_POOL_H

#include "driver/driver.h"
#include "pool/wait.h"

typedef struct pools pools;

/* The pools of a generation. Those of clients whose settings are what they were in the generation before are the same
 * ones, with their connections; before may be NULL. Only the catalog's clients are looked at. Connects to nothing.
 * Errors: MEMORY. */
shunt_status pools_new(const catalog *c, const pools *before, pools **out, shunt_error *err);
/* Every connection that was acquired through them must be back; accepts NULL. */
void pools_free(pools *p);
/* What old has, and the newest generation does not, keeps no idle connection any more. */
void pools_drain(pools *old, const pools *newest);

/* Gives the connection that was used last, or a new one while there are less than the client's max, or else waits at
 * most its acquireTimeout (0: not at all), and not past deadline_ns (of clock_monotonic_ns; 0: none), for one to come
 * free; who came first is served first. Idle connections past idleTimeout are closed on the way, down to min, and one
 * past its lifetime (maxLifetime, or up to a tenth less; 0: no such limit), or that the server has ended, is not given
 * out. After some failures in a row to connect, DATASOURCE is what everybody gets at once who would have to open one,
 * but for one who tries it now and then. party holds it until it is back; NULL: nobody is known to. A wait that can
 * never end, because all who could end it wait for the party, is CONFLICT at once. Errors: DATASOURCE, TIMEOUT,
 * CONFLICT, MEMORY. */
shunt_status pool_acquire(pools *p, const cat_client *client, int level, wait_party *party, int64_t deadline_ns,
                          driver_conn **conn, shunt_error *err);
/* The same without waiting for anybody: *conn is NULL, with SHUNT_OK, where all are busy. It is never given what
 * somebody else waits for. */
shunt_status pool_try_acquire(pools *p, const cat_client *client, int level, wait_party *party, int64_t deadline_ns,
                              driver_conn **conn, shunt_error *err);
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
