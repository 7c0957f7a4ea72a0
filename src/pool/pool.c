#define _POSIX_C_SOURCE 200809L
#include "pool/pool.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "pool/circuit.h"
#include "pool/jitter.h"
#include "pool/queue.h"
#include "pool/tables.h"

static const int64_t ROLLBACK_NS = 5000000000; /* at release, whose caller may have no time left */

/* Every connection is idle (on the stack), busy (with a caller), being looked at, or being opened or closed; `open`
 * counts all of them. Whoever waits is served before anything is free: while there is a queue, `open` is `max` and none
 * is idle. */
typedef struct pool {
  pthread_mutex_t lock;
  int level;
  int max;
  int open;
  int opening;                 /* of them */
  size_t nidle, idle_capacity; /* there is always room for all that are open */
  driver_conn **idle;          /* the one used last on top, so the one idle for longest at the bottom */
  queue queue;
  int64_t opened, closed, failed, timeouts, waited_ns; /* ever, as in shunt_pool_stats */
  atomic_llong acquired;     /* the same; an idle connection is found to be good when the lock is let go already */
  struct pool *_Atomic next; /* of the client's other levels, the next higher one */
} pool;

/* What belongs to a datasource for as long as its settings stay as they are, whatever the generation. */
typedef struct client_pools {
  cat_client client; /* a copy, first: connections point to it */
  arena settings;    /* holds what it points to */
  const driver_engine *engine;
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

/* ---- making and ending ---- */

static bool init_pool(pool *pl, const client_pools *cp, int level) {
  memset(pl, 0, sizeof *pl);
  pl->level = level;
  pl->max = cp->private_database || cp->client.pool.max < 1 ? 1 : cp->client.pool.max;
  atomic_init(&pl->acquired, 0);
  atomic_init(&pl->next, NULL);
  return pthread_mutex_init(&pl->lock, NULL) == 0;
}

static void end_pool(pool *pl, const driver_engine *engine) {
  assert(pl->open == (int)pl->nidle && !pl->queue.first);
  for (size_t i = 0; i < pl->nidle; i++) engine->close(pl->idle[i]);
  base_free(pl->idle);
  pthread_mutex_destroy(&pl->lock);
}

static bool init_client(client_pools *cp, const cat_client *client) {
  if (!cat_client_copy(&cp->settings, client, &cp->client)) return false;
  cp->engine = driver_for(client->engine);
  cp->private_database = cp->engine->private_database(client);
  atomic_init(&cp->refs, 1);
  atomic_init(&cp->drained, false);
  if (!init_pool(&cp->base, cp, 0)) return false;
  if (!tables_init(&cp->tables)) goto no_tables;
  if (!circuit_init(&cp->circuit)) goto no_circuit;
  if (pthread_mutex_init(&cp->lock, NULL) == 0) return true;
  circuit_end(&cp->circuit);
no_circuit:
  tables_end(&cp->tables);
no_tables:
  pthread_mutex_destroy(&cp->base.lock);
  return false;
}

static client_pools *new_client(const cat_client *client) {
  client_pools *cp = base_zalloc(sizeof *cp);
  if (!cp || init_client(cp, client)) return cp;
  arena_free(&cp->settings);
  base_free(cp);
  return NULL;
}

static void let_go(client_pools *cp) {
  if (atomic_fetch_sub(&cp->refs, 1) > 1) return;
  pool *pl = atomic_load(&cp->base.next);
  end_pool(&cp->base, cp->engine);
  while (pl) {
    pool *next = atomic_load(&pl->next);
    end_pool(pl, cp->engine);
    base_free(pl);
    pl = next;
  }
  tables_end(&cp->tables);
  circuit_end(&cp->circuit);
  pthread_mutex_destroy(&cp->lock);
  arena_free(&cp->settings);
  base_free(cp);
}

/* Those of the same settings, used by one more generation; or NULL. */
static client_pools *share(const pools *before, const cat_client *client) {
  for (size_t i = 0; before && i < before->count; i++) {
    client_pools *cp = before->clients[i];
    if (!cat_client_equal(&cp->client, client)) continue;
    atomic_fetch_add(&cp->refs, 1);
    return cp;
  }
  return NULL;
}

shunt_status pools_new(const catalog *c, const pools *before, pools **out, shunt_error *err) {
  size_t n = c->nclients + c->jobs.own;
  pools *p = base_zalloc(sizeof *p + n * sizeof *p->clients);
  if (!p) return error_memory(err);
  p->shown = c->nclients;
  for (; p->count < n; p->count++) {
    const cat_client *client = c->clients[p->count];
    client_pools *cp = share(before, client);
    if (!cp && !(cp = new_client(client))) {
      pools_free(p);
      return error_memory(err);
    }
    p->clients[p->count] = cp;
  }
  *out = p;
  return SHUNT_OK;
}

void pools_free(pools *p) {
  if (!p) return;
  for (size_t i = 0; i < p->count; i++) let_go(p->clients[i]);
  base_free(p);
}

static client_pools *of_client(const pools *p, const cat_client *client) {
  assert(client->id < p->count && strcmp(p->clients[client->id]->client.name, client->name) == 0);
  return p->clients[client->id];
}

static client_pools *of_conn(const driver_conn *conn) { return (client_pools *)(uintptr_t)conn->client; }

static pool *find_level(client_pools *cp, int level) {
  if (cp->private_database || !cp->engine->levels) level = 0;
  for (pool *pl = &cp->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire))
    if (pl->level == level) return pl;
  return NULL;
}

static void add_pool(client_pools *cp, pool *pl) {
  pool *before = &cp->base, *next;
  while ((next = atomic_load(&before->next)) && next->level < pl->level) before = next;
  atomic_init(&pl->next, next);
  atomic_store_explicit(&before->next, pl, memory_order_release);
}

/* Pools are only ever added, behind the one of level 0, so that finding one takes no lock. */
static pool *pool_at(client_pools *cp, int level) {
  pool *pl = find_level(cp, level);
  if (pl) return pl;
  pthread_mutex_lock(&cp->lock);
  pl = find_level(cp, level); /* another thread may have been here */
  if (!pl && (pl = base_alloc(sizeof *pl))) {
    if (init_pool(pl, cp, level)) {
      add_pool(cp, pl);
    } else {
      base_free(pl);
      pl = NULL;
    }
  }
  pthread_mutex_unlock(&cp->lock);
  return pl;
}

/* ---- places and waiters; the caller holds the pool's lock ---- */

/* A place among the open ones is free: the first who waits fills it. */
static void free_place(pool *pl) {
  if (pl->queue.first) {
    pl->opening++;
    queue_serve(&pl->queue, NULL);
  } else {
    pl->open--;
  }
}

static shunt_status none_came_free(const pool *pl, const char *client, int64_t waited_ms, bool by_call,
                                   shunt_error *err) {
  if (by_call)
    error_set(err, SHUNT_E_TIMEOUT,
              "all %d connections of client '%s' are busy, and none came free in the %lld ms that were left of the "
              "call's own timeout; give it more time, raise the pool's max, or hold connections for shorter",
              pl->max, client, (long long)waited_ms);
  else
    error_set(err, SHUNT_E_TIMEOUT,
              "all %d connections of client '%s' are busy, and none came free within %lld ms; raise its pool's max or "
              "acquireTimeout, or hold connections for shorter",
              pl->max, client, (long long)waited_ms);
  error_client(err, client);
  return SHUNT_E_TIMEOUT;
}

static shunt_status wait_for_one(pool *pl, const cat_client *client, int64_t deadline_ns, driver_conn **conn,
                                 shunt_error *err) {
  const int64_t longest_ms = INT64_MAX / NS_PER_MS / 2;
  int64_t now_ns = clock_monotonic_ns(), timeout_ms = client->pool.acquire_timeout_ms;
  int64_t left_ns = (timeout_ms < longest_ms ? timeout_ms : longest_ms) * NS_PER_MS;
  bool by_call = deadline_ns && deadline_ns - now_ns < left_ns;
  shunt_status status = SHUNT_E_TIMEOUT;
  if (by_call) left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
  if (left_ns > 0) {
    status = queue_wait(&pl->queue, &pl->lock, now_ns + left_ns, conn);
    pl->waited_ns += clock_monotonic_ns() - now_ns;
  }
  if (status == SHUNT_E_MEMORY) return error_memory(err);
  if (!status) return SHUNT_OK;
  pl->timeouts++;
  return none_came_free(pl, client->name, left_ns / NS_PER_MS, by_call, err);
}

/* ---- ageing ---- */

static bool past(int64_t since_ns, int64_t limit_ms, int64_t now_ns) {
  return limit_ms > 0 && (now_ns - since_ns) / NS_PER_MS >= limit_ms;
}

/* Up to a tenth before its time, so that those opened together do not end together. */
static int64_t retire_ns(const client_pools *cp, const driver_conn *conn, int64_t now_ns) {
  int64_t lifetime_ms = cp->client.pool.max_lifetime_ms;
  if (cp->private_database || lifetime_ms <= 0 || lifetime_ms >= (INT64_MAX - now_ns) / NS_PER_MS) return 0;
  double share = 0.9 + 0.1 * jitter((uint64_t)now_ns ^ (uint64_t)(uintptr_t)conn);
  return now_ns + (int64_t)((double)(lifetime_ms * NS_PER_MS) * share);
}

static bool is_retired(const driver_conn *conn, int64_t now_ns) { return conn->retire_ns && now_ns >= conn->retire_ns; }

static bool idle_too_long(const client_pools *cp, const pool *pl, int64_t now_ns) {
  return pl->nidle && !cp->private_database && pl->open > cp->client.pool.min &&
         past(pl->idle[0]->idle_since_ns, cp->client.pool.idle_timeout_ms, now_ns);
}

/* Closing may take its time, so the lock is not held, but taken for what follows. */
static void close_and_lock(client_pools *cp, pool *pl, driver_conn *conn) {
  cp->engine->close(conn);
  pthread_mutex_lock(&pl->lock);
  pl->closed++;
  free_place(pl);
}

static void close_idle(client_pools *cp, pool *pl, int64_t now_ns) {
  while (idle_too_long(cp, pl, now_ns)) {
    driver_conn *oldest = pl->idle[0];
    pl->nidle--;
    memmove(pl->idle, pl->idle + 1, pl->nidle * sizeof(driver_conn *));
    pthread_mutex_unlock(&pl->lock);
    close_and_lock(cp, pl, oldest);
  }
}

/* A server that ended, or ended the connection, has said so on it. */
static bool is_alive(const client_pools *cp, driver_conn *conn) {
  return !cp->engine->alive || cp->engine->alive(conn);
}

/* A connection that can be given out, the lock being let go, for looking at one asks the system; or NULL, with the lock
 * held as before. */
static driver_conn *take_idle(client_pools *cp, pool *pl) {
  while (pl->nidle) {
    int64_t now_ns = clock_coarse_ns();
    driver_conn *conn = pl->idle[--pl->nidle];
    close_idle(cp, pl, now_ns);
    pthread_mutex_unlock(&pl->lock);
    /* of one that was used in this very tick of the clock nothing new can be known */
    if (!is_retired(conn, now_ns) && (conn->idle_since_ns == now_ns || is_alive(cp, conn))) return conn;
    close_and_lock(cp, pl, conn);
  }
  return NULL;
}

/* ---- acquire and release ---- */

/* An engine whose connections nobody else can end has no server that could be down. */
static shunt_status connect_to(client_pools *cp, int64_t deadline_ns, bool *tried, driver_conn **conn,
                               shunt_error *err) {
  circuit_attempt attempt;
  shunt_status status = cp->engine->alive ? circuit_enter(&cp->circuit, cp->client.name, &attempt, err) : SHUNT_OK;
  *tried = !status;
  if (status) return status;
  status = cp->engine->open(&cp->client, deadline_ns, conn, err);
  if (cp->engine->alive) circuit_leave(&cp->circuit, &attempt, status, err);
  return status;
}

/* With a place among the open ones held. */
static shunt_status open_one(client_pools *cp, pool *pl, int64_t deadline_ns, driver_conn **conn, shunt_error *err) {
  shunt_error own; /* the circuit tells others of it */
  bool tried;
  shunt_status status = connect_to(cp, deadline_ns, &tried, conn, err ? err : &own);
  if (!status) (*conn)->retire_ns = retire_ns(cp, *conn, clock_coarse_ns());
  pthread_mutex_lock(&pl->lock);
  pl->opening--;
  if (status) {
    *conn = NULL;
    pl->failed += tried;
    free_place(pl);
  } else {
    pl->opened++;
  }
  pthread_mutex_unlock(&pl->lock);
  return status;
}

/* With none idle: a place to open one, with *conn NULL, or else one that came free; *full where all are busy and that
 * is not waited for, full being NULL where it is. */
static shunt_status take_place(client_pools *cp, pool *pl, int64_t deadline_ns, bool *full, driver_conn **conn,
                               shunt_error *err) {
  assert(!pl->queue.first || pl->open == pl->max);
  if (pl->open < pl->max) {
    if (!base_grow(&pl->idle, &pl->idle_capacity, (size_t)pl->open + 1, sizeof(driver_conn *)))
      return error_memory(err);
    pl->open++;
    pl->opening++;
    return SHUNT_OK;
  }
  if (full) {
    *full = true;
    return SHUNT_OK;
  }
  /* Where there is no connection but those that others try to open, to wait is to wait for the server. */
  shunt_status status = pl->opening == pl->open ? circuit_check(&cp->circuit, cp->client.name, err) : SHUNT_OK;
  return status ? status : wait_for_one(pl, &cp->client, deadline_ns, conn, err);
}

static shunt_status find_one(client_pools *cp, pool *pl, int64_t deadline_ns, bool *full, driver_conn **conn,
                             shunt_error *err) {
  pthread_mutex_lock(&pl->lock);
  *conn = take_idle(cp, pl);
  if (*conn) return SHUNT_OK;
  shunt_status status = take_place(cp, pl, deadline_ns, full, conn, err);
  pthread_mutex_unlock(&pl->lock);
  return status;
}

static shunt_status acquire(pools *p, const cat_client *client, int level, int64_t deadline_ns, bool *full,
                            driver_conn **conn, shunt_error *err) {
  client_pools *cp = of_client(p, client);
  *conn = NULL;
  pool *pl = pool_at(cp, level);
  if (!pl) return error_memory(err);
  shunt_status status = find_one(cp, pl, deadline_ns, full, conn, err);
  if (!status && !*conn && !(full && *full)) status = open_one(cp, pl, deadline_ns, conn, err);
  if (status || !*conn) return status;
  (*conn)->deadline_ns = deadline_ns;
  atomic_fetch_add_explicit(&pl->acquired, 1, memory_order_relaxed);
  return SHUNT_OK;
}

shunt_status pool_acquire(pools *p, const cat_client *client, int level, int64_t deadline_ns, driver_conn **conn,
                          shunt_error *err) {
  return acquire(p, client, level, deadline_ns, NULL, conn, err);
}

shunt_status pool_try_acquire(pools *p, const cat_client *client, int level, int64_t deadline_ns, driver_conn **conn,
                              shunt_error *err) {
  bool full = false;
  return acquire(p, client, level, deadline_ns, &full, conn, err);
}

/* To be closed rather than kept for somebody else. */
static bool is_over(const client_pools *cp, const driver_conn *conn, int64_t now_ns) {
  if (conn->broken || is_retired(conn, now_ns)) return true;
  return !cp->private_database && (conn->altered || atomic_load_explicit(&cp->drained, memory_order_relaxed));
}

void pool_release(driver_conn *conn, int level) {
  client_pools *cp = of_conn(conn);
  pool *pl = find_level(cp, level);
  assert(pl);
  if (conn->in_transaction && !conn->broken) {
    conn->deadline_ns = clock_monotonic_ns() + ROLLBACK_NS;
    conn->engine->rollback(conn);
  }
  int64_t now_ns = clock_coarse_ns();
  if (is_over(cp, conn, now_ns)) {
    close_and_lock(cp, pl, conn);
  } else {
    conn->deadline_ns = 0;
    conn->idle_since_ns = now_ns;
    pthread_mutex_lock(&pl->lock);
    if (pl->queue.first)
      queue_serve(&pl->queue, conn);
    else
      pl->idle[pl->nidle++] = conn;
  }
  close_idle(cp, pl, now_ns);
  pthread_mutex_unlock(&pl->lock);
}

/* ---- between generations ---- */

static void close_all_idle(client_pools *cp, pool *pl) {
  pthread_mutex_lock(&pl->lock);
  while (pl->nidle) {
    driver_conn *conn = pl->idle[--pl->nidle];
    pthread_mutex_unlock(&pl->lock);
    close_and_lock(cp, pl, conn);
  }
  pthread_mutex_unlock(&pl->lock);
}

static bool has(const pools *p, const client_pools *cp) {
  for (size_t i = 0; i < p->count; i++)
    if (p->clients[i] == cp) return true;
  return false;
}

void pools_drain(pools *old, const pools *newest) {
  for (size_t i = 0; i < old->count; i++) {
    client_pools *cp = old->clients[i];
    if (cp->private_database || has(newest, cp)) continue;
    atomic_store(&cp->drained, true);
    for (pool *pl = &cp->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire)) close_all_idle(cp, pl);
  }
}

/* ---- statistics ---- */

static shunt_pool_stats look(client_pools *cp, pool *pl) {
  shunt_pool_stats stats = {.client = cp->client.name, .level = pl->level, .max = pl->max};
  pthread_mutex_lock(&pl->lock);
  stats.open = pl->open;
  stats.busy = pl->open - (int)pl->nidle;
  stats.waiting = pl->queue.waiting;
  stats.opened = pl->opened;
  stats.closed = pl->closed;
  stats.failed = pl->failed;
  stats.timeouts = pl->timeouts;
  stats.waited_ns = pl->waited_ns;
  pthread_mutex_unlock(&pl->lock);
  stats.acquired = atomic_load_explicit(&pl->acquired, memory_order_relaxed);
  circuit_look(&cp->circuit, &stats.circuit_open, &stats.retry_ms);
  return stats;
}

shunt_pool_stats pool_stats_of(pools *p, const cat_client *client, int level) {
  client_pools *cp = of_client(p, client);
  pool *pl = find_level(cp, level);
  if (pl) return look(cp, pl);
  shunt_pool_stats stats = {.client = client->name, .level = level, .max = cp->base.max};
  circuit_look(&cp->circuit, &stats.circuit_open, &stats.retry_ms);
  return stats;
}

void pools_each(pools *p, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud) {
  for (size_t i = 0; i < p->count; i++)
    for (pool *pl = &p->clients[i]->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire)) {
      shunt_pool_stats stats = look(p->clients[i], pl);
      if (i < p->shown || stats.opened || stats.failed) each(ud, &stats);
    }
}

int pool_load(pools *p, const cat_client *client) {
  client_pools *cp = of_client(p, client);
  if (circuit_check(&cp->circuit, client->name, NULL)) return INT_MAX;
  pool *pl = &cp->base;
  pthread_mutex_lock(&pl->lock);
  int load = pl->open - (int)pl->nidle + pl->queue.waiting;
  pthread_mutex_unlock(&pl->lock);
  return load;
}

/* ---- tables ---- */

const driver_table *pool_table(pools *p, const cat_client *client, const char *table) {
  return tables_known(&of_client(p, client)->tables, table);
}

shunt_status pool_describe(driver_conn *conn, const char *table, const driver_table **out, shunt_error *err) {
  client_pools *cp = of_conn(conn);
  driver_table *fresh = NULL;
  *out = NULL;
  shunt_status status = conn->engine->describe(conn, table, &fresh, err);
  if (status == SHUNT_E_NOT_FOUND) tables_forget(&cp->tables, table);
  if (status) return status;
  *out = tables_remember(&cp->tables, table, fresh);
  return *out ? SHUNT_OK : error_memory(err);
}
