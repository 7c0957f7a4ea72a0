/* A server that is full: it runs, and has no place for a further connection of this client.
 *
 * Idea: the connections that there are work, so callers wait for these, as if the pool's max were lower. That is no
 * failure, and opens no circuit. Other programs may make room, so the first waiting caller tries again now and then
 * (PROBE_MS). If it succeeds, the next one tries at once; so a pool grows as fast as there is room, and no faster.
 *
 * Connections that are idle at another level, or for another client of the same server, make room too.
 *
 * A caller that has tried in vain goes back to the front of the list: it was the first. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "pool/jitter.h"
#include "pool/pool_inner.h"

enum { PROBE_MS = 500 };

static int64_t next_probe_ns(int64_t now_ns) {
  return now_ns + (int64_t)((double)(PROBE_MS * NS_PER_MS) * (0.8 + 0.4 * jitter((uint64_t)now_ns)));
}

/* Those that are being opened may get the places that there are. */
static bool has_others(const pool *pl) { return pl->nall || pl->opening; }

bool pool_is_full(pool *pl) {
  if (!pl->full_ns) return false;
  const int64_t now_ns = clock_monotonic_ns();
  if (pl->waitlist.first || (has_others(pl) && now_ns < pl->full_ns)) return true;
  pl->full_ns = next_probe_ns(now_ns);
  return false;
}

bool pool_note_full(pool *pl, const shunt_error *why) {
  if (!has_others(pl)) return false;
  pl->full_ns = next_probe_ns(clock_monotonic_ns());
  snprintf(pl->full, sizeof pl->full, "%s", circuit_words(why, pl->of->client.name));
  pl->open--;
  waitlist_rouse(&pl->waitlist); /* they may not know yet that one of them has to probe */
  return true;
}

bool pool_take_place(pool *pl) {
  size_t count = (size_t)pl->open + 1;
  if (!base_grow(&pl->idle, &pl->idle_room, count, sizeof(driver_conn *)) ||
      !base_grow(&pl->all, &pl->all_room, count, sizeof(driver_conn *)))
    return false;
  pl->open++;
  pl->opening++;
  return true;
}

/* Gives the first waiting caller a place to open a connection, if there is one. */
static bool serve_place(pool *pl) {
  if (!pl->waitlist.first || pl->open == pl->max || !pool_take_place(pl)) return false;
  waitlist_serve(&pl->waitlist, NULL);
  return true;
}

void pool_note_room(pool *pl) {
  if (pl->full_ns && !serve_place(pl) && !pl->waitlist.first) pl->full_ns = 0;
}

shunt_status pool_wait_in_turn(pool *pl, waiter *me, int64_t until_ns) {
  while (me->queued) {
    const int64_t now_ns = clock_monotonic_ns();
    if (now_ns >= until_ns) return SHUNT_E_TIMEOUT;
    int64_t wake_ns = until_ns;
    if (pl->full_ns) {
      const bool due = now_ns >= pl->full_ns && pl->waitlist.first == me;
      if (due) pl->full_ns = next_probe_ns(now_ns);
      if (due && serve_place(pl)) return SHUNT_OK;
      const int64_t look_ns = pl->full_ns > now_ns ? pl->full_ns : next_probe_ns(now_ns);
      if (look_ns < wake_ns) wake_ns = look_ns;
    }
    waitlist_nap(me, &pl->lock, wake_ns);
  }
  return SHUNT_OK;
}

bool pool_close_beside(const pool *pl) {
  house *h = pl->of->house;
  pool_leaver leaver;
  pthread_mutex_lock(&h->lock);
  const bool any = pools_take_idle_beside(h, pl, &leaver);
  pthread_mutex_unlock(&h->lock);
  if (any) pool_close_leaver(&leaver);
  return any;
}
