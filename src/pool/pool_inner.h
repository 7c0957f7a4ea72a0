/* For: the structures that the files of this folder share: pool.c (the pools of each generation), acquire.c (acquire
 * and release), wait.c (the wait graph). No file outside of this folder includes it. Owner: see pool.h. Use:
 * client_pools *cp = pool_of_client(p, client); pool *pl = pool_find(cp, level); */
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

static const int64_t POOL_ROLLBACK_NS = 5000000000; /* for the rollback at release: the caller may have no time left */

/* Every connection is idle (on the stack), busy (with a caller), being checked, being opened or being closed; `open`
 * counts all of them. While a caller waits, `open` is `max` and no connection is idle. */
typedef struct pool {
  pthread_mutex_t lock;
  const struct client_pools *of;
  int level;
  int max;
  int open;
  int opening;                /* how many of them are being opened */
  size_t nall, nidle;         /* lengths of all and idle; connections being opened or closed are in neither */
  size_t all_room, idle_room; /* room in the two lists: always enough for all that are open */
  driver_conn **all;          /* idle or held, in no order */
  driver_conn **idle;         /* a stack: the connection that was used last is on top */
  waitlist waitlist;
  int64_t opened, closed, failed, timeouts, waited_ns; /* as in shunt_pool_stats */
  atomic_llong acquired;                               /* the same; counted without the lock */
  struct pool *_Atomic next;                           /* the pool of the client's next higher level in use */
  struct pool *next_watched, *before_watched;          /* the wait graph's */
} pool;

/* The pools of a client. Generations share them as long as its settings stay the same. */
typedef struct client_pools {
  cat_client client; /* a copy, first: connections point to it */
  arena settings;    /* holds the texts of client */
  const driver_engine *engine;
  event_sink *events; /* the app's, which outlives it; NULL: none */
  bool private_database;
  bool levels;          /* false: level 0 serves all levels */
  atomic_int refs;      /* generations that use it */
  atomic_bool drained;  /* the newest generation does not use it: no idle connection is kept */
  pool base;            /* level 0 */
  pthread_mutex_t lock; /* taken to add a pool */
  circuit circuit;
  table_cache tables;
  pool_facts facts;
} client_pools;

struct pools {
  size_t count;
  size_t shown;            /* how many are always in the statistics: the job store's own client only once it was used */
  client_pools *clients[]; /* by the client's id in the generation's catalog */
};

static inline client_pools *pool_of_client(const pools *p, const cat_client *client) {
  assert(client->id < p->count && strcmp(p->clients[client->id]->client.name, client->name) == 0);
  return p->clients[client->id];
}

static inline client_pools *pool_of_conn(const driver_conn *conn) { return (client_pools *)(uintptr_t)conn->client; }

/* NULL: the level was never used. */
static inline pool *pool_find(client_pools *cp, int level) {
  if (!cp->levels) level = 0;
  for (pool *pl = &cp->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire))
    if (pl->level == level) return pl;
  return NULL;
}

/* Reports that a connection of the pool was closed. The caller holds no lock. */
static inline void pool_report_closed(const client_pools *cp, const pool *pl, const char *reason) {
  events_emit(cp->events, SHUNT_EVENT_CONNECTION_CLOSED, {"client", event_text(cp->client.name)},
              {"level", shunt_integer(pl->level)}, {"reason", event_text(reason)});
}

/* Finds or adds the pool of a level. NULL: out of memory. */
pool *pool_add(client_pools *cp, int level);

#endif
