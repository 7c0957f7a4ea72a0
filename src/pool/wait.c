/* The wait graph: deadlocks between sessions and jobs of this process.
 *
 * Idea: a wait can end if any party that it leads to does not wait: that one will release a connection, unlock the file
 * or end the job. So this is not a search for one cycle: connections of a pool are interchangeable, and each of their
 * holders can end the wait (the OR model of Knapp, "Deadlock detection in distributed databases", 1987). When a wait
 * begins, a breadth-first search follows it to all parties that could end it. If every one of them waits, none of these
 * waits can end, and the new one fails with CONFLICT. The others were fine before it, and are fine again after it.
 *
 * Invariant: in the graph, each wait leads to a party that works. A wait is added and removed under the graph's lock,
 * so the waits, parties and pools that a search meets stay. It reads the pools one after the other, each under its own
 * lock, and still sees one moment: no wait begins meanwhile, and none of those seen was served. The first one to be
 * served would have needed a holder that did not wait when its pool was read, and the search had ended there.
 *
 * It sees sessions and jobs of this process: connections of every pool, files locked by transactions that write, jobs
 * that run here. It does not see other processes, locks of rows inside a server, or holders without a party; they count
 * as parties that work, and timeouts cover them.
 *
 * Cost: threads that need not wait never touch the graph. Not here: a thread that searches at intervals
 * (deadlocks would last for the interval), and timeouts alone (they can't tell a deadlock from a slow server).
 *
 * Tried and replaced: a graph of pools and jobs only. Two sessions that each waited for a file that the other had
 * locked then ended by a timeout; so a lock of a SQLite file is a wait like the others (each_of_file). */
#define _POSIX_C_SOURCE 200809L
#include "pool/wait.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "pool/pool_inner.h"

/* Waits are added and removed under the lock: a wait that is in here, its party and its pool stay while it is held. */
static struct {
  pthread_mutex_t lock;
  wait_edge *first;
  wait_party *runs; /* parties that run jobs in this process */
  pool *watched;    /* pools whose connections write to files */
} graph = {.lock = PTHREAD_MUTEX_INITIALIZER};

const char *wait_party_name(const wait_party *party, char *text, size_t room) {
  if (party->job)
    snprintf(text, room, "job '%s' %llu", party->job, (unsigned long long)party->number);
  else
    snprintf(text, room, party->instance && party->instance[0] ? "session %llu (instance '%s')" : "session %llu",
             (unsigned long long)party->number, party->instance);
  return text;
}

/* ---- who could end a wait; the caller holds the graph's lock ---- */

static const wait_party *runner_of(const char *key) {
  const wait_party *p = graph.runs;
  while (p && strcmp(p->runs, key) != 0) p = p->next_run;
  return p;
}

/* The locks make one moment of it: the waiter is still on the list, and the holders stay while fn runs. A caller that
 * waits for a place under a limit has one in the pool, and may open a connection there. */
static bool each_of_pool(const wait_edge *w, each_party fn, void *ud) {
  pool *pl = w->pool;
  pthread_mutex_lock(&pl->of->house->lock);
  pthread_mutex_lock(&pl->lock);
  const size_t known = pl->nall + (size_t)house_waiting(pl);
  /* below max the server is full, and its other users may make room */
  bool more = (w->in_queue->queued && known == (size_t)pl->max) || fn(ud, NULL);
  for (size_t i = 0; i < pl->nall && more; i++) more = fn(ud, pl->all[i]->holder);
  more = more && house_each_waiting(pl, fn, ud);
  pthread_mutex_unlock(&pl->lock);
  pthread_mutex_unlock(&pl->of->house->lock);
  return more;
}

static bool locks(const driver_conn *conn, const char *file) {
  if (!atomic_load_explicit(&conn->writes, memory_order_relaxed)) return false;
  const char *own = conn->engine->file(conn);
  return own && strcmp(own, file) == 0;
}

/* The party has just found the file locked. If it is not locked any more, or by the party itself, the party goes on. */
static bool each_of_file(const wait_edge *w, each_party fn, void *ud) {
  const char *file = w->conn->engine->file(w->conn);
  bool found = false, more = true;
  for (pool *pl = graph.watched; pl && !found; pl = pl->next_watched) {
    pthread_mutex_lock(&pl->lock);
    for (size_t i = 0; i < pl->nall && !found; i++) {
      if (!locks(pl->all[i], file)) continue;
      found = true;
      more = fn(ud, pl->all[i] == w->conn ? NULL : pl->all[i]->holder);
    }
    pthread_mutex_unlock(&pl->lock);
  }
  return found ? more : fn(ud, NULL);
}

static bool each_of(const wait_edge *w, each_party fn, void *ud) {
  if (w->pool) return w->place ? house_each_holder(w->pool, w->in_queue, fn, ud) : each_of_pool(w, fn, ud);
  return w->conn ? each_of_file(w, fn, ud) : fn(ud, runner_of(w->key));
}

/* ---- searching ---- */

typedef struct search {
  wait_edge *first, *last; /* seen */
} search;

static void see(search *s, wait_edge *w) {
  if (w->seen) return;
  w->seen = true;
  w->next_seen = NULL;
  *(s->last ? &s->last->next_seen : &s->first) = w;
  s->last = w;
}

static bool see_waiting(void *ud, const wait_party *party) {
  if (!party || !party->waits) return false;
  see(ud, party->waits);
  return true;
}

static bool never_ends(search *s, wait_edge *w) {
  bool all_wait = true;
  *s = (search){NULL, NULL};
  see(s, w);
  for (const wait_edge *at = w; at && all_wait; at = at->next_seen) all_wait = each_of(at, see_waiting, s);
  for (wait_edge *at = w; at; at = at->next_seen) at->seen = false;
  return all_wait;
}

/* ---- the message ---- */

enum { MOST_NAMED = 8, NAME_ROOM = 160, MOST_SHOWN = 64 /* holders, of a wait for a place */ };

typedef struct naming {
  buf *text;
  const wait_party *who, *named[MOST_NAMED];
  size_t count;
} naming;

static bool add_name(void *ud, const wait_party *party) {
  naming *n = ud;
  char name[NAME_ROOM];
  for (size_t i = 0; i < n->count; i++)
    if (n->named[i] == party) return true;
  if (n->count == MOST_NAMED) {
    buf_puts(n->text, " and others");
    return false;
  }
  n->named[n->count++] = party;
  buf_printf(n->text, "%s%s", n->count == 1 ? ", held by " : " and ",
             party == n->who ? "itself" : wait_party_name(party, name, sizeof name));
  return true;
}

/* "session 1 waits for client 'main' (level 0), held by session 2 and session 3" */
static void tell_wait(buf *text, const wait_edge *w) {
  char name[NAME_ROOM];
  buf_printf(text, "%s waits for ", wait_party_name(w->party, name, sizeof name));
  if (w->job) {
    buf_puts(text, w->job);
    return;
  }
  if (w->pool)
    buf_printf(text, "client '%s' (level %d)", w->pool->of->client.name, w->pool->level);
  else
    buf_printf(text, "the lock of '%s'", w->conn->engine->file(w->conn));
  naming n = {.text = text, .who = w->party};
  (void)each_of(w, add_name, &n);
}

static shunt_status refuse(const search *s, shunt_error *err) {
  const wait_edge *w = s->first;
  buf text = {0};
  if (w->pool)
    buf_printf(&text, "no connection of client '%s' (level %d) could ever come free (hold fewer at once%s): ",
               w->pool->of->client.name, w->pool->level,
               w->place              ? ", or raise the limit, database.maxConnections or the max of the server"
               : w->pool->of->levels ? ", go up a level, or raise the pool's max"
                                     : ", or raise the pool's max");
  else if (w->conn)
    buf_printf(&text,
               "client '%s': '%s' could never come free to be written to (do it in the transaction that has locked it, "
               "before it, or after it): ",
               w->conn->client->name, w->conn->client->filename);
  else
    buf_printf(&text,
               "%s could never end while it is waited for, and goes on afterwards (go up a level, or do not wait for "
               "it): ",
               w->job);
  for (const wait_edge *at = w; at; at = at->next_seen) {
    if (at != w) buf_puts(&text, "; ");
    tell_wait(&text, at);
  }
  if (text.failed)
    error_memory(err);
  else
    error_text(err, SHUNT_E_CONFLICT, text.data);
  if (w->pool) error_client(err, w->pool->of->client.name);
  shunt_status status = text.failed ? SHUNT_E_MEMORY : SHUNT_E_CONFLICT;
  buf_free(&text);
  return status;
}

/* ---- waiting ---- */

static void take_out(wait_edge *w) {
  *(w->before ? &w->before->next : &graph.first) = w->next;
  if (w->next) w->next->before = w->before;
  w->party->waits = NULL;
}

static shunt_status put_in(wait_edge *w, shunt_error *err) {
  search s;
  w->next = graph.first;
  if (w->next) w->next->before = w;
  graph.first = w->party->waits = w;
  if (!never_ends(&s, w)) return SHUNT_OK;
  shunt_status status = refuse(&s, err);
  take_out(w);
  return status;
}

/* list and its lock: those that in_queue is on. */
static shunt_status begin(wait_edge *w, waiter *in_queue, waitlist *list, pthread_mutex_t *lock, shunt_error *err) {
  if (!w->party) return SHUNT_OK;
  pthread_mutex_lock(&graph.lock);
  shunt_status status = put_in(w, err);
  if (status) { /* all that could have served it wait, so it is still on the list */
    pthread_mutex_lock(lock);
    waitlist_cut(list, in_queue);
    pthread_mutex_unlock(lock);
  }
  pthread_mutex_unlock(&graph.lock);
  return status;
}

shunt_status wait_begin(wait_edge *w, wait_party *party, pool *pl, waiter *in_queue, shunt_error *err) {
  *w = (wait_edge){.party = party, .pool = pl, .in_queue = in_queue, .since_ns = clock_monotonic_ns()};
  return begin(w, in_queue, &pl->waitlist, &pl->lock, err);
}

shunt_status wait_begin_place(wait_edge *w, wait_party *party, pool *pl, waiter *in_queue, shunt_error *err) {
  house *h = pl->of->house;
  *w = (wait_edge){.party = party, .pool = pl, .in_queue = in_queue, .place = true, .since_ns = clock_monotonic_ns()};
  return begin(w, in_queue, &h->waiting, &h->lock, err);
}

shunt_status wait_job_begin(wait_edge *w, wait_party *party, const char *key, const char *name, shunt_error *err) {
  *w = (wait_edge){.party = party, .key = key, .job = name, .since_ns = clock_monotonic_ns()};
  pthread_mutex_lock(&graph.lock);
  shunt_status status = put_in(w, err);
  pthread_mutex_unlock(&graph.lock);
  return status;
}

void wait_end(wait_edge *w) {
  if (!w->party) return;
  pthread_mutex_lock(&graph.lock);
  take_out(w);
  pthread_mutex_unlock(&graph.lock);
}

static void sleep_for(int64_t ns) {
  const struct timespec span = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
  nanosleep(&span, NULL);
}

/* Between naps the party tries the file again and does not wait. Of parties that block each other, the first one to nap
 * while all others nap gets the error. */
bool wait_nap(driver_conn *conn, int64_t since_ns, int64_t nap_ns, char *why, size_t room) {
  wait_edge w = {.party = conn->holder, .conn = conn, .since_ns = since_ns};
  shunt_error err;
  if (!w.party || !conn->engine->file(conn)) {
    sleep_for(nap_ns);
    return true;
  }
  pthread_mutex_lock(&graph.lock);
  shunt_status status = put_in(&w, &err);
  pthread_mutex_unlock(&graph.lock);
  if (status) {
    snprintf(why, room, "%s", err.message);
    return false;
  }
  sleep_for(nap_ns);
  wait_end(&w);
  return true;
}

void wait_watch(pool *pl) {
  pthread_mutex_lock(&graph.lock);
  pl->next_watched = graph.watched;
  if (pl->next_watched) pl->next_watched->before_watched = pl;
  graph.watched = pl;
  pthread_mutex_unlock(&graph.lock);
}

void wait_unwatch(pool *pl) {
  pthread_mutex_lock(&graph.lock);
  *(pl->before_watched ? &pl->before_watched->next_watched : &graph.watched) = pl->next_watched;
  if (pl->next_watched) pl->next_watched->before_watched = pl->before_watched;
  pthread_mutex_unlock(&graph.lock);
}

bool wait_find_watched(bool (*fn)(void *ud, pool *pl), void *ud) {
  bool found = false;
  pthread_mutex_lock(&graph.lock);
  for (pool *pl = graph.watched; pl && !found; pl = pl->next_watched) found = fn(ud, pl);
  pthread_mutex_unlock(&graph.lock);
  return found;
}

void wait_at_fork(process_step step) {
  if (step == PROCESS_CHILD) {
    graph.first = NULL;
    graph.runs = NULL;
    graph.watched = NULL;
  }
  process_step_lock(&graph.lock, step);
}

void wait_run_begin(wait_party *party, const char *key) {
  pthread_mutex_lock(&graph.lock);
  party->runs = key;
  party->next_run = graph.runs;
  graph.runs = party;
  pthread_mutex_unlock(&graph.lock);
}

void wait_run_end(wait_party *party) {
  pthread_mutex_lock(&graph.lock);
  wait_party **at = &graph.runs;
  while (*at != party) at = &(*at)->next_run;
  *at = party->next_run;
  party->runs = NULL;
  pthread_mutex_unlock(&graph.lock);
}

/* ---- showing ---- */

/* A copy: the callback runs without a lock. */
typedef struct shown {
  shunt_wait wait;
  struct shown *next;
} shown;

typedef struct showing {
  arena arena;
  const wait_party **parties; /* the holders of one wait, each once */
  const char **names;
  size_t count, room;
  bool failed;
} showing;

static const char *copy_text(showing *s, const char *text) {
  const char *copy = text ? arena_strdup(&s->arena, text) : NULL;
  s->failed |= text && !copy;
  return copy;
}

static const char *copy_name(showing *s, const wait_party *party) {
  char name[NAME_ROOM];
  return copy_text(s, wait_party_name(party, name, sizeof name));
}

static bool add_holder(void *ud, const wait_party *party) {
  showing *s = ud;
  for (size_t i = 0; i < s->count; i++)
    if (s->parties[i] == party) return true;
  if (!party || s->count == s->room) return true;
  s->parties[s->count] = party;
  s->names[s->count++] = copy_name(s, party);
  return true;
}

static shown *show(showing *s, const wait_edge *w, int64_t now_ns) {
  shown *copy = arena_new(&s->arena, shown);
  s->room = w->place ? MOST_SHOWN : w->pool ? (size_t)w->pool->max : 1;
  s->parties = arena_array(&s->arena, const wait_party *, s->room);
  s->names = arena_array(&s->arena, const char *, s->room);
  s->failed |= !copy || !s->parties || !s->names;
  if (s->failed) return NULL;
  s->count = 0;
  (void)each_of(w, add_holder, s);
  copy->wait = (shunt_wait){.waiter = copy_name(s, w->party),
                            .client = copy_text(s, w->pool   ? w->pool->of->client.name
                                                   : w->conn ? w->conn->client->name
                                                             : NULL),
                            .level = w->pool ? w->pool->level : 0,
                            .file = copy_text(s, w->conn ? w->conn->engine->file(w->conn) : NULL),
                            .job = copy_text(s, w->job),
                            .holders = s->names,
                            .nholders = s->count,
                            .waited_ns = now_ns - w->since_ns};
  return copy;
}

shunt_status shunt_waits(void (*each)(void *ud, const shunt_wait *wait), void *ud, shunt_error *err) {
  showing s = {.count = 0};
  if (!each) return error_null(err, "each");
  shown *first = NULL;
  pthread_mutex_lock(&graph.lock);
  int64_t now_ns = clock_monotonic_ns();
  for (const wait_edge *w = graph.first; w && !s.failed; w = w->next) {
    shown *copy = show(&s, w, now_ns);
    if (!copy) break;
    copy->next = first; /* the list is newest first; this one is oldest first */
    first = copy;
  }
  pthread_mutex_unlock(&graph.lock);
  for (const shown *at = first; at && !s.failed; at = at->next) each(ud, &at->wait);
  arena_free(&s.arena);
  return s.failed ? error_memory(err) : SHUNT_OK;
}
