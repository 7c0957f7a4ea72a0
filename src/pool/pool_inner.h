/* For: what the parts of the pools share: pool.c (which there are, generation by generation), acquire.c (taking
 * connections and giving them back), wait.c (who waits for whom). Nobody outside this folder includes this. */
#ifndef SHUNT_POOL_POOL_INNER_H
#define SHUNT_POOL_POOL_INNER_H

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "pool/circuit.h"
#include "pool/pool.h"
#include "pool/tables.h"
#include "pool/waitlist.h"

static const int64_t POOL_ROLLBACK_NS = 5000000000; /* at release, whose caller may have no time left */

/* Every connection is idle (on the stack), busy (with a caller), being looked at, or being opened or closed; `open`
 * counts all of them. Whoever waits is served before anything is free: while there is a queue, `open` is `max` and none
 * is idle. */
typedef struct pool {
  pthread_mutex_t lock;
  const struct client_pools *of;
  int level;
  int max;
  int open;
  int opening;                /* of them */
  size_t nall, nidle;         /* of them; those being opened or closed are in neither list */
  size_t all_room, idle_room; /* there is always room for all that are open */
  driver_conn **all;          /* in no order: idle, or somebody holds it */
  driver_conn **idle;         /* the one used last on top, so the one idle for longest at the bottom */
  waitlist waitlist;
  int64_t opened, closed, failed, timeouts, waited_ns; /* ever, as in shunt_pool_stats */
  atomic_llong acquired;     /* the same; an idle connection is found to be good when the lock is let go already */
  struct pool *_Atomic next; /* of the client's other levels, the next higher one */
  struct pool *next_watched, *before_watched; /* the graph's */
} pool;

/* What belongs to a datasource for as long as its settings stay as they are, whatever the generation. */
typedef struct client_pools {
  cat_client client; /* a copy, first: connections point to it */
  arena settings;    /* holds what it points to */
  const driver_engine *engine;
  event_sink *events; /* the app's, which outlives it; NULL: none */
  bool private_database;
  atomic_int refs;      /* generations that use it */
  atomic_bool drained;  /* none of them is the newest: nothing is kept idle */
  pool base;            /* level 0 */
  pthread_mutex_t lock; /* of adding a pool */
  circuit circuit;
  table_cache tables;
} client_pools;

struct pools {
  size_t count;
  size_t shown;            /* the first ones: the queue's own is not told of before it is used */
  client_pools *clients[]; /* by the id that the generation's catalog gives them */
};

static inline client_pools *pool_of_client(const pools *p, const cat_client *client) {
  assert(client->id < p->count && strcmp(p->clients[client->id]->client.name, client->name) == 0);
  return p->clients[client->id];
}

static inline client_pools *pool_of_conn(const driver_conn *conn) { return (client_pools *)(uintptr_t)conn->client; }

/* NULL where the level was never used. */
static inline pool *pool_find(client_pools *cp, int level) {
  if (cp->private_database || !cat_engine_of(cp->client.engine)->levels) level = 0;
  for (pool *pl = &cp->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire))
    if (pl->level == level) return pl;
  return NULL;
}

/* Reports that a connection of the pool was closed. The caller holds no lock. */
static inline void pool_report_closed(const client_pools *cp, const pool *pl, const char *reason) {
  events_emit(cp->events, SHUNT_EVENT_CONNECTION_CLOSED, {"client", event_text(cp->client.name)},
              {"level", shunt_integer(pl->level)}, {"reason", event_text(reason)});
}

/* Of a level that was never used, as far as the caller knows. NULL: out of memory. */
pool *pool_add(client_pools *cp, int level);
void pool_close_idle(client_pools *cp, pool *pl); /* all of them */

#endif
