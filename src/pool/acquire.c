/* Taking a connection, and giving it back.
 *
 * Idea: a pool is a stack of idle connections, a count of open ones and a waitlist. The connection that was used last
 * is given out first, so that those that are not needed grow old at the bottom and are closed. A caller that finds
 * nothing idle takes a free place and opens a connection itself; otherwise it waits.
 *
 * Invariant, whenever the lock is free: if a caller waits, `open` is `max` and nothing is idle. So whatever becomes
 * free goes to the first waiting caller directly (waitlist_serve): a connection that is released, or the place of one
 * that was closed. A caller that comes later can't overtake, and no wake-up is lost.
 *
 * What takes time (connecting, closing, asking the system whether a connection is alive) happens without the lock; the
 * place stays taken meanwhile. Events are emitted without it, too: their callback may look at the pools.
 *
 * After CIRCUIT_OPENS_AT failures to connect, the client's circuit is open: callers that would have to connect fail at
 * once, and so do callers that would wait for a connection that others try to open. One caller probes now and then.
 *
 * Not here: a thread that opens connections in the background (connections open on demand; keeper.c closes old ones),
 * and a condition variable for all waiting callers (it wakes those who get nothing).
 */
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "pool/pool_inner.h"
#include "pool/wait.h"

/* ---- waiting; the caller holds the pool's lock ---- */

static shunt_status none_came_free(const pool *pl, const char *client, int64_t waited_ms, bool by_call,
                                   shunt_error *err) {
  if (by_call)
    error_set(err, SHUNT_E_TIMEOUT,
              "all %d connections of client '%s' are busy, and none came free in the %lld ms that were left of the "
              "call's own timeout; give it more time, raise the pool's max, or release connections sooner",
              pl->max, client, (long long)waited_ms);
  else
    error_set(err, SHUNT_E_TIMEOUT,
              "all %d connections of client '%s' are busy, and none came free within %lld ms; raise its pool's max or "
              "acquireTimeout, or release connections sooner",
              pl->max, client, (long long)waited_ms);
  error_client(err, client);
  return SHUNT_E_TIMEOUT;
}

/* Releases the lock, like the next function: the lock of the wait graph is taken before the lock of a pool. */
static shunt_status queue_up(pool *pl, wait_party *party, int64_t now_ns, int64_t until_ns, driver_conn **conn,
                             shunt_error *err) {
  waiter me;
  wait_edge mine;
  bool joined = waitlist_join(&pl->waitlist, &me, party);
  pthread_mutex_unlock(&pl->lock);
  if (!joined) return error_memory(err);
  shunt_status status = wait_begin(&mine, party, pl, &me, err);
  bool begun = !status;
  pthread_mutex_lock(&pl->lock);
  if (begun) status = waitlist_wait(&me, &pl->lock, until_ns);
  waitlist_leave(&pl->waitlist, &me);
  pl->waited_ns += clock_monotonic_ns() - now_ns;
  pl->timeouts += status == SHUNT_E_TIMEOUT;
  pthread_mutex_unlock(&pl->lock);
  if (begun) wait_end(&mine);
  *conn = me.conn;
  return status;
}

static shunt_status wait_for_one(pool *pl, const pool_request *r, driver_conn **conn, shunt_error *err) {
  const pool_patience p = pool_patience_of(r);
  shunt_status status = SHUNT_E_TIMEOUT;
  if (p.left_ns > 0) {
    status = queue_up(pl, r->party, p.now_ns, p.now_ns + p.left_ns, conn, err);
  } else {
    pl->timeouts++;
    pthread_mutex_unlock(&pl->lock);
  }
  return status == SHUNT_E_TIMEOUT ? none_came_free(pl, r->client->name, p.left_ns / NS_PER_MS, p.by_call, err)
                                   : status;
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

/* An engine without `alive` has no server that could be down. */
static shunt_status connect_to(client_pools *cp, int64_t deadline_ns, bool *tried, driver_conn **conn,
                               shunt_error *err) {
  circuit_attempt attempt;
  shunt_status status = cp->engine->alive ? circuit_enter(&cp->circuit, cp->client.name, &attempt, err) : SHUNT_OK;
  *tried = !status;
  if (status) return status;
  status = cp->engine->open(&cp->client, deadline_ns, conn, err);
  if (cp->engine->alive) report_circuit(cp, circuit_leave(&cp->circuit, &attempt, status, err), err);
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
static shunt_status open_one(client_pools *cp, pool *pl, const pool_request *r, driver_conn **conn, shunt_error *err) {
  shunt_error own; /* the circuit and events use it */
  bool tried;
  if (!err) err = &own;
  const int64_t since_ns = clock_monotonic_ns();
  shunt_status status = connect_to(cp, r->deadline_ns, &tried, conn, err);
  if (status) house_leave(pl);
  if (!status) {
    (*conn)->retire_ns = pool_retire_ns(cp, *conn, clock_coarse_ns());
    (*conn)->nap = wait_nap;
  }
  pthread_mutex_lock(&pl->lock);
  pl->opening--;
  if (status) {
    *conn = NULL;
    pl->failed += tried;
    pool_free_place(pl);
  } else {
    (*conn)->holder = r->party;
    pl->all[pl->nall++] = *conn;
    pl->opened++;
  }
  const int open = pl->open;
  pthread_mutex_unlock(&pl->lock);
  if (tried) report_attempt(cp, pl, open, since_ns, status ? err : NULL);
  return status;
}

static bool make_room(pool *pl) {
  size_t count = (size_t)pl->open + 1;
  return base_grow(&pl->idle, &pl->idle_room, count, sizeof(driver_conn *)) &&
         base_grow(&pl->all, &pl->all_room, count, sizeof(driver_conn *));
}

static shunt_status take_place(pool *pl, shunt_error *err) {
  assert(!pl->waitlist.first);
  if (!make_room(pl)) return error_memory(err);
  pl->open++;
  pl->opening++;
  return SHUNT_OK;
}

/* Nothing is idle and no place is free. Releases the lock. If other callers are opening all the connections there are,
 * waiting means waiting for the server: so an open circuit counts here, too. */
static shunt_status await_one(client_pools *cp, pool *pl, const pool_request *r, driver_conn **conn, shunt_error *err) {
  shunt_status status = pl->opening == pl->open ? circuit_check(&cp->circuit, cp->client.name, err) : SHUNT_OK;
  if (!status) return wait_for_one(pl, r, conn, err);
  pthread_mutex_unlock(&pl->lock);
  return status;
}

/* If *opens is set, *conn is NULL and the caller opens a connection. */
static shunt_status find_one(client_pools *cp, pool *pl, const pool_request *r, bool *opens, driver_conn **conn,
                             shunt_error *err) {
  pthread_mutex_lock(&pl->lock);
  *conn = take_idle(cp, pl, r);
  if (*conn) return SHUNT_OK;
  shunt_status status = SHUNT_OK;
  if (pl->open == pl->max && !r->no_wait) {
    status = await_one(cp, pl, r, conn, err);
    *opens = !status && !*conn;
    return status;
  }
  if (pl->open < pl->max) {
    status = take_place(pl, err);
    *opens = !status;
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
static shunt_status enter_and_open(client_pools *cp, pool *pl, const pool_request *r, driver_conn **conn,
                                   shunt_error *err) {
  bool entered;
  shunt_status status = house_enter(pl, r, &entered, conn, err);
  if (entered) return open_one(cp, pl, r, conn, err);
  open_none(pl);
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
  for (;;) {
    bool opens = false;
    shunt_status status = find_one(cp, pl, r, &opens, conn, err);
    if (opens) status = enter_and_open(cp, pl, r, conn, err);
    if (status || !*conn) return status;
    if (is_fit(*conn, r)) break;
    pool_close(pl, *conn, NOT_RESET);
  }
  atomic_fetch_add_explicit(&pl->acquired, 1, memory_order_relaxed);
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
