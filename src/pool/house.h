/* For: what the pools of an app have in common, in all its generations: which of them have connections, the limits for
 * their connections together (database.maxConnections, servers), and the thread that closes connections on time.
 * Owner: the pools of each generation have a share; the last share frees the house. Any thread. Its lock is acquired
 * before the lock of a pool, and after the lock of the wait graph.
 * Use: house_enter(pl, …) before a connection is opened (enter.c); house_leave(pl) when it is closed, or was not
 * opened.
 */
#ifndef SHUNT_POOL_HOUSE_H
#define SHUNT_POOL_HOUSE_H

#include <pthread.h>
#include <stdatomic.h>

#include "pool/keeper.h"
#include "pool/wait.h"
#include "pool/waitlist.h"

struct pool;

/* For the connections of several pools. Connections to private databases don't count: they can't be closed. */
typedef struct pool_limit {
  char *server;  /* NULL: the whole application */
  int max;       /* 0: none */
  int open;      /* connections, also those that are being opened or closed */
  int64_t taken; /* idle ones that were closed because another pool needed their place */
  struct pool_limit *next;
} pool_limit;

typedef struct house {
  pthread_mutex_t lock;
  atomic_int shares;
  struct pool *populated;      /* pools with connections, also with those that are being opened or closed */
  pool_limit app;              /* the first limit; those of servers follow */
  struct pool_record *records; /* of all clients and levels in use */
  waitlist waiting;            /* callers that need a place under a limit, as unit_waiter */
  atomic_int nwaiting;         /* their number, read without the lock */
  keeper keeper;
} house;

/* A caller that has a place in its pool, and waits for one under the limits. */
typedef struct unit_waiter {
  waiter w;
  struct pool *pool;
} unit_waiter;

/* With one share. close_due is the work of the keeper. NULL: out of memory. */
house *house_new(int64_t (*close_due)(void *house));
house *house_share(house *h);
void house_drop(house *h);

/* Finds or adds the limit of a server, without a maximum. NULL: out of memory. */
pool_limit *house_limit(house *h, const char *server);

/* The caller holds no lock. */
void house_leave(struct pool *pl);

/* All of the following: the caller holds the house's lock. */

/* The limit that leaves no place to the pool; NULL: there is one. A server's comes first: a place under it is one under
 * the app's, too. */
const pool_limit *house_full(const struct pool *pl);
/* Takes a place, which is there. */
void house_take(struct pool *pl);
bool pool_is_under(const struct pool *pl, const pool_limit *limit);
/* Serves all callers that can be served: with an idle connection of their own pool, or with a place. */
void house_serve(house *h);
/* How many callers wait for a place for this pool. */
int house_waiting(const struct pool *pl);
/* Calls fn with the party of each of them, as long as it returns true. */
bool house_each_waiting(const struct pool *pl, each_party fn, void *ud);

/* Calls fn with each party that could end the wait for a place. The caller does not hold the house's lock. */
bool house_each_holder(const struct pool *pl, const waiter *w, each_party fn, void *ud);

#endif
