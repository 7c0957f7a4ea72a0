/* The caller that asks first is served first, none is forgotten, and no connection has two holders. */
#define _POSIX_C_SOURCE 200809L
#include "unit/pool/world.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "unit/random.h"

static void until_waiting(world *w, int waiting) {
  while (pool_stats_of(w->pools, &w->d.client, 0).waiting != waiting) sched_yield();
}

typedef struct queuer {
  world *w;
  pthread_t thread;
  int number;
  int *order;
  atomic_int *served;
  atomic_int *gate; /* NULL, or counted down to 0 before any thread starts */
  shunt_status status;
} queuer;

static void *queue_up(void *arg) {
  queuer *q = arg;
  driver_conn *conn = NULL;
  shunt_error err;
  if (q->gate) atomic_fetch_sub(q->gate, 1);
  while (q->gate && atomic_load(q->gate) > 0) sched_yield();
  q->status = pool_acquire(q->w->pools, &(pool_request){.client = &q->w->d.client}, &conn, &err);
  if (q->status) return NULL;
  q->order[atomic_fetch_add(q->served, 1)] = q->number;
  pool_release(conn, 0);
  return NULL;
}

static void who_came_first_is_served_first(void **state) {
  world *w = *state;
  enum { N = 12 };
  w->d.client.pool = (cat_pool){.max = 1, .acquire_timeout_ms = LONG_MS};
  pools_free(w->pools);
  make_pools(w);
  driver_conn *conn = acquire(w);
  queuer queue[N];
  int order[N];
  atomic_int served = 0;
  for (int i = 0; i < N; i++) {
    queue[i] = (queuer){.w = w, .number = i, .order = order, .served = &served};
    assert_int_equal(pthread_create(&queue[i].thread, NULL, queue_up, &queue[i]), 0);
    until_waiting(w, i + 1);
  }
  assert_counts(w, 1, 1, N);
  release(conn);
  for (int i = 0; i < N; i++) {
    assert_int_equal(pthread_join(queue[i].thread, NULL), 0);
    assert_int_equal(queue[i].status, SHUNT_OK);
  }
  for (int i = 0; i < N; i++) assert_int_equal(order[i], i);
  assert_counts(w, 1, 0, 0);
}

static void a_place_that_comes_free_goes_to_who_waits(void **state) {
  world *w = *state;
  w->d.client.pool = (cat_pool){.max = 1, .acquire_timeout_ms = LONG_MS};
  pools_free(w->pools);
  make_pools(w);
  driver_conn *conn = acquire(w);
  int order[1];
  atomic_int served = 0;
  queuer q = {.w = w, .order = order, .served = &served};
  assert_int_equal(pthread_create(&q.thread, NULL, queue_up, &q), 0);
  until_waiting(w, 1);
  conn->broken = true;
  release(conn);
  assert_int_equal(pthread_join(q.thread, NULL), 0);
  assert_int_equal(q.status, SHUNT_OK);
  assert_counts(w, 1, 0, 0);
}

static void who_waits_behind_an_open_that_fails_is_woken(void **state) {
  world *w = *state;
  enum { N = 4 };
  w->d.client.pool = (cat_pool){.max = 1, .acquire_timeout_ms = LONG_MS};
  w->d.client.busy_timeout_ms = 60;
  pools_free(w->pools);
  make_pools(w);
  raw_exec(&w->d, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; INSERT INTO t VALUES (1, 1)");
  queuer queue[N];
  int order[N];
  atomic_int served = 0;
  for (int i = 0; i < N; i++) {
    queue[i] = (queuer){.w = w, .order = order, .served = &served};
    assert_int_equal(pthread_create(&queue[i].thread, NULL, queue_up, &queue[i]), 0);
  }
  for (int i = 0; i < N; i++) {
    assert_int_equal(pthread_join(queue[i].thread, NULL), 0);
    assert_int_equal(queue[i].status, SHUNT_E_DATASOURCE);
  }
  assert_counts(w, 0, 0, 0);
  raw_exec(&w->d, "COMMIT");
}

/* Each brings the file into its journal mode, which two can't at once. */
static void a_new_file_opened_by_all_at_once_lets_all_in(void **state) {
  world *w = *state;
  enum { N = 8, ROUNDS = 40 };
  w->d.client.busy_timeout_ms = LONG_MS;
  w->d.client.pool = (cat_pool){.max = N, .acquire_timeout_ms = LONG_MS};
  for (int round = 0; round < ROUNDS; round++) {
    pools_free(w->pools);
    char path[128];
    snprintf(path, sizeof path, "%s/new.db", w->d.folder);
    w->d.client.filename = path;
    make_pools(w);
    queuer queue[N];
    int order[N];
    atomic_int served = 0, gate = N;
    for (int i = 0; i < N; i++) {
      queue[i] = (queuer){.w = w, .order = order, .served = &served, .gate = &gate};
      assert_int_equal(pthread_create(&queue[i].thread, NULL, queue_up, &queue[i]), 0);
    }
    for (int i = 0; i < N; i++) {
      assert_int_equal(pthread_join(queue[i].thread, NULL), 0);
      assert_int_equal(queue[i].status, SHUNT_OK);
    }
    pools_free(w->pools);
    w->d.client.filename = w->d.filename;
    make_pools(w);
    assert_int_equal(remove(path), 0);
  }
}

enum { MOST = 3 };

typedef struct worker {
  world *w;
  pthread_t thread;
  rng random;
  atomic_int *held;
  int timeouts, acquired, wrong;
} worker;

/* How many hold one is counted beside the pool; if two threads shared one, the thread sanitizer and the
 * stamp would show it. */
static void *work(void *arg) {
  worker *me = arg;
  shunt_error err;
  for (int i = 0; i < 400; i++) {
    driver_conn *conn = NULL;
    shunt_status status = pool_acquire(me->w->pools, &(pool_request){.client = &me->w->d.client}, &conn, &err);
    me->timeouts += status == SHUNT_E_TIMEOUT;
    me->wrong += status != SHUNT_OK && status != SHUNT_E_TIMEOUT;
    if (status) continue;
    me->acquired++;
    if (atomic_fetch_add(me->held, 1) >= MOST) me->wrong++;
    int64_t mine = (int64_t)(rng_next(&me->random) >> 1);
    conn->idle_since_ns = mine;
    if (rng_below(&me->random, 4) == 0) sched_yield();
    const driver_table *t = pool_table(me->w->pools, &me->w->d.client, NULL, "t");
    if ((!t || rng_below(&me->random, 4) == 0) && pool_describe(conn, "t", &t, &err)) me->wrong++;
    if (conn->idle_since_ns != mine) me->wrong++;
    if (rng_below(&me->random, 20) == 0) conn->broken = true;
    if (rng_below(&me->random, 20) == 0) age(&conn->retire_ns);
    atomic_fetch_sub(me->held, 1);
    pool_release(conn, 0);
  }
  return NULL;
}

static void threads_never_hold_more_than_max_nor_the_same_one(void **state) {
  world *w = *state;
  enum { THREADS = 8 };
  rng r = rng_start("pool");
  w->d.client.pool = (cat_pool){.min = 1, .max = MOST, .acquire_timeout_ms = 3, .max_lifetime_ms = 1000 * HOUR_S / 2};
  w->d.client.busy_timeout_ms = LONG_MS;
  pools_free(w->pools);
  make_pools(w);
  worker workers[THREADS];
  atomic_int held = 0;
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (worker){.w = w, .random = {rng_next(&r)}, .held = &held};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
  }
  int acquired = 0;
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    assert_int_equal(workers[i].wrong, 0);
    assert_int_equal(workers[i].acquired + workers[i].timeouts, 400);
    acquired += workers[i].acquired;
  }
  assert_true(acquired > 0);
  shunt_pool_stats counts = pool_stats_of(w->pools, &w->d.client, 0);
  assert_int_equal(counts.busy, 0);
  assert_int_equal(counts.waiting, 0);
  assert_in_range(counts.open, 0, MOST);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(who_came_first_is_served_first),
      TEST(a_place_that_comes_free_goes_to_who_waits),
      TEST(who_waits_behind_an_open_that_fails_is_woken),
      TEST(a_new_file_opened_by_all_at_once_lets_all_in),
      TEST(threads_never_hold_more_than_max_nor_the_same_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
