/* How long connections live: when one is closed, and closing it. */
#include <string.h>

#include "base/clock.h"
#include "driver/opened.h"
#include "pool/jitter.h"
#include "pool/pool_inner.h"

static const char REMOVED[] = "its client was removed or changed", RETIRED[] = "past maxLifetime",
                  UNUSED[] = "idle for longer than idleTimeout";

/* ---- closing ---- */

void pool_free_place(pool *pl) {
  if (pl->waitlist.first) {
    pl->opening++;
    waitlist_serve(&pl->waitlist, NULL);
  } else {
    pl->open--;
  }
}

static void unlist(pool *pl, const driver_conn *conn) {
  size_t at = 0;
  while (pl->all[at] != conn) at++;
  pl->all[at] = pl->all[--pl->nall];
  record_close(pl->record, conn);
}

/* Closing may take long: it happens without a lock. */
static void close_unlisted(pool *pl, driver_conn *conn, const char *reason) {
  driver_close(conn);
  house_leave(pl);
  pool_report_closed(pl->of, pl, reason);
  tally_add(&pl->record->closed, 1, true);
  pthread_mutex_lock(&pl->lock);
  pool_free_place(pl);
  pthread_mutex_unlock(&pl->lock);
}

void pool_close(pool *pl, driver_conn *conn, const char *reason) {
  pthread_mutex_lock(&pl->lock);
  unlist(pl, conn);
  pthread_mutex_unlock(&pl->lock);
  close_unlisted(pl, conn, reason);
}

/* ---- when; the caller holds the pool's lock ---- */

static bool is_drained(const pool *pl) { return atomic_load_explicit(&pl->of->drained, memory_order_relaxed); }

/* KEEPER_NEVER, if the limit is 0 or beyond all time. */
static int64_t after(int64_t since_ns, int64_t limit_ms) {
  int64_t at_ns;
  if (limit_ms <= 0 || __builtin_mul_overflow(limit_ms, NS_PER_MS, &at_ns)) return KEEPER_NEVER;
  return __builtin_add_overflow(since_ns, at_ns, &at_ns) ? KEEPER_NEVER : at_ns;
}

/* Up to a tenth earlier, so that connections that were opened together are not closed together. */
int64_t pool_retire_ns(const client_pools *cp, const driver_conn *conn, int64_t now_ns) {
  int64_t lifetime_ms = cp->client.pool.max_lifetime_ms;
  if (cp->private_database || after(now_ns, lifetime_ms) == KEEPER_NEVER) return 0;
  double share = 0.9 + 0.1 * jitter((uint64_t)now_ns ^ (uint64_t)(uintptr_t)conn);
  return now_ns + (int64_t)((double)(lifetime_ms * NS_PER_MS) * share);
}

static bool is_retired(const driver_conn *conn, int64_t now_ns) { return conn->retire_ns && now_ns >= conn->retire_ns; }

const char *pool_why_over(const driver_conn *conn, int64_t now_ns) {
  if (conn->replaced) return "its file was deleted or replaced";
  if (conn->broken) return "it is broken";
  return is_retired(conn, now_ns) ? RETIRED : NULL;
}

/* When the connection that was idle first is too old. pools_drain sets its flag before it takes the lock: a connection
 * that is released meanwhile is seen here or there. */
static inline int64_t unused_ns(const pool *pl) {
  const cat_pool *limits = &pl->of->client.pool;
  if (!pl->nidle || pl->of->private_database) return KEEPER_NEVER;
  if (is_drained(pl)) return 0;
  const bool spare = (int)pl->nall + pl->opening > limits->min;
  return spare ? after(pl->idle[0]->idle_since_ns, limits->idle_timeout_ms) : KEEPER_NEVER;
}

static int64_t due_ns_of(const pool *pl) {
  int64_t due_ns = unused_ns(pl);
  for (size_t i = 0; i < pl->nidle; i++)
    if (pl->idle[i]->retire_ns && pl->idle[i]->retire_ns < due_ns) due_ns = pl->idle[i]->retire_ns;
  return due_ns;
}

/* A time that has passed was noted with a keeper that is not there: the system gave no thread, or the process is the
 * child of a fork. */
int64_t pool_note_due(pool *pl, int64_t due_ns, int64_t now_ns) {
  const bool noted = pl->due_ns <= due_ns && pl->due_ns > now_ns;
  if (noted || due_ns == KEEPER_NEVER) return KEEPER_NEVER;
  return pl->due_ns = due_ns;
}

/* ---- closing what is due; the caller holds the pool's lock ---- */

static driver_conn *take_out(pool *pl, size_t i) {
  driver_conn *conn = pl->idle[i];
  pl->nidle--;
  memmove(pl->idle + i, pl->idle + i + 1, (pl->nidle - i) * sizeof(driver_conn *));
  return conn;
}

static void close_oldest(pool *pl, const char *reason) {
  driver_conn *oldest = take_out(pl, 0);
  unlist(pl, oldest);
  pthread_mutex_unlock(&pl->lock);
  close_unlisted(pl, oldest, reason);
  pthread_mutex_lock(&pl->lock);
}

int64_t pool_close_idle(pool *pl, int64_t now_ns) {
  int64_t due_ns;
  while ((due_ns = unused_ns(pl)) <= now_ns) close_oldest(pl, is_drained(pl) ? REMOVED : UNUSED);
  return due_ns;
}

void pool_close_all_idle(pool *pl, const char *reason) {
  while (pl->nidle) close_oldest(pl, reason);
}

static void take_leaver(pool *pl, size_t i, pool_leaver *out) {
  out->conn = take_out(pl, i);
  out->pool = pl;
  unlist(pl, out->conn);
  client_pools_share(pl->of);
}

void pool_take_idle(pool *pl, pool_leaver *out) { take_leaver(pl, 0, out); }

static bool take_due(pool *pl, int64_t now_ns, pool_leaver *out) {
  size_t i = 0;
  out->reason = is_drained(pl) ? REMOVED : UNUSED;
  if (unused_ns(pl) > now_ns) {
    while (i < pl->nidle && !is_retired(pl->idle[i], now_ns)) i++;
    out->reason = RETIRED;
  }
  if (i == pl->nidle) return false;
  take_leaver(pl, i, out);
  return true;
}

void pool_close_leaver(const pool_leaver *l) {
  client_pools *cp = l->pool->of;
  close_unlisted(l->pool, l->conn, l->reason);
  client_pools_drop(cp);
}

/* *next_ns: when something else will be due. */
static size_t take_all_due(const house *h, pool_leaver *list, size_t most, int64_t *next_ns) {
  const int64_t now_ns = clock_monotonic_ns();
  size_t n = 0;
  *next_ns = KEEPER_NEVER;
  for (pool *pl = h->populated; pl && n < most; pl = pl->next_populated) {
    if (!pool_has_users(pl)) continue; /* it is being closed */
    pthread_mutex_lock(&pl->lock);
    while (n < most && take_due(pl, now_ns, &list[n])) n++;
    pl->due_ns = due_ns_of(pl);
    if (pl->due_ns < *next_ns) *next_ns = pl->due_ns;
    pthread_mutex_unlock(&pl->lock);
  }
  return n;
}

/* Each pool knows when the next of its connections is due (due_ns). Using a connection moves its time, which is found
 * out here: so a busy pool costs one look per idleTimeout. */
int64_t pools_close_due(void *ud) {
  house *h = ud;
  enum { AT_ONCE = 64 };
  pool_leaver list[AT_ONCE];
  int64_t next_ns;
  size_t n;
  for (;;) {
    pthread_mutex_lock(&h->lock);
    n = take_all_due(h, list, AT_ONCE, &next_ns);
    if (!n) return next_ns;
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < n; i++) pool_close_leaver(&list[i]);
  }
}

/* ---- making room ---- */

/* Since when a connection of the pool is idle that may be closed; KEEPER_NEVER: none is. */
static int64_t idle_since(pool *pl, bool below_min) {
  pthread_mutex_lock(&pl->lock);
  const bool may = pl->nidle && (below_min || (int)pl->nall + pl->opening > pl->of->client.pool.min);
  const int64_t since_ns = may ? pl->idle[0]->idle_since_ns : KEEPER_NEVER;
  pthread_mutex_unlock(&pl->lock);
  return since_ns;
}

/* Of which pools. */
typedef struct choice {
  const pool_limit *limit; /* those under it */
  const pool *beside;      /* NULL, or those on the server of this one, except itself */
} choice;

static bool is_chosen(const choice *of, const pool *pl) {
  if (!pool_has_users(pl)) return false;
  if (!of->beside) return pool_is_under(pl, of->limit);
  const client_pools *cp = of->beside->of;
  return pl != of->beside && (pl->of == cp || (cp->server && pl->of->server == cp->server));
}

static pool *longest_idle(const house *h, const choice *of, bool below_min) {
  pool *found = NULL;
  int64_t least_ns = KEEPER_NEVER;
  for (pool *pl = h->populated; pl; pl = pl->next_populated) {
    if (!is_chosen(of, pl)) continue;
    const int64_t since_ns = idle_since(pl, below_min);
    if (since_ns < least_ns) least_ns = since_ns, found = pl;
  }
  return found;
}

/* A connection may be lent between the look and the taking: then another one is looked for. */
static bool take_longest_idle(house *h, const choice *of, pool_leaver *out) {
  for (bool below_min = false, taken = false;;) {
    pool *pl = longest_idle(h, of, below_min);
    if (!pl && below_min) return false;
    if (!pl) {
      below_min = true;
      continue;
    }
    pthread_mutex_lock(&pl->lock);
    if ((taken = pl->nidle > 0)) take_leaver(pl, 0, out);
    pthread_mutex_unlock(&pl->lock);
    if (taken) return true;
  }
}

bool pools_take_longest_idle(house *h, const pool_limit *limit, pool_leaver *out) {
  out->reason = "another client needed its place";
  return take_longest_idle(h, &(choice){.limit = limit}, out);
}

bool pools_take_idle_beside(house *h, const pool *pl, pool_leaver *out) {
  out->reason = "its server is full, and another pool needed its place";
  return take_longest_idle(h, &(choice){.beside = pl}, out);
}
