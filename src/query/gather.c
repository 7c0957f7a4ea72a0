#define _POSIX_C_SOURCE 200809L
#include "query/gather.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "query/transaction.h"

static const int64_t LONGEST_END_NS = 1000000000; /* for all that is thrown away */

/* ---- feeds ---- */

static void add_feed(feeds *list, feed *f) {
  f->next = NULL;
  *(list->last ? &list->last->next : &list->first) = f;
  list->last = f;
}

static void remove_feed(feeds *list, const feed *f) {
  feed **at = &list->first, *before = NULL;
  while (*at != f) {
    before = *at;
    at = &before->next;
  }
  *at = f->next;
  if (list->last == f) list->last = before;
}

/* ---- asking ---- */

void gather_begin(shunt_session *s, gather *g) {
  assert(!s->gather);
  g->open = g->complete = (feeds){NULL, NULL};
  g->nflying = 0;
  g->status = SHUNT_OK;
  s->gather = g;
}

shunt_status gather_ask(shunt_session *s, feed *f, const cat_client *client, int level, bool origin, row_range *range,
                        shunt_error *err) {
  inquiry *a = arena_new(&s->call, inquiry);
  if (!a) return error_memory(err);
  a->sql = s->sql;
  memset(&s->sql, 0, sizeof s->sql);
  a->e = execution_of(&a->sql, client, level, true);
  a->feed = f;
  a->origin = origin;
  a->range = range;
  if (!f->first) add_feed(&s->gather->open, f);
  *(f->first ? &f->last->next : &f->first) = a;
  f->last = a;
  if (!f->unsent) f->unsent = a;
  return SHUNT_OK;
}

/* ---- sending ---- */

static int held_of(const gather *g, const execution *e) {
  int held = 0;
  for (size_t i = 0; i < g->nflying; i++)
    held += g->flying[i]->e.client == e->client && g->flying[i]->e.level == e->level;
  return held;
}

/* One call may hold half of a pool, so that it doesn't keep everybody else waiting for the sake of its own speed. */
static int most_to_hold(const execution *e) {
  int most = e->client->pool.max / 2;
  return most > 1 ? most : 1;
}

/* *conn stays NULL where there is none to be had now. A server that lets in no more than those that are held already is
 * no failure: those will do. */
static shunt_status find_conn(shunt_session *s, const execution *e, driver_conn **conn) {
  driver_conn *own = transaction_peek(s, e->client, e->level);
  *conn = NULL;
  if (own) {
    if (!own->under_way) *conn = own;
    return SHUNT_OK;
  }
  int held = held_of(s->gather, e);
  if (held >= most_to_hold(e)) return SHUNT_OK;
  shunt_status status = session_try_acquire(s, e->client, e->level, conn, &s->gather->err);
  return status == SHUNT_E_DATASOURCE && held ? SHUNT_OK : status;
}

static void give_back(inquiry *a) {
  driver_conn *conn = a->conn;
  a->conn = NULL;
  conn->under_way = false;
  if (!conn->in_transaction) pool_release(conn, a->e.level);
}

/* Whether it is under way now: it is not where there is no connection to be had. */
static bool send_one(shunt_session *s, inquiry *a) {
  gather *g = s->gather;
  shunt_status status;
  bool again;
  do {
    status = find_conn(s, &a->e, &a->conn);
    if (!a->conn) break;
    a->conn->deadline_ns = s->deadline_ns;
    status = execution_send(s, &a->e, a->conn, &again, &g->err);
    if (status) give_back(a);
  } while (status && again);
  if (status) g->status = execution_end(s, &a->e, status, &g->err);
  if (!a->conn) return false;
  a->socket = a->conn->engine->start(a->conn);
  a->conn->under_way = true;
  g->flying[g->nflying++] = a;
  return true;
}

static bool runs_inside(const inquiry *a) { return !driver_for(a->e.client->engine)->start; }

static void send_feed(shunt_session *s, feed *f) {
  const gather *g = s->gather;
  while (f->unsent && !g->status && g->nflying < GATHER_MOST && !runs_inside(f->unsent) && send_one(s, f->unsent))
    f->unsent = f->unsent->next;
}

static void send_all(shunt_session *s) {
  for (feed *f = s->gather->open.first; f; f = f->next) send_feed(s, f);
}

/* ---- receiving ---- */

/* Only a feed's first one is received. */
static void unlink_inquiry(gather *g, const inquiry *a) {
  feed *f = a->feed;
  assert(f->first == a);
  f->first = a->next;
  if (f->unsent == a) f->unsent = a->next;
  for (size_t i = 0; i < g->nflying; i++) {
    if (g->flying[i] != a) continue;
    memmove(g->flying + i, g->flying + i + 1, (--g->nflying - i) * sizeof *g->flying);
    break;
  }
}

/* The session writes its next statement where this one stood. */
static void recycle(shunt_session *s, inquiry *a) {
  if (s->sql.text.data || s->sql.params || s->sql.failed || s->sql.text.failed) {
    sql_free(&a->sql);
    return;
  }
  s->sql = a->sql;
  memset(&a->sql, 0, sizeof a->sql);
}

static void drop_answer(shunt_session *s, inquiry *a) {
  bool again;
  (void)execution_receive(s, &a->e, a->conn, NULL, &again, NULL);
  give_back(a);
}

/* Rows that come before theirs are still to be read: they are sent once more, behind those. */
static void take_back(shunt_session *s, feed *f) {
  gather *g = s->gather;
  size_t kept = 0;
  for (size_t i = 0; i < g->nflying; i++) {
    inquiry *a = g->flying[i];
    if (a->feed != f) {
      g->flying[kept++] = a;
      continue;
    }
    drop_answer(s, a);
    a->e.repeated = true;
  }
  g->nflying = kept;
  f->unsent = f->first;
}

static shunt_status receive_rows(shunt_session *s, inquiry *a, shunt_error *err) {
  shunt_rows *rows = a->feed->rows;
  bool again;
  if (!a->conn) return execution_run(s, &a->e, rows, err);
  shunt_status status = execution_receive(s, &a->e, a->conn, rows, &again, err);
  give_back(a);
  if (!again) return status;
  take_back(s, a->feed);
  return execution_run(s, &a->e, rows, err);
}

/* Rows past UINT32_MAX are in no range; whoever uses ranges refuses so many. */
static void add_rows(row_range *range, size_t before, size_t after) {
  if (after > UINT32_MAX) return;
  if (range->first == range->end) range->first = (uint32_t)before;
  range->end = (uint32_t)after;
}

static void receive(shunt_session *s, inquiry *a) {
  gather *g = s->gather;
  feed *f = a->feed;
  unlink_inquiry(g, a);
  size_t before = f->rows->count;
  shunt_status status = SHUNT_OK;
  shunt_error err;
  if (a->origin && !rows_add_origin(f->rows, a->e.client->id)) status = error_memory(&err);
  if (!status)
    status = receive_rows(s, a, &err);
  else if (a->conn)
    drop_answer(s, a);
  if (a->range) add_rows(a->range, before, f->rows->count);
  execution_end(s, &a->e, status, &err);
  recycle(s, a);
  if (status && !g->status) {
    g->status = status;
    g->err = err;
  }
  if (f->first) return;
  remove_feed(&g->open, f);
  add_feed(&g->complete, f);
}

static int wait_ms(const shunt_session *s) {
  if (!s->deadline_ns) return -1;
  int64_t left_ms = (s->deadline_ns - clock_monotonic_ns()) / NS_PER_MS + 1;
  return left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* The one to receive now. While servers work, what runs in this thread does; else the first that answers is waited for.
 * Past the deadline it is any of them, and says so. */
static inquiry *choose(shunt_session *s) {
  struct pollfd ready[GATHER_MOST];
  inquiry *flying[GATHER_MOST] = {NULL}, *inside = NULL, *unsent = NULL;
  nfds_t n = 0;
  for (feed *f = s->gather->open.first; f; f = f->next) {
    inquiry *a = f->first;
    if (!a->conn) {
      inquiry **kind = runs_inside(a) ? &inside : &unsent;
      if (!*kind) *kind = a;
      continue;
    }
    if (a->socket < 0) return a;
    ready[n] = (struct pollfd){.fd = a->socket, .events = POLLIN};
    flying[n++] = a;
  }
  if (n == 1 && !inside) return flying[0];
  if (n && poll(ready, n, inside ? 0 : wait_ms(s)) > 0)
    for (nfds_t i = 0; i < n; i++)
      if (ready[i].revents) return flying[i];
  return inside ? inside : n ? flying[0] : unsent;
}

shunt_status gather_next(shunt_session *s, feed **done, shunt_error *err) {
  gather *g = s->gather;
  *done = NULL;
  while (!g->status && !g->complete.first && g->open.first) {
    send_all(s);
    if (!g->status) receive(s, choose(s));
  }
  if (g->status) {
    if (err) *err = g->err;
    return g->status;
  }
  *done = g->complete.first;
  if (*done) remove_feed(&g->complete, *done);
  return SHUNT_OK;
}

/* The first one under way is the first one of its feed, for none overtakes another of its feed. */
void gather_settle(shunt_session *s) {
  while (s->gather->nflying) receive(s, s->gather->flying[0]);
}

/* A transaction's is awaited, for it is to go on; any other is cancelled, and hung up on where that does not help. */
static void throw_away(shunt_session *s, inquiry *a, int64_t until_ns) {
  driver_conn *conn = a->conn;
  if (!conn->in_transaction) conn->deadline_ns = clock_monotonic_ns();
  if (conn->in_transaction || conn->deadline_ns < until_ns) {
    drop_answer(s, a);
    return;
  }
  conn->broken = true;
  give_back(a);
}

void gather_end(shunt_session *s) {
  gather *g = s->gather;
  int64_t until_ns = g->nflying ? clock_monotonic_ns() + LONGEST_END_NS : 0;
  for (size_t i = 0; i < g->nflying; i++) throw_away(s, g->flying[i], until_ns);
  for (feed *f = g->open.first; f; f = f->next)
    for (inquiry *a = f->first; a; a = a->next) sql_free(&a->sql);
  s->gather = NULL;
}
