#define _POSIX_C_SOURCE 200809L
#include "pool/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "pool/tables.h"

static const int64_t NS_PER_MS = 1000000, NS_PER_S = 1000000000;

/* A thread that waits, on its own stack. It is given a connection, or a place among the open ones to fill. */
typedef struct waiter {
  pthread_cond_t wake;
  bool served;
  driver_conn *conn; /* NULL with served: open one yourself */
  struct waiter *next;
} waiter;

/* Every connection is idle (on the stack), busy (with a caller), or being opened or closed; `open` counts all of them.
 */
typedef struct pool {
  pthread_mutex_t lock;
  int level;
  int max;
  int open;
  int waiting;
  size_t nidle, idle_capacity; /* there is always room for all that are open */
  driver_conn **idle;          /* the one used last on top, so the one idle for longest at the bottom */
  waiter *first, *last;
  struct pool *_Atomic next; /* of the client's other levels */
} pool;

typedef struct client_pools {
  const cat_client *client;
  const driver_engine *engine;
  bool private_database;
  pool base;            /* level 0 */
  pthread_mutex_t lock; /* of adding a pool */
  table_cache tables;
} client_pools;

struct pools {
  size_t count;
  client_pools clients[];
};

/* ---- making and ending ---- */

static bool init_pool(pool *pl, const client_pools *cp, int level) {
  memset(pl, 0, sizeof *pl);
  pl->level = level;
  pl->max = cp->private_database || cp->client->pool.max < 1 ? 1 : cp->client->pool.max;
  atomic_init(&pl->next, NULL);
  return pthread_mutex_init(&pl->lock, NULL) == 0;
}

static void end_pool(pool *pl, const driver_engine *engine) {
  assert(pl->open == (int)pl->nidle && !pl->first);
  for (size_t i = 0; i < pl->nidle; i++) engine->close(pl->idle[i]);
  base_free(pl->idle);
  pthread_mutex_destroy(&pl->lock);
}

static bool init_client(client_pools *cp, const cat_client *client) {
  memset(cp, 0, sizeof *cp);
  cp->client = client;
  cp->engine = driver_for(client->engine);
  cp->private_database = cp->engine->private_database(client);
  if (!init_pool(&cp->base, cp, 0)) return false;
  if (!tables_init(&cp->tables)) goto no_tables;
  if (pthread_mutex_init(&cp->lock, NULL) == 0) return true;
  tables_end(&cp->tables);
no_tables:
  pthread_mutex_destroy(&cp->base.lock);
  return false;
}

static void end_client(client_pools *cp) {
  pool *pl = atomic_load(&cp->base.next);
  end_pool(&cp->base, cp->engine);
  while (pl) {
    pool *next = atomic_load(&pl->next);
    end_pool(pl, cp->engine);
    base_free(pl);
    pl = next;
  }
  tables_end(&cp->tables);
  pthread_mutex_destroy(&cp->lock);
}

shunt_status pools_new(const catalog *c, pools **out, shunt_error *err) {
  pools *p = base_zalloc(sizeof *p + c->nclients * sizeof *p->clients);
  if (!p) return error_memory(err);
  for (; p->count < c->nclients; p->count++) {
    if (init_client(&p->clients[p->count], c->clients[p->count])) continue;
    pools_free(p);
    return error_memory(err);
  }
  *out = p;
  return SHUNT_OK;
}

void pools_free(pools *p) {
  if (!p) return;
  for (size_t i = 0; i < p->count; i++) end_client(&p->clients[i]);
  base_free(p);
}

static client_pools *of_client(pools *p, const cat_client *client) {
  assert(client->id < p->count && p->clients[client->id].client == client);
  return &p->clients[client->id];
}

static pool *find_level(client_pools *cp, int level) {
  if (cp->private_database || !cp->engine->levels) level = 0;
  for (pool *pl = &cp->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire))
    if (pl->level == level) return pl;
  return NULL;
}

/* Pools are only ever added, behind the one of level 0, so that finding one takes no lock. */
static pool *pool_at(client_pools *cp, int level) {
  pool *pl = find_level(cp, level);
  if (pl) return pl;
  pthread_mutex_lock(&cp->lock);
  pl = find_level(cp, level); /* another thread may have been here */
  if (!pl && (pl = base_alloc(sizeof *pl))) {
    if (init_pool(pl, cp, level)) {
      atomic_init(&pl->next, atomic_load(&cp->base.next));
      atomic_store_explicit(&cp->base.next, pl, memory_order_release);
    } else {
      base_free(pl);
      pl = NULL;
    }
  }
  pthread_mutex_unlock(&cp->lock);
  return pl;
}

/* ---- places and waiters; the caller holds the pool's lock ---- */

static void serve(pool *pl, driver_conn *conn) {
  waiter *w = pl->first;
  pl->first = w->next;
  if (!pl->first) pl->last = NULL;
  pl->waiting--;
  w->conn = conn;
  w->served = true;
  pthread_cond_signal(&w->wake);
}

/* A place among the open ones is free: the first who waits fills it. */
static void free_place(pool *pl) {
  if (pl->first)
    serve(pl, NULL);
  else
    pl->open--;
}

static void leave_queue(pool *pl, waiter *w) {
  waiter **at = &pl->first, *before = NULL;
  while (*at != w) {
    before = *at;
    at = &before->next;
  }
  *at = w->next;
  if (pl->last == w) pl->last = before;
  pl->waiting--;
}

static bool init_wake(pthread_cond_t *wake) {
  pthread_condattr_t attributes;
  if (pthread_condattr_init(&attributes)) return false;
  bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(wake, &attributes) == 0;
  pthread_condattr_destroy(&attributes);
  return ok;
}

static struct timespec after_ms(int64_t timeout_ms) {
  const int64_t longest_ms = INT64_MAX / NS_PER_MS / 2;
  int64_t at_ns = clock_monotonic_ns() + (timeout_ms < longest_ms ? timeout_ms : longest_ms) * NS_PER_MS;
  return (struct timespec){.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};
}

/* Whoever serves the waiter takes it off the queue; it leaves by itself when nobody did in time. */
static void wait_in_queue(pool *pl, waiter *w, int64_t timeout_ms) {
  struct timespec until = after_ms(timeout_ms);
  *(pl->last ? &pl->last->next : &pl->first) = w;
  pl->last = w;
  pl->waiting++;
  int rc = 0;
  while (!w->served && rc == 0) rc = pthread_cond_timedwait(&w->wake, &pl->lock, &until);
  if (!w->served) leave_queue(pl, w);
}

static int64_t wait_ms(const cat_client *client, int64_t deadline_ns) {
  int64_t timeout_ms = client->pool.acquire_timeout_ms;
  if (!deadline_ns) return timeout_ms;
  int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;
  return left_ms < 0 ? 0 : left_ms < timeout_ms ? left_ms : timeout_ms;
}

static shunt_status wait_for_one(pool *pl, const cat_client *client, int64_t deadline_ns, driver_conn **conn,
                                 shunt_error *err) {
  waiter w = {.served = false, .conn = NULL, .next = NULL};
  int64_t timeout_ms = wait_ms(client, deadline_ns);
  if (timeout_ms > 0) {
    if (!init_wake(&w.wake)) return error_memory(err);
    wait_in_queue(pl, &w, timeout_ms);
    pthread_cond_destroy(&w.wake);
  }
  *conn = w.conn;
  if (w.served) return SHUNT_OK;
  error_set(err, SHUNT_E_TIMEOUT,
            "all %d connections of client '%s' are busy, and none came free within %lld ms; raise its pool's max or "
            "acquireTimeout, or hold connections for shorter",
            pl->max, client->name, (long long)timeout_ms);
  error_client(err, client->name);
  return SHUNT_E_TIMEOUT;
}

/* ---- ageing ---- */

static bool past(int64_t since_ns, int64_t limit_ms, int64_t now_ns) {
  return limit_ms > 0 && (now_ns - since_ns) / NS_PER_MS >= limit_ms;
}

static bool too_old(const client_pools *cp, const driver_conn *conn, int64_t now_ns) {
  return !cp->private_database && past(conn->opened_ns, cp->client->pool.max_lifetime_ms, now_ns);
}

static bool idle_too_long(const client_pools *cp, const pool *pl, int64_t now_ns) {
  return pl->nidle && !cp->private_database && pl->open > cp->client->pool.min &&
         past(pl->idle[0]->idle_since_ns, cp->client->pool.idle_timeout_ms, now_ns);
}

/* Closing may take its time, so the lock is let go for it. */
static void close_outside(client_pools *cp, pool *pl, driver_conn *conn) {
  pthread_mutex_unlock(&pl->lock);
  cp->engine->close(conn);
  pthread_mutex_lock(&pl->lock);
  free_place(pl);
}

static void close_idle(client_pools *cp, pool *pl, int64_t now_ns) {
  while (idle_too_long(cp, pl, now_ns)) {
    driver_conn *oldest = pl->idle[0];
    pl->nidle--;
    memmove(pl->idle, pl->idle + 1, pl->nidle * sizeof(driver_conn *));
    close_outside(cp, pl, oldest);
  }
}

/* A server that ended, or ended the connection, has said so on it. */
static bool is_alive(const client_pools *cp, driver_conn *conn) {
  return !cp->engine->alive || cp->engine->alive(conn);
}

static driver_conn *take_idle(client_pools *cp, pool *pl, int64_t now_ns) {
  while (pl->nidle) {
    driver_conn *conn = pl->idle[--pl->nidle];
    if (!too_old(cp, conn, now_ns) && is_alive(cp, conn)) return conn;
    close_outside(cp, pl, conn);
  }
  return NULL;
}

/* ---- acquire and release ---- */

/* With a place among the open ones held. */
static shunt_status open_one(client_pools *cp, pool *pl, int64_t deadline_ns, driver_conn **conn, shunt_error *err) {
  shunt_status status = cp->engine->open(cp->client, deadline_ns, conn, err);
  if (!status) {
    (*conn)->opened_ns = clock_monotonic_ns();
    return SHUNT_OK;
  }
  *conn = NULL;
  pthread_mutex_lock(&pl->lock);
  free_place(pl);
  pthread_mutex_unlock(&pl->lock);
  return status;
}

/* Sets *conn, or leaves it NULL with SHUNT_OK: a place is held, to open one, unless all are busy and *full says so.
 * full is NULL where that is waited for. */
static shunt_status find_one(client_pools *cp, pool *pl, int64_t deadline_ns, bool *full, driver_conn **conn,
                             shunt_error *err) {
  shunt_status status = SHUNT_OK;
  pthread_mutex_lock(&pl->lock);
  *conn = NULL;
  if (pl->nidle) {
    int64_t now_ns = clock_monotonic_ns();
    *conn = take_idle(cp, pl, now_ns);
    close_idle(cp, pl, now_ns);
  }
  if (!*conn) {
    if (pl->open >= pl->max && full)
      *full = true;
    else if (pl->open >= pl->max)
      status = wait_for_one(pl, cp->client, deadline_ns, conn, err);
    else if (!base_grow(&pl->idle, &pl->idle_capacity, (size_t)pl->open + 1, sizeof(driver_conn *)))
      status = error_memory(err);
    else
      pl->open++;
  }
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
  if (!status && *conn) (*conn)->deadline_ns = deadline_ns;
  return status;
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

void pool_release(pools *p, driver_conn *conn, int level) {
  client_pools *cp = of_client(p, conn->client);
  pool *pl = find_level(cp, level);
  assert(pl);
  if (conn->in_transaction) conn->engine->rollback(conn);
  int64_t now_ns = clock_monotonic_ns();
  bool end = conn->broken || too_old(cp, conn, now_ns) || (conn->altered && !cp->private_database);
  pthread_mutex_lock(&pl->lock);
  if (end) {
    close_outside(cp, pl, conn);
  } else if (pl->first) {
    serve(pl, conn);
  } else {
    conn->idle_since_ns = now_ns;
    pl->idle[pl->nidle++] = conn;
    close_idle(cp, pl, now_ns);
  }
  pthread_mutex_unlock(&pl->lock);
}

pool_counts pool_counts_of(pools *p, const cat_client *client, int level) {
  pool *pl = find_level(of_client(p, client), level);
  if (!pl) return (pool_counts){0, 0, 0};
  pthread_mutex_lock(&pl->lock);
  pool_counts counts = {pl->open, pl->open - (int)pl->nidle, pl->waiting};
  pthread_mutex_unlock(&pl->lock);
  return counts;
}

/* ---- tables ---- */

const driver_table *pool_table(pools *p, const cat_client *client, const char *table) {
  return tables_known(&of_client(p, client)->tables, table);
}

shunt_status pool_describe(pools *p, driver_conn *conn, const char *table, const driver_table **out, shunt_error *err) {
  client_pools *cp = of_client(p, conn->client);
  driver_table *fresh = NULL;
  *out = NULL;
  shunt_status status = conn->engine->describe(conn, table, &fresh, err);
  if (status == SHUNT_E_NOT_FOUND) tables_forget(&cp->tables, table);
  if (status) return status;
  *out = tables_remember(&cp->tables, table, fresh);
  return *out ? SHUNT_OK : error_memory(err);
}
