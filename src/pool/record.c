#include "pool/record.h"

#include <string.h>

#include "base/alloc.h"
#include "pool/pool_inner.h"

static pool_record *find(const house *h, const char *client, int level) {
  pool_record *r = h->records;
  while (r && (r->level != level || strcmp(r->client, client) != 0)) r = r->next;
  return r;
}

static pool_record *make(house *h, const char *client, int level) {
  pool_record *r = base_zalloc(sizeof *r);
  if (!r) return NULL;
  r->level = level;
  r->client = base_strdup(client);
  if (!r->client) {
    base_free(r);
    return NULL;
  }
  r->next = h->records;
  h->records = r;
  return r;
}

bool record_share(house *h, pool *pl, const char *client, int level) {
  pthread_mutex_lock(&h->lock);
  pool_record *r = find(h, client, level);
  if (!r) r = make(h, client, level);
  if (r) {
    pl->next_alike = r->pools;
    r->pools = pl;
  }
  pl->record = r;
  pthread_mutex_unlock(&h->lock);
  return r != NULL;
}

static void forget(house *h, pool_record *r) {
  pool_record **at = &h->records;
  while (*at != r) at = &(*at)->next;
  *at = r->next;
  base_free(r->client);
  base_free(r);
}

void record_drop(house *h, pool *pl) {
  pool_record *r = pl->record;
  if (!r) return;
  pthread_mutex_lock(&h->lock);
  pool **at = &r->pools;
  while (*at != pl) at = &(*at)->next_alike;
  *at = pl->next_alike;
  if (!r->pools) forget(h, r);
  pthread_mutex_unlock(&h->lock);
  pl->record = NULL;
}

/* A connection is in the list of its pool, or counted in `past`: it moves under the pool's lock. */
static void add_pool(pool *pl, driver_counts *sum) {
  pthread_mutex_lock(&pl->lock);
  for (size_t i = 0; i < pl->nall; i++) driver_counts_merge(sum, &pl->all[i]->counts, false);
  pthread_mutex_unlock(&pl->lock);
}

void record_sum(const pool_record *r, driver_counts *sum) {
  memset(sum, 0, sizeof *sum);
  for (pool *pl = r->pools; pl; pl = pl->next_alike) add_pool(pl, sum);
  driver_counts_merge(sum, &r->past, false);
}
