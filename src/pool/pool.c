#include "pool/pool.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "pool/pool_inner.h"

/* ---- making and ending ---- */

/* The pools of a client with the same settings, shared with one more generation; or NULL. */
static client_pools *share(const pools *before, const cat_client *client) {
  for (size_t i = 0; before && i < before->count; i++) {
    client_pools *cp = before->clients[i];
    if (!cat_client_equal(&cp->client, client)) continue;
    client_pools_share(cp);
    return cp;
  }
  return NULL;
}

static int max_of(const catalog *c, const char *server) {
  for (size_t i = 0; i < c->nservers; i++)
    if (strcmp(c->servers[i].name, server) == 0) return c->servers[i].max;
  return 0;
}

/* The limits of the newest generation hold for all. */
static void apply_limits(const pools *newest) {
  house *h = newest->house;
  pthread_mutex_lock(&h->lock);
  h->app.max = newest->catalog->settings.max_connections;
  for (pool_limit *l = h->app.next; l; l = l->next) l->max = max_of(newest->catalog, l->server);
  pthread_mutex_unlock(&h->lock);
  house_make_places(h);
}

shunt_status pools_new(const catalog *c, const pools *before, event_sink *events, pools **out, shunt_error *err) {
  size_t n = c->nclients + c->jobs.own;
  pools *p = base_zalloc(sizeof *p + n * sizeof *p->clients);
  if (!p) return error_memory(err);
  p->house = before ? house_share(before->house) : house_new(pools_close_due);
  if (!p->house) {
    base_free(p);
    return error_memory(err);
  }
  p->catalog = c;
  p->shown = c->nclients;
  for (; p->count < n; p->count++) {
    const cat_client *client = c->clients[p->count];
    client_pools *cp = share(before, client);
    if (!cp && !(cp = client_pools_new(client, p->house, events))) {
      pools_free(p);
      return error_memory(err);
    }
    p->clients[p->count] = cp;
  }
  if (!before) apply_limits(p);
  *out = p;
  return SHUNT_OK;
}

void pools_free(pools *p) {
  if (!p) return;
  for (size_t i = 0; i < p->count; i++) client_pools_drop(p->clients[i]);
  house_drop(p->house);
  base_free(p);
}

/* ---- between generations ---- */

static bool has(const pools *p, const client_pools *cp) {
  for (size_t i = 0; i < p->count; i++)
    if (p->clients[i] == cp) return true;
  return false;
}

void pools_drain(pools *old, const pools *newest) {
  apply_limits(newest);
  for (size_t i = 0; i < old->count; i++) {
    client_pools *cp = old->clients[i];
    if (cp->private_database || has(newest, cp)) continue;
    atomic_store(&cp->drained, true);
    for (pool *pl = &cp->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire)) {
      pthread_mutex_lock(&pl->lock);
      pool_close_idle(pl, 0);
      pthread_mutex_unlock(&pl->lock);
    }
  }
}

/* ---- statistics ---- */

static void look(client_pools *cp, pool *pl, pool_view *view) {
  shunt_pool_stats *stats = &view->stats;
  const pool_record *r = pl->record;
  memset(view, 0, sizeof *view);
  stats->client = cp->client.name;
  stats->level = pl->level;
  stats->max = pl->max;
  pthread_mutex_lock(&cp->house->lock);
  pthread_mutex_lock(&pl->lock);
  const int without_place = house_waiting(pl);
  stats->open = pl->open - without_place;
  stats->busy = stats->open - (int)pl->nidle;
  stats->waiting = pl->waitlist.waiting + without_place;
  pthread_mutex_unlock(&pl->lock);
  record_sum(r, &view->counts);
  pthread_mutex_unlock(&cp->house->lock);
  histogram_merge(&view->waits, &r->waits, false);
  stats->opened = (int64_t)tally_get(&r->opened);
  stats->closed = (int64_t)tally_get(&r->closed);
  stats->failed = (int64_t)tally_get(&r->failed);
  stats->timeouts = (int64_t)tally_get(&r->timeouts);
  stats->acquired = (int64_t)tally_get(&view->counts.acquired);
  stats->waited_ns = (int64_t)tally_get(&view->waits.total_ns);
  circuit_look(&cp->circuit, &stats->circuit_open, &stats->retry_ms);
}

shunt_pool_stats pool_stats_of(pools *p, const cat_client *client, int level) {
  client_pools *cp = pool_of_client(p, client);
  pool *pl = pool_find(cp, level);
  pool_view view;
  if (pl) {
    look(cp, pl, &view);
    return view.stats;
  }
  shunt_pool_stats stats = {.client = client->name, .level = level, .max = cp->base.max};
  circuit_look(&cp->circuit, &stats.circuit_open, &stats.retry_ms);
  return stats;
}

void pools_each_view(pools *p, void (*each)(void *ud, const pool_view *view), void *ud) {
  pool_view view;
  for (size_t i = 0; i < p->count; i++)
    for (pool *pl = &p->clients[i]->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire)) {
      look(p->clients[i], pl, &view);
      if (i < p->shown || view.stats.opened || view.stats.failed) each(ud, &view);
    }
}

typedef struct stats_call {
  void (*each)(void *ud, const shunt_pool_stats *stats);
  void *ud;
} stats_call;

static void tell_stats(void *ud, const pool_view *view) {
  const stats_call *to = ud;
  to->each(to->ud, &view->stats);
}

void pools_each(pools *p, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud) {
  stats_call to = {each, ud};
  pools_each_view(p, tell_stats, &to);
}

/* Limits are never removed. */
void pools_each_limit(pools *p, void (*each)(void *ud, const shunt_limit_stats *stats), void *ud) {
  house *h = p->house;
  for (const pool_limit *l = &h->app; l;) {
    pthread_mutex_lock(&h->lock);
    const shunt_limit_stats stats = {.server = l->server, .max = l->max, .open = l->open, .taken = l->taken};
    l = l->next;
    pthread_mutex_unlock(&h->lock);
    each(ud, &stats);
  }
}

bool pool_is_down(pools *p, const cat_client *client) {
  return circuit_check(&pool_of_client(p, client)->circuit, client->name, NULL) != SHUNT_OK;
}

int pool_load(pools *p, const cat_client *client) {
  client_pools *cp = pool_of_client(p, client);
  if (pool_is_down(p, client)) return INT_MAX;
  pool *pl = &cp->base;
  pthread_mutex_lock(&pl->lock);
  int load = pl->open - (int)pl->nidle + pl->waitlist.waiting;
  pthread_mutex_unlock(&pl->lock);
  return load;
}

/* ---- tables and facts ---- */

pool_facts *pool_facts_of(const driver_conn *conn) { return &pool_of_conn(conn)->facts; }

/* The name in the cache: with the scope, if there is one. NULL, with a scope: out of memory. */
static const char *name_in(const driver_variables *variables, const char *table, buf *room) {
  const char *scope = variables_scope(variables);
  if (!*scope) return table;
  buf_printf(room, "%s\n%s", scope, table);
  return room->failed ? NULL : room->data;
}

const driver_table *pool_table(pools *p, const cat_client *client, const driver_variables *variables,
                               const char *table) {
  buf room = {0};
  const char *name = name_in(variables, table, &room);
  const driver_table *known = name ? tables_known(&pool_of_client(p, client)->tables, name) : NULL;
  buf_free(&room);
  return known;
}

shunt_status pool_describe(driver_conn *conn, const char *table, const driver_table **out, shunt_error *err) {
  client_pools *cp = pool_of_conn(conn);
  buf room = {0};
  const char *name = name_in(conn->variables, table, &room);
  driver_table *fresh = NULL;
  *out = NULL;
  shunt_status status = name ? driver_describe(conn, table, &fresh, err) : error_memory(err);
  if (status == SHUNT_E_NOT_FOUND) tables_forget(&cp->tables, name);
  if (!status && !(*out = tables_remember(&cp->tables, name, fresh))) status = error_memory(err);
  buf_free(&room);
  return status;
}
