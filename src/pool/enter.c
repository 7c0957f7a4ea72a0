/* Places under the limits for several pools.
 *
 * Idea: a caller first takes a place in its pool, then one under each limit. If a limit is full, it joins one list for
 * all limits, and connections that are idle in other pools are closed for it, those that were idle for longest first.
 * Whatever comes free serves the list in its order: a place, or an idle connection of the caller's own pool, which
 * needs no place. A caller that another limit holds back does not hold back those behind it.
 *
 * No wake-up is lost: a caller is on the list before it looks for idle connections, under the lock of each pool. A
 * connection that becomes idle after that look finds the list not empty (nwaiting). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pool/pool_inner.h"

pool_patience pool_patience_of(const pool_request *r) {
  const int64_t longest_ms = INT64_MAX / NS_PER_MS / 2, timeout_ms = r->client->pool.acquire_timeout_ms;
  pool_patience p = {.now_ns = clock_monotonic_ns(),
                     .left_ns = (timeout_ms < longest_ms ? timeout_ms : longest_ms) * NS_PER_MS};
  p.by_call = r->deadline_ns && r->deadline_ns - p.now_ns < p.left_ns;
  if (p.by_call) p.left_ns = r->deadline_ns > p.now_ns ? r->deadline_ns - p.now_ns : 0;
  return p;
}

/* ---- making places ---- */

/* For the first caller for which a connection can be closed. */
static bool take_one(house *h, pool_leaver *out) {
  house_serve(h);
  for (waiter *w = h->waiting.first; w; w = w->next) {
    pool_limit *limit = (pool_limit *)(uintptr_t)house_full(((unit_waiter *)(void *)w)->pool);
    if (!pools_take_longest_idle(h, limit, out)) continue;
    limit->taken++;
    return true;
  }
  return false;
}

void house_make_places(house *h) {
  pool_leaver leaver;
  for (bool more = true; more;) {
    pthread_mutex_lock(&h->lock);
    more = take_one(h, &leaver);
    pthread_mutex_unlock(&h->lock);
    if (more) pool_close_leaver(&leaver);
  }
}

/* ---- waiting ---- */

static shunt_status none_came_free(const pool *pl, const pool_limit *limit, int64_t waited_ms, shunt_error *err) {
  const char *client = pl->of->client.name;
  char what[200] = "the application (database.maxConnections)";
  if (limit && limit->server)
    snprintf(what, sizeof what, "the server '%s' (servers.%s.max)", limit->server, limit->server);
  error_set(
      err, SHUNT_E_TIMEOUT,
      "client '%s': all %d connections of %s are busy, and none came free within %lld ms; raise the limit, give it "
      "more time, or release connections sooner",
      client, limit ? limit->max : 0, what, (long long)waited_ms);
  error_client(err, client);
  return SHUNT_E_TIMEOUT;
}

/* The caller holds the house's lock, and holds it again afterwards. */
static shunt_status wait_in_list(pool *pl, unit_waiter *me, const pool_patience *p, shunt_error *err) {
  house *h = pl->of->house;
  wait_edge mine;
  pthread_mutex_unlock(&h->lock);
  house_make_places(h);
  shunt_status status = wait_begin_place(&mine, me->w.party, pl, &me->w, err);
  const bool begun = !status;
  pthread_mutex_lock(&h->lock);
  if (begun) status = waitlist_wait(&me->w, &h->lock, p->now_ns + p->left_ns);
  if (status == SHUNT_E_TIMEOUT) none_came_free(pl, house_full(pl), p->left_ns / NS_PER_MS, err);
  waitlist_leave(&h->waiting, &me->w);
  atomic_store(&h->nwaiting, h->waiting.waiting);
  pthread_mutex_unlock(&h->lock);
  if (begun) wait_end(&mine);
  pthread_mutex_lock(&h->lock);
  return status;
}

static shunt_status wait_for_place(pool *pl, const pool_request *r, driver_conn **conn, shunt_error *err) {
  house *h = pl->of->house;
  unit_waiter me = {.pool = pl};
  const pool_patience p = pool_patience_of(r);
  if (!waitlist_join(&h->waiting, &me.w, r->party)) return error_memory(err);
  atomic_store(&h->nwaiting, h->waiting.waiting);
  shunt_status status = wait_in_list(pl, &me, &p, err);
  *conn = me.w.conn;
  record_wait(pl->record, clock_monotonic_ns() - p.now_ns, status);
  return status;
}

shunt_status house_enter(pool *pl, const pool_request *r, bool *entered, driver_conn **conn, shunt_error *err) {
  house *h = pl->of->house;
  shunt_status status = SHUNT_OK;
  pthread_mutex_lock(&h->lock);
  const bool full = house_full(pl) != NULL;
  if (!full)
    house_take(pl);
  else if (!r->no_wait)
    status = wait_for_place(pl, r, conn, err);
  *entered = !status && !*conn && (!full || !r->no_wait);
  pthread_mutex_unlock(&h->lock);
  return status;
}
