/* An engine with several writers has a pool for each level, so that no level waits for another's connections. SQLite
 * has one writer and no levels, so the pool is given an engine of its own here, one that connects to nothing. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define driver_for levels_driver_for
#include "pool/pool.c"
#undef driver_for

static bool shared_database(const cat_client *client) { return client == NULL; }

static const driver_engine engine;

static shunt_status open_nothing(const cat_client *client, int64_t deadline_ns, driver_conn **conn, shunt_error *err) {
  *conn = base_zalloc(sizeof **conn);
  if (!*conn) return error_memory(err);
  (void)deadline_ns;
  (*conn)->engine = &engine;
  (*conn)->client = client;
  return SHUNT_OK;
}

static void close_nothing(driver_conn *conn) { base_free(conn); }

static const driver_engine engine = {.name = "nothing",
                                     .levels = true,
                                     .private_database = shared_database,
                                     .open = open_nothing,
                                     .close = close_nothing};

const driver_engine *levels_driver_for(cat_engine which) { return which == CAT_PG ? &engine : NULL; }

static cat_client client = {.name = "pg", .engine = CAT_PG, .pool = {.max = 2, .acquire_timeout_ms = 1}};

static pools *make(void) {
  static cat_client *clients[] = {&client};
  static const catalog c = {.clients = clients, .nclients = 1};
  pools *p = NULL;
  assert_int_equal(pools_new(&c, &p, NULL), SHUNT_OK);
  return p;
}

static void a_level_does_not_wait_for_another(void **state) {
  (void)state;
  pools *p = make();
  enum { LEVELS = 5 };
  driver_conn *held[LEVELS][2], *none;
  shunt_error err;
  for (int level = 0; level < LEVELS; level++) {
    for (int i = 0; i < 2; i++) assert_int_equal(pool_acquire(p, &client, level, 0, &held[level][i], &err), SHUNT_OK);
    assert_int_equal(pool_acquire(p, &client, level, 0, &none, &err), SHUNT_E_TIMEOUT);
    assert_int_equal(pool_counts_of(p, &client, level + 1).open, 0);
  }
  for (int level = 0; level < LEVELS; level++) {
    pool_release(p, held[level][0], level);
    assert_int_equal(pool_counts_of(p, &client, level).busy, 1);
    assert_int_equal(pool_acquire(p, &client, level, 0, &none, &err), SHUNT_OK);
    assert_ptr_equal(none, held[level][0]); /* its own, not another level's */
    for (int i = 0; i < 2; i++) pool_release(p, held[level][i], level);
  }
  pools_free(p);
}

static void *climb(void *arg) {
  pools *p = arg;
  for (int level = 0; level < 200; level++) {
    driver_conn *conn;
    if (pool_acquire(p, &client, level, 0, &conn, NULL)) return arg;
    pool_release(p, conn, level);
  }
  return NULL;
}

static void threads_that_ask_for_new_levels_at_once_get_the_same_pools(void **state) {
  (void)state;
  pools *p = make();
  client.pool.acquire_timeout_ms = 60000;
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, climb, p), 0);
  for (int i = 0; i < 4; i++) {
    void *failed;
    assert_int_equal(pthread_join(threads[i], &failed), 0);
    assert_null(failed);
  }
  client.pool.acquire_timeout_ms = 1;
  int pools_of_client = 0;
  for (pool *pl = &p->clients[0].base; pl; pl = atomic_load(&pl->next)) pools_of_client++;
  assert_int_equal(pools_of_client, 200);
  pools_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_level_does_not_wait_for_another),
      cmocka_unit_test(threads_that_ask_for_new_levels_at_once_get_the_same_pools),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
