/* A wait that could never end fails when it begins, and no other does. Sessions are parties here, on threads, and pools
 * are those of an engine that connects to nothing. */
#include "unit/pool/server.h"

#include <sched.h>

#include "unit/faults.h"
#include "unit/random.h"
#include "unit/watchdog.h"

enum { MOST_POOLS = 8, MOST_SESSIONS = 8 };

typedef struct world {
  pools *pools;
  cat_client clients[MOST_POOLS];
  wait_party parties[MOST_SESSIONS];
  int npools, nsessions;
} world;

/* Pools "p0", "p1", … with these limits, and sessions 1, 2, … */
static world *begin_world(const int *max, int npools, int nsessions) {
  static cat_client *list[MOST_POOLS];
  static const char *const names[MOST_POOLS] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"};
  static world w;
  memset(&w, 0, sizeof w);
  w.npools = npools;
  w.nsessions = nsessions;
  for (int i = 0; i < npools; i++) {
    w.clients[i] = (cat_client){.id = (uint32_t)i, .name = names[i], .engine = CAT_PG};
    w.clients[i].pool = (cat_pool){.max = max[i], .acquire_timeout_ms = 10 * LONG_MS}; /* the watchdog comes first */
    list[i] = &w.clients[i];
  }
  for (int i = 0; i < nsessions; i++) w.parties[i].number = (uint64_t)i + 1;
  const catalog c = {.clients = list, .nclients = (size_t)npools};
  assert_int_equal(pools_new(&c, NULL, NULL, &w.pools, NULL), SHUNT_OK);
  return &w;
}

static shunt_status take(world *w, int session, int p, driver_conn **conn, shunt_error *err) {
  return pool_acquire(w->pools, &(pool_request){.client = &w->clients[p], .party = &w->parties[session]}, conn, err);
}

static driver_conn *must_take(world *w, int session, int p) {
  driver_conn *conn;
  shunt_error err;
  if (take(w, session, p, &conn, &err)) fail_msg("%s", err.message);
  return conn;
}

static void assert_says(const shunt_error *err, const char *words) {
  if (!strstr(err->message, words)) fail_msg("'%s' is not in: %s", words, err->message);
}

/* A loop that takes a lock again and again could keep the other thread from it for ever. */
static void nap(void) { nanosleep(&(struct timespec){0, 50000}, NULL); }

static void until_waiting(world *w, int p, int waiting) {
  while (pool_stats_of(w->pools, &w->clients[p], 0).waiting != waiting) nap();
}

/* ---- one thread that takes one more ---- */

typedef struct taker {
  world *w;
  int session, pool;
  driver_conn *held; /* given back where it can't have what it asks for; may be NULL */
  pthread_t thread;
  shunt_status status;
  shunt_error err;
} taker;

static void *run_taker(void *arg) {
  taker *t = arg;
  driver_conn *conn;
  t->status = take(t->w, t->session, t->pool, &conn, &t->err);
  if (!t->status) pool_release(conn, 0);
  if (t->held) pool_release(t->held, 0);
  return NULL;
}

static void start(taker *t) { assert_int_equal(pthread_create(&t->thread, NULL, run_taker, t), 0); }
static void join(taker *t) { assert_int_equal(pthread_join(t->thread, NULL), 0); }

/* ---- tests ---- */

static void who_waits_for_what_it_holds_itself_is_told_so_at_once(void **state) {
  (void)state;
  world *w = begin_world((int[]){1}, 1, 1);
  w->parties[0].instance = "acme";
  driver_conn *conn = must_take(w, 0, 0), *none;
  shunt_error err;
  assert_int_equal(take(w, 0, 0, &none, &err), SHUNT_E_CONFLICT);
  assert_null(none);
  assert_says(&err, "no connection of client 'p0' (level 0) could ever come free");
  assert_says(&err, "go up a level");
  assert_says(&err, "session 1 (instance 'acme') waits for client 'p0' (level 0), held by itself");
  assert_string_equal(err.client, "p0");
  assert_int_equal(take(w, 0, 0, &none, NULL), SHUNT_E_CONFLICT);
  shunt_pool_stats stats = pool_stats_of(w->pools, &w->clients[0], 0);
  assert_int_equal(stats.waiting, 0);
  assert_int_equal(stats.timeouts, 0);
  pool_release(conn, 0);
  pool_release(must_take(w, 0, 0), 0);
  pools_free(w->pools);
}

static void of_several_that_one_holds_every_one_counts(void **state) {
  (void)state;
  world *w = begin_world((int[]){3}, 1, 1);
  driver_conn *held[3], *none;
  for (int i = 0; i < 3; i++) held[i] = must_take(w, 0, 0);
  shunt_error err;
  assert_int_equal(take(w, 0, 0, &none, &err), SHUNT_E_CONFLICT);
  assert_says(&err, "held by itself");
  assert_null(strstr(err.message, "held by itself and")); /* it is named once */
  for (int i = 0; i < 3; i++) pool_release(held[i], 0);
  pools_free(w->pools);
}

/* Each holds one and asks for the next one's: the one that asks last gets the error, and when it gives way all others
 * go on. */
static void a_cycle_has_one_loser(void **state) {
  (void)state;
  const int one[MOST_POOLS] = {1, 1, 1, 1, 1, 1, 1, 1};
  for (int n = 2; n <= MOST_SESSIONS; n++) {
    world *w = begin_world(one, n, n);
    taker all[MOST_SESSIONS];
    for (int i = 0; i < n; i++) all[i] = (taker){.w = w, .session = i, .pool = (i + 1) % n, .held = must_take(w, i, i)};
    for (int i = 0; i < n; i++) start(&all[i]);
    int losers = 0;
    for (int i = 0; i < n; i++) {
      join(&all[i]);
      if (!all[i].status) continue;
      losers++;
      assert_int_equal(all[i].status, SHUNT_E_CONFLICT);
      char words[128];
      snprintf(words, sizeof words, "session %d waits for client 'p%d' (level 0), held by session %d", i + 1,
               (i + 1) % n, (i + 1) % n + 1);
      assert_says(&all[i].err, words);
      snprintf(words, sizeof words, "held by session %d", i + 1); /* by whom it closes */
      assert_says(&all[i].err, words);
    }
    assert_int_equal(losers, 1);
    pools_free(w->pools);
  }
}

/* Sessions 1 and 2 wait for each other's, but session 3 works, and holds one that either may have. */
static void one_that_works_is_enough(void **state) {
  (void)state;
  world *w = begin_world((int[]){2, 1}, 2, 3);
  driver_conn *working = must_take(w, 2, 0);
  taker first = {.w = w, .session = 0, .pool = 1, .held = must_take(w, 0, 0)};
  taker second = {.w = w, .session = 1, .pool = 0, .held = must_take(w, 1, 1)};
  start(&first);
  until_waiting(w, 1, 1);
  start(&second);
  until_waiting(w, 0, 1);
  pool_release(working, 0);
  join(&second);
  join(&first);
  assert_int_equal(first.status, SHUNT_OK);
  assert_int_equal(second.status, SHUNT_OK);
  pools_free(w->pools);
}

static void and_when_it_waits_too_it_is_the_one_to_be_told(void **state) {
  (void)state;
  world *w = begin_world((int[]){2, 1}, 2, 3);
  driver_conn *working = must_take(w, 2, 0), *none;
  taker first = {.w = w, .session = 0, .pool = 1, .held = must_take(w, 0, 0)};
  taker second = {.w = w, .session = 1, .pool = 0, .held = must_take(w, 1, 1)};
  shunt_error err;
  start(&first);
  until_waiting(w, 1, 1);
  start(&second);
  until_waiting(w, 0, 1);
  assert_int_equal(take(w, 2, 1, &none, &err), SHUNT_E_CONFLICT);
  assert_says(&err, "session 3 waits for client 'p1' (level 0), held by session 2");
  assert_says(&err, "session 2 waits for client 'p0' (level 0), held by ");
  assert_says(&err, "session 1 waits for client 'p1' (level 0), held by session 2");
  pool_release(working, 0);
  join(&second);
  join(&first);
  assert_int_equal(first.status, SHUNT_OK);
  assert_int_equal(second.status, SHUNT_OK);
  pools_free(w->pools);
}

static void one_who_holds_without_a_name_is_taken_to_work(void **state) {
  (void)state;
  world *w = begin_world((int[]){1}, 1, 1);
  driver_conn *conn, *none;
  assert_int_equal(pool_acquire(w->pools, &(pool_request){.client = &w->clients[0]}, &conn, NULL), SHUNT_OK);
  int64_t soon_ns = clock_monotonic_ns() + NS_PER_MS;
  assert_int_equal(
      pool_acquire(w->pools, &(pool_request){.client = &w->clients[0], .party = &w->parties[0], .deadline_ns = soon_ns},
                   &none, NULL),
      SHUNT_E_TIMEOUT);
  pool_release(conn, 0);
  pools_free(w->pools);
}

/* ---- jobs ---- */

static void a_job_that_needs_what_who_waits_for_it_holds_is_told_so(void **state) {
  (void)state;
  world *w = begin_world((int[]){1}, 1, 2);
  wait_party *asker = &w->parties[0], *worker = &w->parties[1];
  worker->job = "mail";
  worker->number = 42;
  driver_conn *conn = must_take(w, 0, 0), *none;
  wait_edge waits;
  shunt_error err;
  assert_int_equal(wait_job_begin(&waits, asker, "jobs:42", "job 'mail' 42", &err),
                   SHUNT_OK); /* no worker runs it yet */
  wait_run_begin(worker, "jobs:42");
  assert_int_equal(take(w, 1, 0, &none, &err), SHUNT_E_CONFLICT);
  assert_says(&err, "job 'mail' 42 waits for client 'p0' (level 0), held by session 1");
  assert_says(&err, "session 1 waits for job 'mail' 42");
  wait_run_end(worker);
  wait_end(&waits);
  pool_release(conn, 0);
  pools_free(w->pools);
}

static void who_waits_for_a_job_that_waits_for_it_already_is_told_so(void **state) {
  (void)state;
  world *w = begin_world((int[]){1}, 1, 2);
  wait_party *asker = &w->parties[0], *worker = &w->parties[1];
  worker->job = "mail";
  worker->number = 42;
  taker job = {.w = w, .session = 1, .pool = 0};
  driver_conn *conn = must_take(w, 0, 0);
  wait_edge waits;
  shunt_error err;
  wait_run_begin(worker, "jobs:42");
  start(&job);
  until_waiting(w, 0, 1);
  assert_int_equal(wait_job_begin(&waits, asker, "jobs:41", "job 'mail' 41", &err), SHUNT_OK); /* another one */
  wait_end(&waits);
  while (wait_job_begin(&waits, asker, "jobs:42", "job 'mail' 42", &err) == SHUNT_OK) { /* not seen yet */
    wait_end(&waits);
    nap();
  }
  assert_int_equal(err.status, SHUNT_E_CONFLICT);
  assert_says(&err, "job 'mail' 42 could never end while it is waited for, and goes on afterwards");
  assert_says(&err,
              "session 1 waits for job 'mail' 42; job 'mail' 42 waits for client 'p0' (level 0), held by session 1");
  pool_release(conn, 0);
  join(&job);
  assert_int_equal(job.status, SHUNT_OK);
  wait_run_end(worker);
  pools_free(w->pools);
}

/* ---- showing ---- */

typedef struct listing {
  int count, nholders[MOST_SESSIONS];
  char waiter[MOST_SESSIONS][64], what[MOST_SESSIONS][64], holder[MOST_SESSIONS][64];
  bool never_negative;
} listing;

static void list(void *ud, const shunt_wait *wait) {
  listing *l = ud;
  int i = l->count++;
  snprintf(l->waiter[i], sizeof l->waiter[i], "%s", wait->waiter);
  snprintf(l->what[i], sizeof l->what[i], "%s %d", wait->job ? wait->job : wait->client, wait->level);
  snprintf(l->holder[i], sizeof l->holder[i], "%s", wait->nholders ? wait->holders[0] : "");
  l->nholders[i] = (int)wait->nholders;
  l->never_negative = wait->waited_ns >= 0 && (i == 0 || l->never_negative);
}

static void those_who_wait_are_shown_who_came_first_first(void **state) {
  (void)state;
  world *w = begin_world((int[]){2}, 1, 4);
  wait_party *runner = &w->parties[3];
  driver_conn *a = must_take(w, 0, 0), *b = must_take(w, 0, 0);
  taker waits = {.w = w, .session = 1, .pool = 0};
  wait_edge job, ink;
  listing l = {.count = 0};
  assert_int_equal(shunt_waits(list, &l, NULL), SHUNT_OK);
  assert_int_equal(l.count, 0);
  assert_int_equal(wait_job_begin(&ink, &w->parties[2], "jobs:7", "job 'ink' 7", NULL), SHUNT_OK);
  start(&waits);
  for (; l.count < 2; assert_int_equal(shunt_waits(list, &l, NULL), SHUNT_OK)) l.count = 0;
  runner->job = "mail";
  runner->number = 42;
  wait_run_begin(runner, "jobs:42");
  assert_int_equal(wait_job_begin(&job, &w->parties[0], "jobs:42", "job 'mail' 42", NULL), SHUNT_OK);
  l.count = 0;
  assert_int_equal(shunt_waits(list, &l, NULL), SHUNT_OK);
  assert_int_equal(l.count, 3);
  assert_string_equal(l.waiter[0], "session 3");
  assert_string_equal(l.what[0], "job 'ink' 7 0");
  assert_int_equal(l.nholders[0], 0);
  assert_string_equal(l.waiter[1], "session 2");
  assert_string_equal(l.what[1], "p0 0");
  assert_int_equal(l.nholders[1], 1);
  assert_string_equal(l.holder[1], "session 1");
  assert_string_equal(l.waiter[2], "session 1");
  assert_string_equal(l.what[2], "job 'mail' 42 0");
  assert_string_equal(l.holder[2], "job 'mail' 42");
  assert_true(l.never_negative);
  wait_run_end(runner);
  wait_end(&job);
  wait_end(&ink);
  pool_release(a, 0);
  pool_release(b, 0);
  join(&waits);
  pools_free(w->pools);
}

/* ---- without memory ---- */

static void with_any_allocation_failing_nothing_is_lost_and_nobody_stays_on_the_queue(void **state) {
  (void)state;
  world *w = begin_world((int[]){1}, 1, 2);
  driver_conn *conn = must_take(w, 0, 0), *none;
  taker waits = {.w = w, .session = 1, .pool = 0};
  wait_edge job;
  shunt_error err;
  faults f;
  assert_int_equal(wait_job_begin(&job, &w->parties[1], "jobs:7", "job 'ink' 7", NULL), SHUNT_OK);
  faults_on(&f);
  int failures = 0;
  for (bool done = false; !done; failures++) {
    f.seen = 0;
    f.fail_at++;
    f.failed = false;
    listing l = {.count = 0};
    shunt_status self = take(w, 0, 0, &none, &err), shown = shunt_waits(list, &l, NULL);
    assert_true(self == SHUNT_E_CONFLICT || (f.failed && self == SHUNT_E_MEMORY));
    assert_int_equal(shown, self == SHUNT_E_MEMORY || !f.failed ? SHUNT_OK : SHUNT_E_MEMORY);
    assert_int_equal(l.count, shown == SHUNT_OK ? 1 : 0);
    assert_int_equal(f.live, 0);
    assert_int_equal(pool_stats_of(w->pools, &w->clients[0], 0).waiting, 0);
    done = !f.failed;
  }
  faults_off();
  assert_true(failures > 2);
  wait_end(&job);
  start(&waits);
  until_waiting(w, 0, 1);
  pool_release(conn, 0);
  join(&waits);
  assert_int_equal(waits.status, SHUNT_OK);
  pools_free(w->pools);
}

/* ---- on random input ---- */

/* What the sessions hold and ask for, written down by themselves. A session that is part of a deadlock has written
 * down all before it stood still, so that it can be read off here; one that works may be a step ahead of it. */
typedef struct model {
  pthread_mutex_t lock;
  int max[MOST_POOLS];
  int held[MOST_SESSIONS][MOST_POOLS];
  int asks[MOST_SESSIONS]; /* the pool; -1: for none */
  uint64_t steps[MOST_SESSIONS];
} model;

typedef struct walker {
  world *w;
  model *m;
  int session;
  bool ordered; /* takes pools in their order alone, as everybody else does, one at most of each */
  rng random;
  pthread_t thread;
  driver_conn *held[64];
  int pools[64], nheld;
  int conflicts, wrong;
} walker;

/* Whether all that could serve the session, and all that could serve those, ask for something as well. *steps is a sum
 * that changes when any of them moves. */
static bool is_stuck(const model *m, const world *w, int session, uint64_t *steps) {
  bool seen[MOST_SESSIONS] = {false};
  int reached[MOST_SESSIONS], count = 0;
  *steps = 0;
  reached[count++] = session;
  seen[session] = true;
  for (int at = 0; at < count; at++) {
    int p = m->asks[reached[at]], held = 0;
    *steps += m->steps[reached[at]];
    if (p < 0) return false;
    for (int i = 0; i < w->nsessions; i++) {
      held += m->held[i][p];
      if (!m->held[i][p] || seen[i]) continue;
      seen[i] = true;
      reached[count++] = i;
    }
    if (held != m->max[p]) return false;
  }
  return true;
}

/* This session, which has been told that it is stuck, gives nothing back while the others are looked at: those who hold
 * it up can't have moved. */
static bool is_real(walker *me) {
  uint64_t before, after;
  pthread_mutex_lock(&me->m->lock);
  bool stuck = is_stuck(me->m, me->w, me->session, &before);
  pthread_mutex_unlock(&me->m->lock);
  for (int i = 0; i < 20; i++) sched_yield();
  pthread_mutex_lock(&me->m->lock);
  stuck = stuck && is_stuck(me->m, me->w, me->session, &after) && before == after;
  pthread_mutex_unlock(&me->m->lock);
  return stuck;
}

static void note(walker *me, int asks, int p, int held) {
  pthread_mutex_lock(&me->m->lock);
  me->m->asks[me->session] = asks;
  me->m->held[me->session][p] += held;
  me->m->steps[me->session]++;
  pthread_mutex_unlock(&me->m->lock);
}

static void give_back(walker *me, int which) {
  note(me, -1, me->pools[which], -1);
  driver_conn *conn = me->held[which];
  if (rng_below(&me->random, 10) == 0) conn->broken = true; /* so that a place is served, too */
  me->nheld--;
  me->held[which] = me->held[me->nheld];
  me->pools[which] = me->pools[me->nheld];
  pool_release(conn, 0);
}

static int next_pool(walker *me) {
  if (!me->ordered) return (int)rng_below(&me->random, (size_t)me->w->npools);
  int last = me->nheld ? me->pools[me->nheld - 1] : -1;
  return last + 1 + (int)rng_below(&me->random, 2);
}

static void ask(walker *me, int p) {
  driver_conn *conn;
  shunt_error err;
  note(me, p, p, 0);
  shunt_status status = take(me->w, me->session, p, &conn, &err);
  me->wrong += status && status != SHUNT_E_CONFLICT;
  if (status) {
    me->conflicts++;
    me->wrong += !is_real(me);
    note(me, -1, p, 0);
    while (me->nheld) give_back(me, me->nheld - 1);
    return;
  }
  note(me, -1, p, 1);
  me->held[me->nheld] = conn;
  me->pools[me->nheld++] = p;
}

static void *walk(void *arg) {
  walker *me = arg;
  for (int i = 0; i < 400; i++) {
    int p = next_pool(me);
    bool full = p >= me->w->npools || me->nheld == 6;
    if (me->nheld && (full || rng_below(&me->random, 3) == 0))
      give_back(me, me->ordered ? me->nheld - 1 : (int)rng_below(&me->random, (size_t)me->nheld));
    else if (!full)
      ask(me, p);
    if (rng_below(&me->random, 4) == 0) sched_yield();
  }
  while (me->nheld) give_back(me, me->nheld - 1);
  return NULL;
}

/* Returns how often a session got the error that it is stuck. */
static int walk_all(rng *r, bool ordered) {
  model m = {.lock = PTHREAD_MUTEX_INITIALIZER};
  int npools = 1 + (int)rng_below(r, 5), nsessions = 2 + (int)rng_below(r, MOST_SESSIONS - 1);
  int conflicts = 0, wrong = 0;
  walker walkers[MOST_SESSIONS];
  for (int i = 0; i < npools; i++) m.max[i] = 1 + (int)rng_below(r, 3);
  world *w = begin_world(m.max, npools, nsessions);
  for (int i = 0; i < nsessions; i++) {
    m.asks[i] = -1;
    walkers[i] = (walker){.w = w, .m = &m, .session = i, .ordered = ordered, .random = {rng_next(r)}};
  }
  for (int i = 0; i < nsessions; i++) assert_int_equal(pthread_create(&walkers[i].thread, NULL, walk, &walkers[i]), 0);
  for (int i = 0; i < nsessions; i++) {
    assert_int_equal(pthread_join(walkers[i].thread, NULL), 0);
    wrong += walkers[i].wrong;
    conflicts += walkers[i].conflicts;
  }
  assert_int_equal(wrong, 0);
  pools_free(w->pools);
  pthread_mutex_destroy(&m.lock);
  return conflicts;
}

/* The watchdog would abort at a deadlock that was not reported. */
static void whoever_is_told_is_stuck_and_nobody_else_is(void **state) {
  (void)state;
  rng r = rng_start("waits");
  int conflicts = 0;
  for (int round = 0; round < 20; round++) conflicts += walk_all(&r, false);
  assert_int_not_equal(conflicts, 0);
}

static void who_keep_to_one_order_are_never_told(void **state) {
  (void)state;
  rng r = rng_start("ordered waits");
  for (int round = 0; round < 20; round++) assert_int_equal(walk_all(&r, true), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_waits_for_what_it_holds_itself_is_told_so_at_once),
      cmocka_unit_test(of_several_that_one_holds_every_one_counts),
      cmocka_unit_test(a_cycle_has_one_loser),
      cmocka_unit_test(one_that_works_is_enough),
      cmocka_unit_test(and_when_it_waits_too_it_is_the_one_to_be_told),
      cmocka_unit_test(one_who_holds_without_a_name_is_taken_to_work),
      cmocka_unit_test(a_job_that_needs_what_who_waits_for_it_holds_is_told_so),
      cmocka_unit_test(who_waits_for_a_job_that_waits_for_it_already_is_told_so),
      cmocka_unit_test(those_who_wait_are_shown_who_came_first_first),
      cmocka_unit_test(with_any_allocation_failing_nothing_is_lost_and_nobody_stays_on_the_queue),
      cmocka_unit_test(whoever_is_told_is_stuck_and_nobody_else_is),
      cmocka_unit_test(who_keep_to_one_order_are_never_told),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
