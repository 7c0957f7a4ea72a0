#include "pool/pool.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "pool/pool_inner.h"

/* ---- making and ending ---- */

static bool init_pool(pool *pl, const client_pools *cp, int level) {
  memset(pl, 0, sizeof *pl);
  pl->of = cp;
  pl->level = level;
  pl->max = cp->private_database || cp->client.pool.max < 1 ? 1 : cp->client.pool.max;
  atomic_init(&pl->acquired, 0);
  atomic_init(&pl->next, NULL);
  return pthread_mutex_init(&pl->lock, NULL) == 0;
}

static void end_pool(const client_pools *cp, pool *pl) {
  assert(pl->open == (int)pl->nidle && !pl->waitlist.first);
  for (size_t i = 0; i < pl->nidle; i++) {
    cp->engine->close(pl->idle[i]);
    pool_report_closed(cp, pl, "its pool is closed");
  }
  base_free(pl->idle);
  base_free(pl->all);
  pthread_mutex_destroy(&pl->lock);
}

static bool init_client(client_pools *cp, const cat_client *client, event_sink *events) {
  if (!cat_client_copy(&cp->settings, client, &cp->client)) return false;
  cp->engine = driver_for(client->engine);
  cp->events = events;
  cp->private_database = driver_is_private(client);
  cp->levels = !cp->private_database && cat_engine_of(client->engine)->levels;
  atomic_init(&cp->refs, 1);
  atomic_init(&cp->drained, false);
  if (!init_pool(&cp->base, cp, 0)) return false;
  if (!tables_init(&cp->tables)) goto no_tables;
  if (!circuit_init(&cp->circuit)) goto no_circuit;
  if (pthread_mutex_init(&cp->lock, NULL) == 0) {
    if (cp->engine->file) wait_watch(&cp->base);
    return true;
  }
  circuit_end(&cp->circuit);
no_circuit:
  tables_end(&cp->tables);
no_tables:
  pthread_mutex_destroy(&cp->base.lock);
  return false;
}

static client_pools *new_client(const cat_client *client, event_sink *events) {
  client_pools *cp = base_zalloc(sizeof *cp);
  if (!cp || init_client(cp, client, events)) return cp;
  arena_free(&cp->settings);
  base_free(cp);
  return NULL;
}

static void let_go(client_pools *cp) {
  if (atomic_fetch_sub(&cp->refs, 1) > 1) return;
  if (cp->engine->file) wait_unwatch(&cp->base);
  pool *pl = atomic_load(&cp->base.next);
  end_pool(cp, &cp->base);
  while (pl) {
    pool *next = atomic_load(&pl->next);
    end_pool(cp, pl);
    base_free(pl);
    pl = next;
  }
  tables_end(&cp->tables);
  circuit_end(&cp->circuit);
  pthread_mutex_destroy(&cp->lock);
  arena_free(&cp->settings);
  base_free(cp);
}

/* The pools of a client with the same settings, shared with one more generation; or NULL. */
static client_pools *share(const pools *before, const cat_client *client) {
  for (size_t i = 0; before && i < before->count; i++) {
    client_pools *cp = before->clients[i];
    if (!cat_client_equal(&cp->client, client)) continue;
    atomic_fetch_add(&cp->refs, 1);
    return cp;
  }
  return NULL;
}

shunt_status pools_new(const catalog *c, const pools *before, event_sink *events, pools **out, shunt_error *err) {
  size_t n = c->nclients + c->jobs.own;
  pools *p = base_zalloc(sizeof *p + n * sizeof *p->clients);
  if (!p) return error_memory(err);
  p->shown = c->nclients;
  for (; p->count < n; p->count++) {
    const cat_client *client = c->clients[p->count];
    client_pools *cp = share(before, client);
    if (!cp && !(cp = new_client(client, events))) {
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

static void add_pool(client_pools *cp, pool *pl) {
  pool *before = &cp->base, *next;
  while ((next = atomic_load(&before->next)) && next->level < pl->level) before = next;
  atomic_init(&pl->next, next);
  atomic_store_explicit(&before->next, pl, memory_order_release);
}

/* Pools are added behind the pool of level 0 and never removed, so pool_find needs no lock. */
pool *pool_add(client_pools *cp, int level) {
  pthread_mutex_lock(&cp->lock);
  pool *pl = pool_find(cp, level); /* another thread may have added it */
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

/* ---- statistics ---- */

static shunt_pool_stats look(client_pools *cp, pool *pl) {
  shunt_pool_stats stats = {.client = cp->client.name, .level = pl->level, .max = pl->max};
  pthread_mutex_lock(&pl->lock);
  stats.open = pl->open;
  stats.busy = pl->open - (int)pl->nidle;
  stats.waiting = pl->waitlist.waiting;
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
  client_pools *cp = pool_of_client(p, client);
  pool *pl = pool_find(cp, level);
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
  client_pools *cp = pool_of_client(p, client);
  if (circuit_check(&cp->circuit, client->name, NULL)) return INT_MAX;
  pool *pl = &cp->base;
  pthread_mutex_lock(&pl->lock);
  int load = pl->open - (int)pl->nidle + pl->waitlist.waiting;
  pthread_mutex_unlock(&pl->lock);
  return load;
}

/* ---- tables and facts ---- */

pool_facts *pool_facts_of(pools *p, const cat_client *client) { return &pool_of_client(p, client)->facts; }

const driver_table *pool_table(pools *p, const cat_client *client, const char *table) {
  return tables_known(&pool_of_client(p, client)->tables, table);
}

shunt_status pool_describe(driver_conn *conn, const char *table, const driver_table **out, shunt_error *err) {
  client_pools *cp = pool_of_conn(conn);
  driver_table *fresh = NULL;
  *out = NULL;
  shunt_status status = driver_describe(conn, table, &fresh, err);
  if (status == SHUNT_E_NOT_FOUND) tables_forget(&cp->tables, table);
  if (status) return status;
  *out = tables_remember(&cp->tables, table, fresh);
  return *out ? SHUNT_OK : error_memory(err);
}
