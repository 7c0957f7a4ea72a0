/* How long a connection is kept, and how long its end may take. */
#include "unit/pool/server.h"

static const int64_t LIFETIME_MS = 1800000;

static void those_opened_together_do_not_end_together(void **state) {
  (void)state;
  enum { N = 60, SHARES = 10 };
  pools *p = server_begin((cat_pool){.max = N, .max_lifetime_ms = LIFETIME_MS});
  driver_conn *all[N];
  int64_t before_ns = clock_monotonic_ns();
  for (int i = 0; i < N; i++) all[i] = server_acquire(p, 0);
  int64_t after_ns = clock_monotonic_ns();
  bool seen[SHARES] = {false};
  for (int i = 0; i < N; i++) {
    double least = (double)(LIFETIME_MS * NS_PER_MS) * 0.9;
    assert_true((double)(all[i]->retire_ns - before_ns) >= least - 1);
    assert_true(all[i]->retire_ns - after_ns <= LIFETIME_MS * NS_PER_MS);
    size_t share = (size_t)(((double)(all[i]->retire_ns - after_ns) - least) / (least / 9) * SHARES);
    seen[share < SHARES ? share : 0] = true;
    pool_release(all[i], 0);
  }
  int shares = 0;
  for (int i = 0; i < SHARES; i++) shares += seen[i];
  assert_true(shares > SHARES / 2);
  pools_free(p);
}

static void a_lifetime_beyond_all_time_never_ends(void **state) {
  (void)state;
  const int64_t endless_ms[] = {0, INT64_MAX, INT64_MAX / 1000, INT64_MAX / 1000000};
  for (size_t i = 0; i < sizeof endless_ms / sizeof *endless_ms; i++) {
    pools *p = server_begin((cat_pool){.max = 1, .max_lifetime_ms = endless_ms[i]});
    driver_conn *conn = server_acquire(p, 0);
    assert_int_equal(conn->retire_ns, 0);
    pool_release(conn, 0);
    pools_free(p);
  }
}

/* The call that began the transaction may have run out of time: that is why it is rolled back. */
static void a_rollback_at_release_has_its_own_time(void **state) {
  (void)state;
  pools *p = server_begin((cat_pool){.max = 1});
  driver_conn *conn;
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .deadline_ns = 1}, &conn, NULL), SHUNT_OK);
  assert_int_equal(conn->deadline_ns, 1);
  conn->in_transaction = true;
  int64_t before_ns = clock_monotonic_ns();
  pool_release(conn, 0);
  assert_true(server.rollback_until_ns >= before_ns + POOL_ROLLBACK_NS);
  assert_true(server.rollback_until_ns <= clock_monotonic_ns() + POOL_ROLLBACK_NS);
  assert_int_equal(conn->deadline_ns, 0);
  pools_free(p);
}

/* No server answers on it: closing it ends the transaction. */
static void a_broken_connection_is_not_asked_to_roll_back(void **state) {
  (void)state;
  pools *p = server_begin((cat_pool){.max = 1});
  driver_conn *conn = server_acquire(p, 0);
  conn->in_transaction = conn->broken = true;
  server.rollback_until_ns = 0;
  pool_release(conn, 0);
  assert_int_equal(server.rollback_until_ns, 0);
  assert_int_equal(pool_stats_of(p, &client, 0).closed, 1);
  pools_free(p);
}

static driver_conn *acquire_with(pools *p, driver_variables *variables) {
  driver_conn *conn = NULL;
  const pool_request request = {.client = &client, .variables = variables};
  assert_int_equal(pool_acquire(p, &request, &conn, NULL), SHUNT_OK);
  return conn;
}

static void a_connection_with_the_same_variables_is_preferred(void **state) {
  (void)state;
  enum { N = 4 };
  pools *p = server_begin((cat_pool){.max = N});
  driver_variables *of[N];
  driver_conn *all[N];
  for (int i = 0; i < N; i++) {
    of[i] = variables_new((const char *[]){"SET a = 0", "SET a = 1", "SET a = 2", "SET a = 3"}[i], "");
    assert_non_null(of[i]);
    all[i] = server_acquire(p, 0);
    all[i]->variables = variables_share(of[i]);
  }
  for (int i = 0; i < N; i++) pool_release(all[i], 0);
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < N; i++) {
      driver_conn *conn = acquire_with(p, of[i]);
      assert_ptr_equal(conn, all[i]);
      pool_release(conn, 0);
    }
  driver_variables *others = variables_new("SET a = 9", "");
  assert_ptr_equal(acquire_with(p, others), all[N - 1]); /* the one that was used last */
  pool_release(all[N - 1], 0);
  for (int i = 0; i < N; i++) {
    driver_forget_variables(all[i]);
    variables_drop(of[i]);
  }
  variables_drop(others);
  pools_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(those_opened_together_do_not_end_together),
      cmocka_unit_test(a_lifetime_beyond_all_time_never_ends),
      cmocka_unit_test(a_rollback_at_release_has_its_own_time),
      cmocka_unit_test(a_connection_with_the_same_variables_is_preferred),
      cmocka_unit_test(a_broken_connection_is_not_asked_to_roll_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
