/* Unused connections are closed without another call, and the thread that does it exists only meanwhile. */
#include "unit/pool/server.h"

#include <dirent.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit/random.h"

enum { SHORT_MS = 30, PATIENCE_MS = 10000 };

static void nap_ms(int64_t ms) {
  const struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};
  nanosleep(&span, NULL);
}

static int threads(void) {
  DIR *tasks = opendir("/proc/self/task");
  int n = -2; /* . and .. */
  assert_non_null(tasks);
  while (readdir(tasks)) n++;
  closedir(tasks);
  return n;
}

static int threads_before; /* a sanitizer has its own */

static int count_threads(void **state) {
  (void)state;
  threads_before = threads();
  return 0;
}

/* Waits without using the pools, which would close old connections on the way. */
static void await_open(int open) {
  const int64_t until_ns = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
  while (atomic_load(&server.open) > open && clock_monotonic_ns() < until_ns) nap_ms(1);
  assert_int_equal(atomic_load(&server.open), open);
}

static void await_no_keeper(void) {
  const int64_t until_ns = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
  while (threads() > threads_before && clock_monotonic_ns() < until_ns) nap_ms(1);
  assert_int_equal(threads(), threads_before);
}

static void use_some(pools *p, int level, int n) {
  driver_conn *all[64];
  for (int i = 0; i < n; i++) all[i] = server_acquire(p, level);
  for (int i = 0; i < n; i++) pool_release(all[i], level);
}

static void closes_what_is_idle_for_too_long_down_to_min(void **state) {
  (void)state;
  pools *p = server_begin((cat_pool){.min = 1, .max = 4, .idle_timeout_ms = SHORT_MS});
  const int64_t before_ns = clock_monotonic_ns();
  use_some(p, 0, 4);
  await_open(1);
  assert_true(clock_monotonic_ns() - before_ns >= SHORT_MS / 2 * NS_PER_MS); /* the coarse clock is some ms late */
  assert_int_equal(pool_stats_of(p, &client, 0).closed, 3);
  await_no_keeper();
  pools_free(p);
}

static void closes_what_is_past_its_lifetime_even_below_min(void **state) {
  (void)state;
  pools *p = server_begin((cat_pool){.min = 3, .max = 4, .max_lifetime_ms = SHORT_MS});
  use_some(p, 0, 3);
  await_open(0);
  await_no_keeper();
  pools_free(p);
}

static void closes_the_connections_of_many_pools_that_are_not_used_again(void **state) {
  (void)state;
  enum { LEVELS = 200 };
  pools *p = server_begin((cat_pool){.max = 4, .idle_timeout_ms = SHORT_MS});
  for (int level = 0; level < LEVELS; level++) use_some(p, level, 1 + level % 3);
  await_open(0);
  await_no_keeper();
  use_some(p, 7, 2); /* a new thread */
  await_open(0);
  pools_free(p);
}

static void leaves_alone_what_is_used_again(void **state) {
  (void)state;
  enum { TIMEOUT_MS = 400 };
  pools *p = server_begin((cat_pool){.max = 4, .idle_timeout_ms = TIMEOUT_MS});
  const int64_t until_ns = clock_monotonic_ns() + 3 * TIMEOUT_MS * NS_PER_MS;
  while (clock_monotonic_ns() < until_ns) {
    use_some(p, 0, 1);
    nap_ms(2);
  }
  assert_int_equal(pool_stats_of(p, &client, 0).opened, 1);
  pools_free(p);
}

static void without_limits_there_is_no_thread(void **state) {
  (void)state;
  pools *p = server_begin((cat_pool){.max = 4});
  use_some(p, 0, 4);
  assert_int_equal(threads(), threads_before);
  pools_free(p);
}

/* The keeper sleeps for a minute when the second client needs it. */
static void a_sooner_end_wakes_it(void **state) {
  (void)state;
  static cat_client *clients[] = {&client, &other};
  static const catalog c = {.clients = clients, .nclients = 2};
  pools *p = NULL;
  pools_free(server_begin((cat_pool){.max = 2, .idle_timeout_ms = LONG_MS}));
  other.pool.idle_timeout_ms = SHORT_MS;
  assert_int_equal(pools_new(&c, NULL, NULL, &p, NULL), SHUNT_OK);
  use_some(p, 0, 2);
  nap_ms(SHORT_MS);
  driver_conn *conn = NULL;
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &other}, &conn, NULL), SHUNT_OK);
  pool_release(conn, 0);
  await_open(2);
  const int64_t before_ns = clock_monotonic_ns();
  pools_free(p);
  assert_true(clock_monotonic_ns() - before_ns < LONG_MS / 2 * NS_PER_MS);
  assert_int_equal(atomic_load(&server.open), 0);
  assert_int_equal(threads(), threads_before);
}

#ifndef __SANITIZE_THREAD__ /* which allows no thread after a fork */
static int idle(pools *p, int level) {
  const shunt_pool_stats stats = pool_stats_of(p, &client, level);
  return stats.open - stats.busy;
}

static void a_child_after_a_fork_has_one_of_its_own(void **state) {
  (void)state;
  enum { FORKS = 20 };
  pools *p = server_begin((cat_pool){.max = 8, .idle_timeout_ms = 1});
  for (int i = 0; i < FORKS; i++) {
    use_some(p, i % 4, 8);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      alarm(PATIENCE_MS / 1000);
      nap_ms(SHORT_MS);      /* what the parent has noted is over */
      use_some(p, i % 4, 8); /* those that the parent left idle, and new ones */
      const int64_t until_ns = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
      while (idle(p, i % 4) && clock_monotonic_ns() < until_ns) nap_ms(1);
      const int left = idle(p, i % 4);
      _exit(left > 0);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
  }
  pools_free(p);
}
#endif

/* ---- many threads, and reloads meanwhile ---- */

typedef struct crowd {
  pthread_mutex_t lock; /* protects newest */
  pools *newest;
  atomic_bool over;
} crowd;

static cat_client crowd_clients[6];
static cat_client *crowd_list[6];

/* Some clients keep their settings, and with them their pools; others have new ones. */
static pools *next_generation(crowd *c, rng *r) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
  for (uint32_t i = 0; i < 6; i++) {
    const int max = c->newest && rng_below(r, 3) ? crowd_clients[i].pool.max : 1 + (int)rng_below(r, 3);
    crowd_clients[i] = (cat_client){.id = i, .name = names[i], .engine = CAT_PG};
    crowd_clients[i].pool = (cat_pool){.max = max,
                                       .acquire_timeout_ms = LONG_MS,
                                       .idle_timeout_ms = 1 + (int64_t)rng_below(r, 30),
                                       .max_lifetime_ms = 1 + (int64_t)rng_below(r, 90)};
    crowd_list[i] = &crowd_clients[i];
  }
  pools *p = NULL;
  assert_int_equal(pools_new(&(catalog){.clients = crowd_list, .nclients = 6}, c->newest, NULL, &p, NULL), SHUNT_OK);
  return p;
}

typedef struct member {
  crowd *c;
  pthread_t thread;
  rng r;
} member;

static void *work(void *arg) {
  member *m = arg;
  while (!atomic_load(&m->c->over)) {
    pthread_mutex_lock(&m->c->lock); /* a session holds its generation: here, the lock does */
    client_pools *cp = m->c->newest->clients[rng_below(&m->r, 6)];
    const int level = (int)rng_below(&m->r, 3);
    driver_conn *conn = NULL;
    const pool_request request = {.client = &cp->client, .level = level, .no_wait = true};
    shunt_status status = pool_acquire(m->c->newest, &request, &conn, NULL);
    pthread_mutex_unlock(&m->c->lock);
    assert_int_equal(status, SHUNT_OK);
    if (!conn) continue;
    if (rng_below(&m->r, 2)) nap_ms(1);
    pool_release(conn, level);
    if (rng_below(&m->r, 4) == 0) nap_ms((int64_t)rng_below(&m->r, 5));
  }
  return NULL;
}

static void keeps_order_among_threads_and_reloads(void **state) {
  (void)state;
  enum { MEMBERS = 6, RELOADS = 40 };
  rng r = rng_start("keeper, threads and reloads");
  crowd c = {.lock = PTHREAD_MUTEX_INITIALIZER};
  pools *kept[RELOADS]; /* sessions of old generations: their connections come back late */
  pools_free(server_begin((cat_pool){.max = 1}));
  c.newest = next_generation(&c, &r);
  atomic_init(&c.over, false);
  member all[MEMBERS];
  for (int i = 0; i < MEMBERS; i++) {
    all[i] = (member){.c = &c, .r = {rng_next(&r)}};
    assert_int_equal(pthread_create(&all[i].thread, NULL, work, &all[i]), 0);
  }
  for (int i = 0; i < RELOADS; i++) {
    nap_ms((int64_t)rng_below(&r, 20));
    pthread_mutex_lock(&c.lock);
    kept[i] = c.newest;
    c.newest = next_generation(&c, &r);
    pools_drain(kept[i], c.newest);
    pthread_mutex_unlock(&c.lock);
  }
  atomic_store(&c.over, true);
  for (int i = 0; i < MEMBERS; i++) assert_int_equal(pthread_join(all[i].thread, NULL), 0);
  for (int i = 0; i < RELOADS; i++) pools_free(kept[i]);
  await_open(0);
  pools_free(c.newest);
  assert_int_equal(threads(), threads_before);
}

static void *do_nothing(void *arg) { return arg; }

/* A sanitizer starts a thread of its own with the first of the program's. */
static int start_a_thread(void **state) {
  pthread_t thread;
  (void)state;
  return pthread_create(&thread, NULL, do_nothing, NULL) || pthread_join(thread, NULL);
}

#define TEST(name) cmocka_unit_test_setup(name, count_threads)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(closes_what_is_idle_for_too_long_down_to_min),
      TEST(closes_what_is_past_its_lifetime_even_below_min),
      TEST(closes_the_connections_of_many_pools_that_are_not_used_again),
      TEST(leaves_alone_what_is_used_again),
      TEST(without_limits_there_is_no_thread),
      TEST(a_sooner_end_wakes_it),
#ifndef __SANITIZE_THREAD__
      TEST(a_child_after_a_fork_has_one_of_its_own),
#endif
      TEST(keeps_order_among_threads_and_reloads),
  };
  return cmocka_run_group_tests(tests, start_a_thread, NULL);
}
