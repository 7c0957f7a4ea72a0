/* Connections to files, which SQLite does not let a fork copy: before it, those that are idle are closed. */
#include "pool/pool_inner.h"

/* The caller holds the wait graph's lock. */
static bool take_idle(void *ud, pool *pl) {
  house *h = pl->of->house;
  bool taken = false;
  pthread_mutex_lock(&h->lock);
  if (pool_has_users(pl) && !pl->of->private_database) {
    pthread_mutex_lock(&pl->lock);
    if ((taken = pl->nidle > 0)) pool_take_idle(pl, ud);
    pthread_mutex_unlock(&pl->lock);
  }
  pthread_mutex_unlock(&h->lock);
  return taken;
}

void pools_close_files(void) {
  pool_leaver leaver = {.reason = "the process is forked"};
  while (wait_find_watched(take_idle, &leaver)) pool_close_leaver(&leaver);
}

void pools_at_fork(process_step step) { wait_at_fork(step); }

/* A database in the memory of the parent is not there any more, and an empty one in its place would be a surprise. */
void pools_leave_private(pools *p, const pools *parent) {
  for (size_t i = 0; i < p->count && i < parent->count; i++)
    p->clients[i]->left = p->clients[i]->private_database && parent->clients[i]->base.open;
}

shunt_status pool_check_left(const client_pools *cp, shunt_error *err) {
  if (!cp->left) return SHUNT_OK;
  error_set(err, SHUNT_E_USAGE,
            "client '%s': its database is in the memory of the process that forked this one: open it in the child",
            cp->client.name);
  error_client(err, cp->client.name);
  return SHUNT_E_USAGE;
}
