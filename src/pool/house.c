#include "pool/house.h"

#include <string.h>

#include "base/alloc.h"
#include "pool/pool_inner.h"

house *house_new(int64_t (*close_due)(void *house)) {
  house *h = base_zalloc(sizeof *h);
  if (!h) return NULL;
  atomic_init(&h->shares, 1);
  h->keeper = (keeper){.lock = &h->lock, .work = close_due, .ud = h};
  if (pthread_mutex_init(&h->lock, NULL) == 0) return h;
  base_free(h);
  return NULL;
}

house *house_share(house *h) {
  atomic_fetch_add(&h->shares, 1);
  return h;
}

static void free_limits(pool_limit *limit) {
  while (limit) {
    pool_limit *next = limit->next;
    base_free(limit->server);
    base_free(limit);
    limit = next;
  }
}

void house_drop(house *h) {
  if (!h || atomic_fetch_sub(&h->shares, 1) > 1) return;
  keeper_end(&h->keeper);
  assert(!h->populated && !h->waiting.first && !h->records);
  free_limits(h->app.next);
  pthread_mutex_destroy(&h->lock);
  base_free(h);
}

/* ---- pools with connections ---- */

static void link_pool(house *h, pool *pl) {
  pl->next_populated = h->populated;
  if (pl->next_populated) pl->next_populated->before_populated = pl;
  h->populated = pl;
}

static void unlink_pool(house *h, pool *pl) {
  *(pl->before_populated ? &pl->before_populated->next_populated : &h->populated) = pl->next_populated;
  if (pl->next_populated) pl->next_populated->before_populated = pl->before_populated;
  pl->next_populated = pl->before_populated = NULL;
}

/* ---- limits ---- */

pool_limit *house_limit(house *h, const char *server) {
  pool_limit **at = &h->app.next;
  pthread_mutex_lock(&h->lock);
  while (*at && strcmp((*at)->server, server) != 0) at = &(*at)->next;
  pool_limit *limit = *at;
  if (!limit && (limit = base_zalloc(sizeof *limit)) && !(limit->server = base_strdup(server))) {
    base_free(limit);
    limit = NULL;
  }
  *at = limit;
  pthread_mutex_unlock(&h->lock);
  return limit;
}

static bool is_full(const pool_limit *limit) { return limit->max && limit->open >= limit->max; }

const pool_limit *house_full(const pool *pl) {
  const client_pools *cp = pl->of;
  if (cp->private_database) return NULL;
  if (cp->server && is_full(cp->server)) return cp->server;
  return is_full(&cp->house->app) ? &cp->house->app : NULL;
}

bool pool_is_under(const pool *pl, const pool_limit *limit) {
  return !pl->of->private_database && (!limit->server || pl->of->server == limit);
}

static void count(pool *pl, int by) {
  if (pl->of->private_database) return;
  pl->of->house->app.open += by;
  if (pl->of->server) pl->of->server->open += by;
}

/* ---- places ---- */

void house_take(pool *pl) {
  count(pl, 1);
  if (pl->entered++ == 0) link_pool(pl->of->house, pl);
}

void house_leave(pool *pl) {
  house *h = pl->of->house;
  pthread_mutex_lock(&h->lock);
  count(pl, -1);
  if (--pl->entered == 0) unlink_pool(h, pl);
  house_serve(h);
  pthread_mutex_unlock(&h->lock);
}

static driver_conn *idle_of(pool *pl, wait_party *party) {
  pthread_mutex_lock(&pl->lock);
  driver_conn *conn = pl->nidle ? pl->idle[--pl->nidle] : NULL;
  if (conn) conn->holder = party;
  pthread_mutex_unlock(&pl->lock);
  return conn;
}

void house_serve(house *h) {
  for (waiter *w = h->waiting.first, *next; w; w = next) {
    pool *pl = ((unit_waiter *)(void *)w)->pool;
    next = w->next;
    driver_conn *conn = idle_of(pl, w->party);
    if (!conn && house_full(pl)) continue;
    if (!conn) house_take(pl);
    waitlist_hand(&h->waiting, w, conn);
  }
  atomic_store(&h->nwaiting, h->waiting.waiting);
}

int house_waiting(const pool *pl) {
  int n = 0;
  for (waiter *w = pl->of->house->waiting.first; w; w = w->next) n += ((unit_waiter *)(void *)w)->pool == pl;
  return n;
}

/* ---- for the wait graph ---- */

bool house_each_waiting(const pool *pl, each_party fn, void *ud) {
  bool more = true;
  for (const waiter *w = pl->of->house->waiting.first; w && more; w = w->next)
    if (((const unit_waiter *)(const void *)w)->pool == pl) more = fn(ud, w->party);
  return more;
}

/* An idle connection is about to be closed for the waiter, or given to it. */
static bool each_holder_of(pool *pl, each_party fn, void *ud) {
  pthread_mutex_lock(&pl->lock);
  bool more = (pl->nall == (size_t)pl->entered && !pl->nidle) || fn(ud, NULL);
  for (size_t i = 0; i < pl->nall && more; i++) more = fn(ud, pl->all[i]->holder);
  pthread_mutex_unlock(&pl->lock);
  return more;
}

bool house_each_holder(const pool *pl, const waiter *w, each_party fn, void *ud) {
  house *h = pl->of->house;
  pthread_mutex_lock(&h->lock);
  const pool_limit *limit = house_full(pl);
  bool more = (w->queued && limit) || fn(ud, NULL);
  for (pool *at = h->populated; at && more && limit; at = at->next_populated)
    if (pool_is_under(at, limit)) more = each_holder_of(at, fn, ud);
  pthread_mutex_unlock(&h->lock);
  return more;
}
