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
#include "pool/house.h"
#include "pool/pool.h"
#include "pool/record.h"
#include "pool/tables.h"
#include "pool/waitlist.h"

static const int64_t POOL_ROLLBACK_NS = 5000000000; /* for the rollback at release: the caller may have no time left */

/* Every connection is idle (on the stack), busy (with a caller), being checked, being opened or being closed; `open`
 * counts all of them. While a caller waits, no connection is idle, and `open` is `max` or the server is full. */
typedef struct pool {
  pthread_mutex_t lock;
  struct client_pools *of;
  int level;
  int max;
  int open;
  int opening;                /* how many of them are being opened */
  size_t nall, nidle;         /* lengths of all and idle; connections being opened or closed are in neither */
  size_t all_room, idle_room; /* room in the two lists: always enough for all that are open */
  driver_conn **all;          /* idle or held, in no order */
  driver_conn **idle;         /* a stack: the connection that was used last is on top */
  waitlist waitlist;
  pool_record *record;       /* counts what it does; belongs to the house */
  int64_t full_ns;           /* the server had no place for a further connection: when one is tried again; 0: it has */
  char full[160];            /* what it said */
  int64_t due_ns;            /* when the keeper looks at it; KEEPER_NEVER: no connection gets too old */
  struct pool *_Atomic next; /* the pool of the client's next higher level in use */
  /* the house's, under its lock */
  int entered; /* connections, also those that are being opened or closed: fewer than `open` while callers wait for a
                * place under a limit */
  struct pool *next_populated, *before_populated;
  struct pool *next_watched, *before_watched; /* the wait graph's */
  struct pool *next_alike;                    /* the record's */
} pool;

/* The pools of a client. Generations share them as long as its settings stay the same. */
typedef struct client_pools {
  cat_client client; /* a copy, first: connections point to it */
  arena settings;    /* holds the texts of client */
  const driver_engine *engine;
  event_sink *events; /* the app's, which outlives it; NULL: none */
  house *house;       /* outlives it, too */
  pool_limit *server; /* the house's; NULL: none */
  bool private_database;
  bool left;            /* that database is in the memory of the parent process */
  bool levels;          /* false: level 0 serves all levels */
  atomic_int refs;      /* generations that use it, and leavers; it sinks under the house's lock */
  atomic_bool drained;  /* the newest generation does not use it: no idle connection is kept */
  pool base;            /* level 0 */
  pthread_mutex_t lock; /* taken to add a pool */
  circuit circuit;
  table_cache tables;
  pool_facts facts;
} client_pools;

struct pools {
  house *house;
  const catalog *catalog; /* of the generation, whose limits it has */
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

/* ---- client.c ---- */

/* It has one user. NULL: out of memory. */
client_pools *client_pools_new(const cat_client *client, house *h, event_sink *events);
/* Finds or adds the pool of a level. NULL: out of memory. */
pool *pool_add(client_pools *cp, int level);
static inline void client_pools_share(client_pools *cp) { atomic_fetch_add(&cp->refs, 1); }
/* Under the house's lock: false stays false. */
static inline bool pool_has_users(const pool *pl) { return atomic_load(&pl->of->refs) > 0; }
/* Its last user frees it. The caller holds no lock. */
void client_pools_drop(client_pools *cp);

/* ---- ageing.c ---- */

/* When the connection is not lent any more; 0: never. */
int64_t pool_retire_ns(const client_pools *cp, const driver_conn *conn, int64_t now_ns);
/* Closes a connection that is not idle. The caller holds no lock. */
void pool_close(pool *pl, driver_conn *conn, const char *reason);

/* All of the following: the caller holds the pool's lock. */

/* A place among the open connections is free: the first waiting caller gets it. */
void pool_free_place(pool *pl);
/* Why a connection is closed instead of kept; NULL: it is kept. It needs no lock. */
const char *pool_why_over(const driver_conn *conn, int64_t now_ns);
/* Closes what is idle for too long, without the lock meanwhile. Returns when the next one will be; KEEPER_NEVER: none.
 */
int64_t pool_close_idle(pool *pl, int64_t now_ns);
/* Closes all that are idle, without the lock meanwhile. */
void pool_close_all_idle(pool *pl, const char *reason);
/* A connection will be due then. Returns a time for keeper_note; KEEPER_NEVER: the keeper knows already. */
int64_t pool_note_due(pool *pl, int64_t due_ns, int64_t now_ns);

/* An idle connection that was taken out of its pool, to be closed. It keeps its place and its pool. */
typedef struct pool_leaver {
  pool *pool;
  driver_conn *conn;
  const char *reason;
} pool_leaver;

/* Takes out the connection that was idle for longest, of all pools under the limit; those that `min` keeps go last.
 * False: none is idle. The caller holds the house's lock, and the lock of no pool. */
bool pools_take_longest_idle(house *h, const pool_limit *limit, pool_leaver *out);
/* The same, of all pools on the server of this one, except itself. */
bool pools_take_idle_beside(house *h, const pool *pl, pool_leaver *out);
/* Takes out the connection that was idle for longest; one is idle. The caller holds both locks. */
void pool_take_idle(pool *pl, pool_leaver *out);
/* The caller holds no lock. */
void pool_close_leaver(const pool_leaver *l);

/* ---- forks.c ---- */

/* Errors: USAGE, if the client's database is left. */
shunt_status pool_check_left(const client_pools *cp, shunt_error *err);

/* ---- full.c; the caller holds the pool's lock ---- */

/* Whether a caller has to wait, though fewer than max are open: there are connections to wait for, and the server has
 * no place for others. False: it may try, and others wait meanwhile. */
bool pool_is_full(pool *pl);
/* The server had no place for a connection that was being opened; its place in the pool goes back. False: there is no
 * other connection to wait for. */
bool pool_note_full(pool *pl, const shunt_error *why);
/* One was opened: the first waiting caller opens another one. */
void pool_note_room(pool *pl);
/* As waitlist_wait. While the server is full, the first waiting caller probes now and then: it gets a place to open a
 * connection. */
shunt_status pool_wait_in_turn(pool *pl, waiter *me, int64_t until_ns);
/* Takes a place that is free, to open a connection. False: out of memory. */
bool pool_take_place(pool *pl);
/* The caller holds no lock. Closes the connection that was idle for longest in another pool on the same server: of the
 * same client at another level, or of a client with the same `server`. False: none is idle. */
bool pool_close_beside(const pool *pl);

/* ---- enter.c ---- */

/* Takes a place under the limits for a connection that the caller is about to open. If one is full, the connection of
 * another pool that was idle for longest is closed; if none is idle, the caller waits, as pool_acquire does. *conn is
 * set if a connection of the pool came free instead, and then there is no place to leave. *entered is false with
 * SHUNT_OK if the request must not wait. */
shunt_status house_enter(pool *pl, const pool_request *r, bool *entered, driver_conn **conn, shunt_error *err);
/* A connection has become idle, and callers wait for places. The caller holds no lock. */
void house_make_places(house *h);

/* How long a request may wait. */
typedef struct pool_patience {
  int64_t now_ns, left_ns;
  bool by_call; /* the call's own deadline is the earlier one */
} pool_patience;
pool_patience pool_patience_of(const pool_request *r);

/* The keeper's work: closes what is due in the pools of the house. */
int64_t pools_close_due(void *house);

#endif
