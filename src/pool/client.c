/* The pools of one client: making, adding a level, ending. */
#include <string.h>

#include "base/alloc.h"
#include "driver/opened.h"
#include "pool/pool_inner.h"

static bool init_pool(pool *pl, client_pools *cp, int level) {
  memset(pl, 0, sizeof *pl);
  pl->of = cp;
  pl->level = level;
  pl->max = cp->private_database || cp->client.pool.max < 1 ? 1 : cp->client.pool.max;
  atomic_init(&pl->next, NULL);
  pl->due_ns = KEEPER_NEVER;
  if (pthread_mutex_init(&pl->lock, NULL) != 0) return false;
  if (record_share(cp->house, pl, cp->client.name, level)) return true;
  pthread_mutex_destroy(&pl->lock);
  return false;
}

static void end_pool(const client_pools *cp, pool *pl) {
  assert(pl->open == (int)pl->nidle && !pl->waitlist.first);
  for (size_t i = 0; i < pl->nidle; i++) {
    record_close(pl->record, pl->idle[i]);
    driver_close(pl->idle[i]);
    house_leave(pl);
    pool_report_closed(cp, pl, "its pool is closed");
  }
  record_drop(cp->house, pl);
  base_free(pl->idle);
  base_free(pl->all);
  pthread_mutex_destroy(&pl->lock);
}

static bool init_client(client_pools *cp, const cat_client *client, house *h, event_sink *events) {
  if (!cat_client_copy(&cp->settings, client, &cp->client)) return false;
  cp->engine = driver_for(client->engine);
  cp->events = events;
  cp->house = h;
  if (client->server && !(cp->server = house_limit(h, client->server))) return false;
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
  record_drop(cp->house, &cp->base);
  pthread_mutex_destroy(&cp->base.lock);
  return false;
}

client_pools *client_pools_new(const cat_client *client, house *h, event_sink *events) {
  client_pools *cp = base_zalloc(sizeof *cp);
  if (!cp || init_client(cp, client, h, events)) return cp;
  arena_free(&cp->settings);
  base_free(cp);
  return NULL;
}

/* Under the house's lock, under which pools are found and shared: not one without users. */
static bool is_last_user(client_pools *cp) {
  pthread_mutex_lock(&cp->house->lock);
  const bool last = atomic_fetch_sub(&cp->refs, 1) == 1;
  pthread_mutex_unlock(&cp->house->lock);
  return last;
}

void client_pools_drop(client_pools *cp) {
  if (!is_last_user(cp)) return;
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

/* ---- levels ---- */

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
