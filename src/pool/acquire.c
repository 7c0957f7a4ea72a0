/* Taking a connection, and giving it back.
 *
 * Idea: a pool is a stack of idle connections, a count of open ones and a waitlist. The connection that was used last
 * is given out first, so that those that are not needed grow old at the bottom and are closed. A caller that finds
 * nothing idle takes a free place and opens a connection itself; otherwise it waits.
 *
 * Invariant, whenever the lock is free: if a caller waits, nothing is idle, and `open` is `max` or the server is full.
 * So whatever becomes free goes to the first waiting caller directly (waitlist_serve): a connection that is released,
 * or the place of one that was closed. A caller that comes later can't overtake, and no wake-up is lost.
 *
 * What takes time (connecting, closing, asking the system whether a connection is alive) happens without the lock; the
 * place stays taken meanwhile. Events are emitted without it, too: their callback may look at the pools.
 *
 * A server that is full (full.c) lowers max, so to say, for as long as that lasts.
 *
 * After CIRCUIT_OPENS_AT failures to connect, the client's circuit is open: callers that would have to connect fail at
 * once, and so do callers that would wait for a connection that others try to open. One caller probes now and then.
 *
 * Not here: a thread that opens connections in the background (connections open on demand; keeper.c closes old ones),
 * and a condition variable for all waiting callers (it wakes those who get nothing).
 */
#define _POSIX_C_SOURCE 200809L
#include <limits.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "driver/opened.h"
#include "pool/pool_inner.h"
#include "pool/wait.h"

enum { MOMENTS = 10 };

/* A call of pool_acquire. */
typedef struct acquiring {
  client_pools *of;
  pool *pool;
  const pool_request *r;
  pool_patience patience; /* left_ns is of its first wait; now_ns 0: it has not waited yet */
  bool opens;             /* it has a place, to open a connection */
  bool in_vain;           /* it had one, and the server is full: it waits, before all others */
} acquiring;

/* ---- waiting; the caller holds the pool's lock ---- */

static shunt_status none_came_free(const acquiring *a, const char *full, int n, shunt_error *err) {
  const char *client = a->r->client->name;
  const long long ms = a->patience.left_ns / NS_PER_MS;
  if (full[0])
    error_set(err, SHUNT_E_TIMEOUT,
              "all %d connections of client '%s' that its server has a place for are busy, and none came free within "
              "%lld ms; the server says: %s",
              n, client, ms, full);
  else if (a->patience.by_call)
    error_set(err, SHUNT_E_TIMEOUT,
              "all %d connections of client '%s' are busy, and none came free in the %lld ms that were left of the "
              "call's own timeout; give it more time, raise the pool's max, or release connections sooner",
              n, client, ms);
  else
    error_set(err, SHUNT_E_TIMEOUT,
              "all %d connections of client '%s' are busy, and none came free within %lld ms; raise its pool's max or "
              "acquireTimeout, or release connections sooner",
              n, client, ms);
  error_client(err, client);
  return SHUNT_E_TIMEOUT;
}

/* Releases the lock, like the next function: the lock of the wait graph is taken before the lock of a pool. */
static shunt_status queue_up(const acquiring *a, int64_t until_ns, driver_conn **conn, shunt_error *err) {
  pool *pl = a->pool;
  waiter me;
  wait_edge mine;
  const int64_t since_ns = clock_monotonic_ns();
  bool joined = a->in_vain ? waitlist_join_first(&pl->waitlist, &me, a->r->party)
                           : waitlist_join(&pl->waitlist, &me, a->r->party);
  pthread_mutex_unlock(&pl->lock);
  if (!joined) return error_memory(err);
  shunt_status status = wait_begin(&mine, a->r->party, pl, &me, err);
  bool begun = !status;
  pthread_mutex_lock(&pl->lock);
  if (begun) status = pool_wait_in_turn(pl, &me, until_ns);
  waitlist_leave(&pl->waitlist, &me);
  pthread_mutex_unlock(&pl->lock);
  record_wait(pl->record, clock_monotonic_ns() - since_ns, status);
  if (begun) wait_end(&mine);
  *conn = me.conn;
  return status;
}

static shunt_status wait_for_one(acquiring *a, driver_conn **conn, shunt_error *err) {
  pool *pl = a->pool;
  pool_patience *p = &a->patience;
  char full[sizeof pl->full] = "";
  shunt_status status = SHUNT_E_TIMEOUT;
  if (!p->now_ns) *p = pool_patience_of(a->r);
  const int n = pl->open;
  if (n < pl->max) memcpy(full, pl->full, sizeof full);
  if (p->left_ns > 0) {
    status = queue_up(a, p->now_ns + p->left_ns, conn, err);
  } else {
    tally_add(&pl->record->timeouts, 1, true);
    pthread_mutex_unlock(&pl->lock);
  }
  return status == SHUNT_E_TIMEOUT ? none_came_free(a, full, n, err) : status;
}

/* ---- idle connections ---- */

/* A server that ends, or ends the connection, sends that on it. */
static bool is_alive(const client_pools *cp, driver_conn *conn) {
  return !cp->engine->alive || cp->engine->alive(conn);
}

/* The connection that was used last, of those that have the variables, if any does. */
static driver_conn *pop_idle(pool *pl, const driver_variables *wanted) {
  size_t i = pl->nidle;
  while (wanted && i > 0 && !variables_same(pl->idle[i - 1]->variables, wanted)) i--;
  if (i == 0) i = pl->nidle;
  driver_conn *conn = pl->idle[--i];
  pl->nidle--;
  if (i < pl->nidle) memmove(pl->idle + i, pl->idle + i + 1, (pl->nidle - i) * sizeof(driver_conn *));
  return conn;
}

/* Returns a connection without the lock, because the check asks the system; or NULL, with the lock still held. */
static driver_conn *take_idle(client_pools *cp, pool *pl, const pool_request *r) {
  while (pl->nidle) {
    int64_t now_ns = clock_coarse_ns();
    driver_conn *conn = pop_idle(pl, r->variables);
    conn->holder = r->party;
    if (pl->nidle) pool_close_idle(pl, now_ns);
    pthread_mutex_unlock(&pl->lock);
    const char *over = pool_why_over(conn, now_ns);
    /* one that was used in this tick of the clock needs no check */
    if (!over && (conn->idle_since_ns == now_ns || is_alive(cp, conn))) return conn;
    pool_close(pl, conn, over ? over : "the server has ended it");
    pthread_mutex_lock(&pl->lock);
  }
  return NULL;
}

/* ---- acquire and release ---- */

static void report_circuit(client_pools *cp, circuit_change change, const shunt_error *err) {
  if (change == CIRCUIT_OPENED)
    events_emit(cp->events, SHUNT_EVENT_CIRCUIT_OPENED, {"client", event_text(cp->client.name)},
                {"failures", shunt_integer(CIRCUIT_OPENS_AT)}, EVENT_ERROR(err));
  if (change == CIRCUIT_CLOSED)
    events_emit(cp->events, SHUNT_EVENT_CIRCUIT_CLOSED, {"client", event_text(cp->client.name)});
}

/* An attempt to connect. */
typedef struct opening {
  bool tried, full;
} opening;

/* At any level, beside the one that the caller opens. A server that is full and serves these is not down. */
static bool has_connections(client_pools *cp) {
  int n = -1;
  for (pool *pl = &cp->base; pl && n < 1; pl = atomic_load_explicit(&pl->next, memory_order_acquire)) {
    pthread_mutex_lock(&pl->lock);
    n += (int)pl->nall + pl->opening;
    pthread_mutex_unlock(&pl->lock);
  }
  return n > 0;
}

/* An engine without `alive` has no server that could be down. */
static shunt_status connect_to(client_pools *cp, int64_t deadline_ns, opening *o, driver_conn **conn,
                               shunt_error *err) {
  circuit_attempt attempt;
  shunt_status status = pool_check_left(cp, err);
  if (!status && cp->engine->alive) status = circuit_enter(&cp->circuit, cp->client.name, &attempt, err);
  o->tried = !status;
  o->full = false;
  if (status) return status;
  status = driver_open(cp->engine, &cp->client, deadline_ns, conn, err);
  o->full = status && cp->engine->is_full && cp->engine->is_full(err);
  const bool works = o->full && has_connections(cp);
  if (cp->engine->alive) report_circuit(cp, circuit_leave(&cp->circuit, &attempt, status, works ? NULL : err), err);
  return status;
}

/* The server needs a moment to notice that a connection was closed. */
static shunt_status connect_or_make_room(const acquiring *a, opening *o, driver_conn **conn, shunt_error *err) {
  const struct timespec moment = {.tv_nsec = 10 * NS_PER_MS};
  shunt_status status = connect_to(a->of, a->r->deadline_ns, o, conn, err);
  if (!o->full || !pool_close_beside(a->pool)) return status;
  for (int i = 0; i < MOMENTS && o->full; i++) {
    nanosleep(&moment, NULL);
    status = connect_to(a->of, a->r->deadline_ns, o, conn, err);
  }
  return status;
}

static void report_attempt(const client_pools *cp, const pool *pl, int open, int64_t since_ns, const shunt_error *err) {
  const int64_t ms = (clock_monotonic_ns() - since_ns) / NS_PER_MS;
  if (err)
    events_emit(cp->events, SHUNT_EVENT_CONNECTION_FAILED, {"client", event_text(cp->client.name)},
                {"level", shunt_integer(pl->level)}, {"duration_ms", shunt_integer(ms)}, EVENT_ERROR(err));
  else
    events_emit(cp->events, SHUNT_EVENT_CONNECTION_OPENED, {"client", event_text(cp->client.name)},
                {"level", shunt_integer(pl->level)}, {"duration_ms", shunt_integer(ms)}, {"open", shunt_integer(open)});
}

/* The caller has taken a place among the open connections, and under the limits. */
static shunt_status open_one(acquiring *a, driver_conn **conn, shunt_error *err) {
  client_pools *cp = a->of;
  pool *pl = a->pool;
  shunt_error own; /* the circuit and events use it */
  opening o = {false, false};
  if (!err) err = &own;
  const int64_t since_ns = clock_monotonic_ns();
  shunt_status status = connect_or_make_room(a, &o, conn, err);
  if (status) house_leave(pl);
  if (!status) {
    (*conn)->retire_ns = pool_retire_ns(cp, *conn, clock_coarse_ns());
    (*conn)->nap = wait_nap;
  }
  pthread_mutex_lock(&pl->lock);
  pl->opening--;
  if (status) {
    *conn = NULL;
    tally_add(&pl->record->failed, o.tried, true);
    a->in_vain = o.full && pool_note_full(pl, err);
    if (!a->in_vain) pool_free_place(pl);
  } else {
    (*conn)->holder = a->r->party;
    pl->all[pl->nall++] = *conn;
    tally_add(&pl->record->opened, 1, true);
    pool_note_room(pl);
  }
  const int open = pl->open;
  pthread_mutex_unlock(&pl->lock);
  if (o.tried) report_attempt(cp, pl, open, since_ns, status ? err : NULL);
  return a->in_vain ? SHUNT_OK : status;
}

/* Nothing is idle and no place is free. Releases the lock. If other callers are opening all the connections there are,
 * waiting means waiting for the server: so an open circuit counts here, too. */
static shunt_status await_one(acquiring *a, driver_conn **conn, shunt_error *err) {
  pool *pl = a->pool;
  shunt_status status = pl->opening == pl->open ? circuit_check(&a->of->circuit, a->of->client.name, err) : SHUNT_OK;
  if (!status) {
    status = wait_for_one(a, conn, err);
    a->opens = !status && !*conn;
    return status;
  }
  pthread_mutex_unlock(&pl->lock);
  return status;
}

/* If a->opens is set, *conn is NULL and the caller opens a connection. */
static shunt_status find_one(acquiring *a, driver_conn **conn, shunt_error *err) {
  pool *pl = a->pool;
  shunt_status status = SHUNT_OK;
  a->opens = false;
  pthread_mutex_lock(&pl->lock);
  *conn = take_idle(a->of, pl, a->r);
  if (*conn) return SHUNT_OK;
  const bool waits = pl->open == pl->max || pool_is_full(pl);
  if (waits && !a->r->no_wait) return await_one(a, conn, err);
  if (!waits) {
    a->opens = pool_take_place(pl);
    if (!a->opens) status = error_memory(err);
  }
  pthread_mutex_unlock(&pl->lock);
  return status;
}

/* Gives the place in the pool back. */
static void open_none(pool *pl) {
  pthread_mutex_lock(&pl->lock);
  pl->opening--;
  pool_free_place(pl);
  pthread_mutex_unlock(&pl->lock);
}

/* The caller has taken a place among the open connections. */
static shunt_status enter_and_open(acquiring *a, driver_conn **conn, shunt_error *err) {
  bool entered;
  shunt_status status = house_enter(a->pool, a->r, &entered, conn, err);
  if (entered) return open_one(a, conn, err);
  open_none(a->pool);
  return status;
}

/* *conn is NULL, with SHUNT_OK, if the request must not wait. */
static shunt_status get_one(acquiring *a, driver_conn **conn, shunt_error *err) {
  shunt_status status;
  do {
    status = find_one(a, conn, err);
    a->in_vain = false;
    if (!status && a->opens) status = enter_and_open(a, conn, err);
  } while (a->in_vain && !a->r->no_wait);
  return status;
}

static const char NOT_RESET[] = "it can't be reset";

/* A connection that another session has used by hand is reset first. */
static bool is_fit(driver_conn *conn, const pool_request *r) {
  conn->deadline_ns = r->deadline_ns;
  return !conn->used_by || (r->party && conn->used_by == r->party->session) || driver_reset(conn);
}

shunt_status pool_acquire(pools *p, const pool_request *r, driver_conn **conn, shunt_error *err) {
  client_pools *cp = pool_of_client(p, r->client);
  *conn = NULL;
  pool *pl = pool_find(cp, r->level);
  if (!pl && !(pl = pool_add(cp, r->level))) return error_memory(err);
  acquiring a = {.of = cp, .pool = pl, .r = r};
  for (;;) {
    shunt_status status = get_one(&a, conn, err);
    if (status || !*conn) return status;
    if (is_fit(*conn, r)) break;
    pool_close(pl, *conn, NOT_RESET);
  }
  tally_add(&(*conn)->counts.acquired, 1, false);
  return SHUNT_OK;
}

/* Gives it to the first waiting caller, or keeps it. Returns when a kept one retires; KEEPER_NEVER: it does not. */
static int64_t keep(pool *pl, driver_conn *conn) {
  conn->holder = NULL;
  if (pl->waitlist.first) {
    waitlist_serve(&pl->waitlist, conn);
    return KEEPER_NEVER;
  }
  pl->idle[pl->nidle++] = conn;
  return conn->retire_ns ? conn->retire_ns : KEEPER_NEVER;
}

/* The pool's lock is held afterwards. */
static void drop(client_pools *cp, pool *pl, driver_conn *conn, const char *reason) {
  const bool replaced = conn->replaced;
  if (replaced) tables_forget_all(&cp->tables);
  pool_close(pl, conn, reason);
  pthread_mutex_lock(&pl->lock);
  if (replaced) pool_close_all_idle(pl, reason);
}

void pool_release(driver_conn *conn, int level) {
  client_pools *cp = pool_of_conn(conn);
  pool *pl = pool_find(cp, level);
  assert(pl);
  if ((conn->in_transaction || conn->altered) && !conn->broken)
    conn->deadline_ns = clock_monotonic_ns() + POOL_ROLLBACK_NS;
  if (conn->in_transaction && !conn->broken) conn->engine->rollback(conn);
  int64_t now_ns = clock_coarse_ns(), retire_ns = KEEPER_NEVER;
  const char *over = pool_why_over(conn, now_ns);
  if (!over && conn->altered && !driver_reset(conn)) over = NOT_RESET;
  if (over) {
    drop(cp, pl, conn, over);
  } else {
    conn->deadline_ns = 0;
    conn->idle_since_ns = now_ns;
    conn->locked_by = NULL;
    conn->before_wait.fn = NULL;
    pthread_mutex_lock(&pl->lock);
    retire_ns = keep(pl, conn);
  }
  int64_t due_ns = pool_close_idle(pl, now_ns);
  due_ns = pool_note_due(pl, retire_ns < due_ns ? retire_ns : due_ns, now_ns);
  pthread_mutex_unlock(&pl->lock);
  if (due_ns != KEEPER_NEVER) keeper_note(&cp->house->keeper, due_ns);
  if (atomic_load(&cp->house->nwaiting)) house_make_places(cp->house);
}

/* ---- when a session ends ---- */

static driver_conn *take_used(pool *pl, uint64_t session) {
  driver_conn *found = NULL;
  pthread_mutex_lock(&pl->lock);
  size_t at = pl->nidle;
  while (at > 0 && pl->idle[at - 1]->used_by != session) at--;
  if (at > 0) {
    found = pl->idle[at - 1];
    pl->nidle--;
    memmove(pl->idle + at - 1, pl->idle + at, (pl->nidle - (at - 1)) * sizeof(driver_conn *));
  }
  pthread_mutex_unlock(&pl->lock);
  return found;
}

static void reset_used(pool *pl, uint64_t session) {
  driver_conn *conn;
  while ((conn = take_used(pl, session))) {
    conn->altered = true;
    pool_release(conn, pl->level);
  }
}

void pools_end_session(pools *p, uint64_t session) {
  for (size_t i = 0; i < p->count; i++)
    for (pool *pl = &p->clients[i]->base; pl; pl = atomic_load_explicit(&pl->next, memory_order_acquire))
      reset_used(pl, session);
}
