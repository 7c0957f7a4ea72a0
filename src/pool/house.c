#include "pool/house.h"

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

void house_drop(house *h) {
  if (!h || atomic_fetch_sub(&h->shares, 1) > 1) return;
  keeper_end(&h->keeper);
  assert(!h->populated);
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

void house_enter(pool *pl) {
  house *h = pl->of->house;
  pthread_mutex_lock(&h->lock);
  if (pl->entered++ == 0) link_pool(h, pl);
  pthread_mutex_unlock(&h->lock);
}

void house_leave(pool *pl) {
  house *h = pl->of->house;
  pthread_mutex_lock(&h->lock);
  if (--pl->entered == 0) unlink_pool(h, pl);
  pthread_mutex_unlock(&h->lock);
}
