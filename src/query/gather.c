/* Reads of one call on several connections at the same time, in the caller's thread.
 *
 * Idea: the time that a call waits is the time of its slowest server, not the sum of all. Statements are sent on as
 * many connections as there are, then poll() says which answer to receive next. Rows go into a feed in the order in
 * which its statements were asked, whatever order the answers come in, so results don't depend on timing.
 *
 * Invariants: a connection has one statement under way. The first statement of a feed is sent before its others, and
 * received before them. Nothing is under way when a call waits for a pool, for a lock or for another statement of a
 * transaction: such a wait could be for a connection that this call holds itself, so call_connect and transaction_conn
 * settle the reads first. A call holds at most half of a pool (most_to_hold), so that one call can't keep all others
 * out. A lost connection is replaced once, as in statement.c; the statements behind it in the feed are sent again.
 *
 * SQLite answers inside the caller's thread: it has no socket. Its statements run while the servers work.
 *
 * Not here: a thread for each connection (a session would be used by several threads, and hooks and
 * observers with it), and pipelining several statements on one connection (libpq can, libmysqlclient can't, and a
 * failure in the middle of a pipeline fails the statements behind it).
 *
 * Tried and replaced: one list of all statements of the call, walked after each answer. Three places decided what to
 * send again, and some reads were sent three times; now the statement that was tried says it (*again). The number of a
 * feed's first row in place of a row_range: a group that asked no statement kept number 0, and took the rows of others
 * for its own. */
#define _POSIX_C_SOURCE 200809L
#include "query/gather.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "session/scope.h"

static const int64_t LONGEST_END_NS = 1000000000; /* to cancel everything that is thrown away */

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

static void settle(call_reads *reads);

void gather_begin(call *c, gather *g) {
  assert(!c->reads);
  c->reads = &g->reads;
  g->reads = (call_reads){0, settle};
  g->c = *c;
  g->c.err = &g->err;
  g->caller = c;
  g->open = g->complete = (feeds){NULL, NULL};
  g->status = SHUNT_OK;
}

shunt_status gather_ask(call *c, feed *f, sql_text *sql, const site *at, bool origin, row_range *range) {
  gather *g = (gather *)c->reads;
  inquiry *a = arena_new(c->arena, inquiry);
  shunt_status status = a ? sql_status(sql, c->err) : error_memory(c->err);
  if (status) return status;
  a->sql = sql;
  a->e = execution_of(sql, at, true);
  a->inside = !at->engine->start;
  a->feed = f;
  a->origin = origin;
  a->range = range;
  if (!f->first) add_feed(&g->open, f);
  *(f->first ? &f->last->next : &f->first) = a;
  f->last = a;
  if (!f->unsent) f->unsent = a;
  return SHUNT_OK;
}

/* ---- sending ---- */

static int held_of(const gather *g, const execution *e) {
  int held = 0;
  for (size_t i = 0; i < g->reads.nflying; i++)
    held += g->flying[i]->e.client == e->client && g->flying[i]->e.level == e->level;
  return held;
}

/* One call holds at most half of a pool, so that its speed doesn't cost the others. */
static int most_to_hold(const execution *e) {
  int most = e->client->pool.max / 2;
  return most > 1 ? most : 1;
}

/* *conn stays NULL if no connection is free now. If a server refuses a further connection while this call holds some
 * already, those are enough: no failure. */
static shunt_status find_conn(gather *g, const execution *e, driver_conn **conn) {
  transaction *t;
  *conn = NULL;
  shunt_status status = transaction_enter(&g->c, e->client, e->level, &t);
  if (status) return status;
  if (t) {
    status = transaction_check_free(&g->c, t->conn);
    if (!status && !t->conn->under_way) *conn = t->conn;
    return status;
  }
  int held = held_of(g, e);
  if (held >= most_to_hold(e)) return SHUNT_OK;
  status = call_try_acquire(&g->c, e->client, e->level, conn);
  return status == SHUNT_E_DATASOURCE && held ? SHUNT_OK : status;
}

static void give_back(inquiry *a) {
  driver_conn *conn = a->conn;
  a->conn = NULL;
  conn->under_way = false;
  if (!conn->in_transaction) pool_release(conn, a->e.level);
}

/* True if it was sent; false if no connection is free. */
static bool send_one(gather *g, inquiry *a) {
  shunt_status status;
  bool again;
  do {
    status = find_conn(g, &a->e, &a->conn);
    if (!a->conn) break;
    a->conn->deadline_ns = g->c.deadline_ns;
    status = execution_send(&g->c, &a->e, a->conn, &again);
    if (status) give_back(a);
  } while (status && again);
  if (status) g->status = execution_end(&g->c, &a->e, status);
  if (!a->conn) return false;
  a->socket = a->conn->engine->start(a->conn);
  a->conn->under_way = true;
  g->flying[g->reads.nflying++] = a;
  return true;
}

static void send_feed(gather *g, feed *f) {
  while (f->unsent && !g->status && g->reads.nflying < GATHER_MOST && !f->unsent->inside && send_one(g, f->unsent))
    f->unsent = f->unsent->next;
}

static void send_all(gather *g) {
  for (feed *f = g->open.first; f; f = f->next) send_feed(g, f);
}

/* ---- receiving ---- */

/* Only the first inquiry of a feed is received. */
static void unlink_inquiry(gather *g, const inquiry *a) {
  feed *f = a->feed;
  assert(f->first == a);
  f->first = a->next;
  if (f->unsent == a) f->unsent = a->next;
  for (size_t i = 0; i < g->reads.nflying; i++) {
    if (g->flying[i] != a) continue;
    memmove(g->flying + i, g->flying + i + 1, (--g->reads.nflying - i) * sizeof *g->flying);
    break;
  }
}

static void drop_answer(gather *g, inquiry *a) {
  call quiet = g->c;
  bool again;
  quiet.err = NULL;
  (void)execution_receive(&quiet, &a->e, a->conn, NULL, &again);
  give_back(a);
}

/* The rows of an earlier statement are missing, so the later ones are sent again, behind it. */
static void take_back(gather *g, feed *f) {
  size_t kept = 0;
  for (size_t i = 0; i < g->reads.nflying; i++) {
    inquiry *a = g->flying[i];
    if (a->feed != f) {
      g->flying[kept++] = a;
      continue;
    }
    drop_answer(g, a);
    a->e.repeated = true;
  }
  g->reads.nflying = kept;
  f->unsent = f->first;
}

static shunt_status receive_rows(gather *g, call *c, inquiry *a) {
  shunt_rows *rows = a->feed->rows;
  bool again;
  if (!a->conn) return execution_run(c, &a->e, rows);
  shunt_status status = execution_receive(c, &a->e, a->conn, rows, &again);
  give_back(a);
  if (!again) return status;
  take_back(g, a->feed);
  return execution_run(c, &a->e, rows);
}

/* Rows past UINT32_MAX are in no range: callers that use ranges refuse so many rows. */
static void add_rows(row_range *range, size_t before, size_t after) {
  if (after > UINT32_MAX) return;
  if (range->first == range->end) range->first = (uint32_t)before;
  range->end = (uint32_t)after;
}

static void receive(gather *g, inquiry *a) {
  feed *f = a->feed;
  call c = g->c;
  shunt_error err;
  shunt_status status = SHUNT_OK;
  size_t before = f->rows->count;
  c.err = &err; /* only the first failure is kept, and this may be a later one */
  unlink_inquiry(g, a);
  if (a->origin && !rows_add_origin(f->rows, a->e.client->id)) status = error_memory(&err);
  if (!status)
    status = receive_rows(g, &c, a);
  else if (a->conn)
    drop_answer(g, a);
  if (a->range) add_rows(a->range, before, f->rows->count);
  execution_end(&c, &a->e, status);
  call_end_sql(&c, a->sql);
  if (status && !g->status) {
    g->status = status;
    g->err = err;
  }
  if (f->first) return;
  remove_feed(&g->open, f);
  add_feed(&g->complete, f);
}

static int wait_ms(const call *c) {
  if (!c->deadline_ns) return -1;
  int64_t left_ms = (c->deadline_ns - clock_monotonic_ns()) / NS_PER_MS + 1;
  return left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* The inquiry to receive next: one that runs in this thread while servers work, and otherwise the first that answers.
 * After the deadline any of them: receiving it reports the timeout. */
static inquiry *choose(const gather *g) {
  struct pollfd ready[GATHER_MOST];
  inquiry *flying[GATHER_MOST] = {NULL}, *inside = NULL, *unsent = NULL;
  nfds_t n = 0;
  for (feed *f = g->open.first; f; f = f->next) {
    inquiry *a = f->first;
    if (!a->conn) {
      inquiry **kind = a->inside ? &inside : &unsent;
      if (!*kind) *kind = a;
      continue;
    }
    if (a->socket < 0) return a;
    ready[n] = (struct pollfd){.fd = a->socket, .events = POLLIN};
    flying[n++] = a;
  }
  if (n == 1 && !inside) return flying[0];
  if (n && poll(ready, n, inside ? 0 : wait_ms(&g->c)) > 0)
    for (nfds_t i = 0; i < n; i++)
      if (ready[i].revents) return flying[i];
  return inside ? inside : n ? flying[0] : unsent;
}

shunt_status gather_next(gather *g, feed **done) {
  *done = NULL;
  while (!g->status && !g->complete.first && g->open.first) {
    send_all(g);
    if (!g->status) receive(g, choose(g));
  }
  if (g->status) {
    if (g->caller->err) *g->caller->err = g->err;
    return g->status;
  }
  *done = g->complete.first;
  if (*done) remove_feed(&g->complete, *done);
  return SHUNT_OK;
}

/* The first inquiry under way is the first of its feed, since the inquiries of a feed keep their order. */
static void settle(call_reads *reads) {
  gather *g = (gather *)reads;
  while (reads->nflying) receive(g, g->flying[0]);
}

/* The statement of a transaction is awaited, because the transaction goes on. Any other is cancelled; if that doesn't
 * help, its connection is closed. */
static void throw_away(gather *g, inquiry *a, int64_t until_ns) {
  driver_conn *conn = a->conn;
  if (!conn->in_transaction) conn->deadline_ns = clock_monotonic_ns();
  if (conn->in_transaction || conn->deadline_ns < until_ns) {
    drop_answer(g, a);
    return;
  }
  conn->broken = true;
  give_back(a);
}

void gather_end(gather *g) {
  int64_t until_ns = g->reads.nflying ? clock_monotonic_ns() + LONGEST_END_NS : 0;
  for (size_t i = 0; i < g->reads.nflying; i++) throw_away(g, g->flying[i], until_ns);
  g->caller->reads = NULL;
}
