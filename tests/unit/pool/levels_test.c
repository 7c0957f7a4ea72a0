/* An engine with several writers has a pool for each level, so that no level waits for another's connections. */
#include "unit/pool/server.h"

static void a_level_does_not_wait_for_another(void **state) {
  (void)state;
  pools *p = server_begin((cat_pool){.max = 2, .acquire_timeout_ms = 1});
  enum { LEVELS = 5 };
  driver_conn *held[LEVELS][2], *none;
  shunt_error err;
  for (int level = 0; level < LEVELS; level++) {
    for (int i = 0; i < 2; i++)
      assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .level = level}, &held[level][i], &err),
                       SHUNT_OK);
    assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .level = level}, &none, &err), SHUNT_E_TIMEOUT);
    assert_int_equal(pool_stats_of(p, &client, level + 1).open, 0);
  }
  for (int level = 0; level < LEVELS; level++) {
    pool_release(held[level][0], level);
    assert_int_equal(pool_stats_of(p, &client, level).busy, 1);
    assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .level = level}, &none, &err), SHUNT_OK);
    assert_ptr_equal(none, held[level][0]); /* its own, not another level's */
    for (int i = 0; i < 2; i++) pool_release(held[level][i], level);
  }
  pools_free(p);
}

static void *climb(void *arg) {
  pools *p = arg;
  for (int level = 0; level < 200; level++) {
    driver_conn *conn;
    if (pool_acquire(p, &(pool_request){.client = &client, .level = level}, &conn, NULL)) return arg;
    pool_release(conn, level);
  }
  return NULL;
}

typedef struct listing {
  const char *client[300];
  int level[300];
  int64_t acquired;
  int count;
} listing;

static void list(void *ud, const shunt_pool_stats *stats) {
  listing *l = ud;
  l->client[l->count] = stats->client;
  l->level[l->count++] = stats->level;
  l->acquired += stats->acquired;
}

static void threads_that_ask_for_new_levels_at_once_get_the_same_pools(void **state) {
  (void)state;
  pools *p = server_begin((cat_pool){.max = 2, .acquire_timeout_ms = LONG_MS});
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, climb, p), 0);
  for (int i = 0; i < 4; i++) {
    void *failed;
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
  }
  listing all = {.count = 0};
  pools_each(p, list, &all);
  assert_int_equal(all.count, 201); /* and level 0 of the client, which was not used */
  assert_int_equal(all.acquired, 800);
  pools_free(p);
}

static void pools_are_told_client_by_client_and_level_by_level(void **state) {
  (void)state;
  pools *p = server_begin((cat_pool){.max = 2, .acquire_timeout_ms = 1});
  const int used[] = {7, 2, 5};
  for (int i = 0; i < 3; i++) pool_release(server_acquire(p, used[i]), used[i]);
  listing all = {.count = 0};
  pools_each(p, list, &all);
  const int expected[] = {0, 2, 5, 7, 0};
  assert_int_equal(all.count, 5);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(all.level[i], expected[i]);
    assert_string_equal(all.client[i], i < 4 ? "pg" : "other");
  }
  pools_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_level_does_not_wait_for_another),
      cmocka_unit_test(threads_that_ask_for_new_levels_at_once_get_the_same_pools),
      cmocka_unit_test(pools_are_told_client_by_client_and_level_by_level),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
