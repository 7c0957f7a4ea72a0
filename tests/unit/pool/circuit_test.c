/* A server that is down costs its callers an error, not their time, and is found to be back by one of them. */
#include "unit/pool/server.h"

#include <sched.h>

#include "unit/random.h"

static circuit *circuit_of(pools *p) { return &p->clients[0]->circuit; }

static void retry_at(pools *p, int64_t ns) {
  pthread_mutex_lock(&circuit_of(p)->lock);
  circuit_of(p)->retry_ns = ns;
  pthread_mutex_unlock(&circuit_of(p)->lock);
}

/* As if the back-off had passed. */
static void pass(pools *p) { retry_at(p, 0); }

/* The back-off lasts, however slow the machine is. */
static void hold(pools *p) { retry_at(p, INT64_MAX); }

static void assert_refused(pools *p, int level, shunt_status expected, const char *words) {
  driver_conn *none = (driver_conn *)p;
  shunt_error err;
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .level = level}, &none, &err), expected);
  assert_null(none);
  assert_int_equal(err.status, expected);
  if (!strstr(err.message, words)) fail_msg("'%s' does not say '%s'", err.message, words);
}

/* Down, and known to be. */
static pools *begin_down(cat_pool limits) {
  pools *p = server_begin(limits);
  server.refuse = SHUNT_E_DATASOURCE;
  for (int i = 0; i < CIRCUIT_OPENS_AT; i++) assert_refused(p, 0, SHUNT_E_DATASOURCE, "was refused");
  assert_int_equal(server.attempts, CIRCUIT_OPENS_AT);
  hold(p);
  return p;
}

static const cat_pool some = {.max = 2, .acquire_timeout_ms = LONG_MS};

static void after_five_failures_in_a_row_the_server_is_left_alone(void **state) {
  (void)state;
  pools *p = begin_down(some);
  driver_conn *none = NULL;
  shunt_error err;
  assert_refused(p, 0, SHUNT_E_DATASOURCE, "client 'pg' is considered down: 5 attempts in a row");
  assert_refused(p, 0, SHUNT_E_DATASOURCE, "The last failure: attempt 4 was refused");
  assert_refused(p, 0, SHUNT_E_DATASOURCE, " ms. ");
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client}, &none, &err), SHUNT_E_DATASOURCE);
  assert_string_equal(err.client, "pg");
  assert_string_equal(err.sqlstate, "08006");
  assert_int_equal(err.engine_code, 1234);
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client}, &none, NULL), SHUNT_E_DATASOURCE);
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .no_wait = true}, &none, &err),
                   SHUNT_E_DATASOURCE);
  assert_int_equal(server.attempts, CIRCUIT_OPENS_AT);
  shunt_pool_stats stats = pool_stats_of(p, &client, 0);
  assert_true(stats.circuit_open);
  assert_true(stats.retry_ms > 0);
  assert_int_equal(stats.failed, CIRCUIT_OPENS_AT); /* those that were made */
  assert_int_equal(stats.open, 0);
  pools_free(p);
}

static void a_success_among_failures_starts_the_count_anew(void **state) {
  (void)state;
  pools *p = server_begin(some);
  for (int round = 0; round < 3; round++) {
    server.refuse = SHUNT_E_DATASOURCE;
    for (int i = 1; i < CIRCUIT_OPENS_AT; i++) assert_refused(p, 0, SHUNT_E_DATASOURCE, "was refused");
    server.refuse = SHUNT_OK;
    driver_conn *conn = server_acquire(p, 0);
    conn->broken = true;
    pool_release(conn, 0);
  }
  assert_false(pool_stats_of(p, &client, 0).circuit_open);
  pools_free(p);
}

static void failures_at_every_level_count_together_and_for_one_client_alone(void **state) {
  (void)state;
  pools *p = server_begin(some);
  driver_conn *conn = NULL;
  server.refuse = SHUNT_E_DATASOURCE;
  for (int level = 0; level < CIRCUIT_OPENS_AT; level++) assert_refused(p, level, SHUNT_E_DATASOURCE, "was refused");
  hold(p);
  assert_refused(p, 9, SHUNT_E_DATASOURCE, "considered down");
  assert_true(pool_stats_of(p, &client, 20).circuit_open);
  server.refuse = SHUNT_OK;
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &other}, &conn, NULL), SHUNT_OK);
  pool_release(conn, 0);
  pools_free(p);
}

static void what_says_nothing_about_the_server_does_not_count(void **state) {
  (void)state;
  pools *p = server_begin(some);
  static const shunt_status ours[] = {SHUNT_E_CONFIG, SHUNT_E_MEMORY, SHUNT_E_TIMEOUT};
  for (size_t k = 0; k < sizeof ours / sizeof *ours; k++) {
    server.refuse = ours[k];
    for (int i = 0; i < 2 * CIRCUIT_OPENS_AT; i++) assert_refused(p, 0, ours[k], "was refused");
  }
  assert_int_equal(pool_stats_of(p, &client, 0).failed, 6 * CIRCUIT_OPENS_AT);
  pools_free(p);
}

static void a_caller_who_was_patient_counts(void **state) {
  (void)state;
  pools *p = server_begin(some);
  circuit_attempt attempt;
  shunt_error err;
  error_set(&err, SHUNT_E_TIMEOUT, "it did not answer");
  for (int i = 0; i < CIRCUIT_OPENS_AT; i++) {
    assert_int_equal(circuit_enter(circuit_of(p), "pg", &attempt, NULL), SHUNT_OK);
    attempt.started_ns -= 1000 * NS_PER_MS;
    circuit_leave(circuit_of(p), &attempt, SHUNT_E_TIMEOUT, &err);
  }
  hold(p);
  assert_refused(p, 0, SHUNT_E_DATASOURCE, "The last failure: it did not answer");
  pools_free(p);
}

/* ---- probing ---- */

static pools *probed;
static int refused_meanwhile;

static void others_fail_fast(void) {
  server.while_opening = NULL;
  assert_refused(probed, 0, SHUNT_E_DATASOURCE, "the next one is being made right now");
  assert_refused(probed, 3, SHUNT_E_DATASOURCE, "the next one is being made right now");
  assert_int_equal(pool_load(probed, &client), INT_MAX);
  refused_meanwhile++;
}

static void one_alone_probes_and_its_success_lets_all_in(void **state) {
  (void)state;
  /* with a single place, too, those who come meanwhile don't wait for the one who probes */
  for (int max = 1; max <= 2; max++) {
    pools *p = probed = begin_down((cat_pool){.max = max, .acquire_timeout_ms = LONG_MS});
    assert_int_equal(pool_load(p, &client), INT_MAX);
    refused_meanwhile = 0;
    pass(p);
    assert_int_equal(pool_load(p, &client), 0);
    server.while_opening = others_fail_fast;
    assert_refused(p, 0, SHUNT_E_DATASOURCE, "attempt 5 was refused");
    hold(p);
    assert_refused(p, 0, SHUNT_E_DATASOURCE, "6 attempts in a row");
    pass(p);
    server.while_opening = others_fail_fast;
    server.refuse = SHUNT_OK;
    driver_conn *conn = server_acquire(p, 0), *another = server_acquire(p, 1);
    assert_int_equal(refused_meanwhile, 2);
    assert_int_equal(server.attempts, CIRCUIT_OPENS_AT + 3);
    assert_false(pool_stats_of(p, &client, 0).circuit_open);
    pool_release(conn, 0);
    pool_release(another, 1);
    pools_free(p);
  }
}

static void a_probe_that_tells_nothing_leaves_it_to_the_next(void **state) {
  (void)state;
  pools *p = begin_down(some);
  pass(p);
  server.refuse = SHUNT_E_TIMEOUT;
  for (int i = 0; i < 3; i++) assert_refused(p, 0, SHUNT_E_TIMEOUT, "was refused");
  assert_true(pool_stats_of(p, &client, 0).circuit_open);
  server.refuse = SHUNT_OK;
  pool_release(server_acquire(p, 0), 0);
  assert_false(pool_stats_of(p, &client, 0).circuit_open);
  pools_free(p);
}

static void the_back_off_doubles_up_to_a_second(void **state) {
  (void)state;
  pools *p = begin_down(some);
  for (int i = 0; i < 12; i++) {
    const double ms = i < 3 ? 200 << i : 1000;
    pass(p);
    circuit_of(p)->failures = CIRCUIT_OPENS_AT - 1 + i;
    int64_t before_ns = clock_monotonic_ns();
    assert_refused(p, 0, SHUNT_E_DATASOURCE, "was refused");
    int64_t after_ns = clock_monotonic_ns(), retry_ns = circuit_of(p)->retry_ns;
    assert_true((double)(retry_ns - before_ns) >= ms * 0.8 * 1e6 - 1);
    assert_true((double)(retry_ns - after_ns) <= ms * 1.2 * 1e6 + 1);
  }
  pools_free(p);
}

enum { AT_ONCE = 30 };

static void more_at_once(void) {
  driver_conn *none;
  if (server.attempts < AT_ONCE)
    assert_int_not_equal(
        pool_acquire(probed, &(pool_request){.client = &client, .level = server.attempts}, &none, NULL), 0);
}

static void attempts_that_were_under_way_do_not_lengthen_the_back_off(void **state) {
  (void)state;
  pools *p = probed = server_begin(some);
  server.refuse = SHUNT_E_DATASOURCE;
  server.while_opening = more_at_once;
  assert_refused(p, 0, SHUNT_E_DATASOURCE, "was refused");
  assert_int_equal(server.attempts, AT_ONCE);
  assert_int_equal(circuit_of(p)->failures, CIRCUIT_OPENS_AT);
  pools_free(p);
}

/* ---- beside it ---- */

static driver_conn *dead;
static bool all_but_dead(driver_conn *conn) { return conn != dead; }

static void idle_connections_that_live_are_given_out_all_the_same(void **state) {
  (void)state;
  pools *p = server_begin(some);
  driver_conn *a = server_acquire(p, 0), *b = server_acquire(p, 0);
  server.refuse = SHUNT_E_DATASOURCE;
  for (int i = 0; i < CIRCUIT_OPENS_AT; i++) assert_refused(p, 1, SHUNT_E_DATASOURCE, "was refused");
  hold(p);
  pool_release(a, 0);
  pool_release(b, 0);
  b->idle_since_ns--; /* not of this very tick of the clock: within it, no check is made */
  dead = b;
  server.alive = all_but_dead;
  assert_ptr_equal(server_acquire(p, 0), a);
  assert_int_equal(pool_stats_of(p, &client, 0).closed, 1);
  assert_int_equal(pool_stats_of(p, &client, 0).acquired, 3);
  assert_refused(p, 0, SHUNT_E_DATASOURCE, "considered down");
  pool_release(a, 0);
  pools_free(p);
}

/* ---- threads ---- */

typedef struct caller {
  pools *p;
  pthread_t thread;
  rng random;
  atomic_int *held;
  int acquired, refused, timeouts, wrong;
} caller;

static void *ask_once(void *arg) {
  caller *me = arg;
  driver_conn *conn = NULL;
  shunt_status status = pool_acquire(me->p, &(pool_request){.client = &client}, &conn, NULL);
  me->refused += status == SHUNT_E_DATASOURCE;
  if (!status) pool_release(conn, 0);
  return NULL;
}

/* They would wait a minute each. */
static void who_waits_when_the_server_goes_down_is_told_at_once(void **state) {
  (void)state;
  enum { N = 12 };
  pools *p = server_begin((cat_pool){.max = 1, .acquire_timeout_ms = LONG_MS});
  driver_conn *conn = server_acquire(p, 0);
  caller callers[N];
  for (int i = 0; i < N; i++) {
    callers[i] = (caller){.p = p};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, ask_once, &callers[i]), 0);
  }
  while (pool_stats_of(p, &client, 0).waiting < N) sched_yield();
  driver_conn *none = conn;
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .no_wait = true}, &none, NULL), SHUNT_OK);
  assert_null(none);
  server.refuse = SHUNT_E_DATASOURCE;
  conn->broken = true;
  pool_release(conn, 0);
  for (int i = 0; i < N; i++) {
    assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    assert_int_equal(callers[i].refused, 1);
  }
  shunt_pool_stats stats = pool_stats_of(p, &client, 0);
  assert_int_equal(stats.open + stats.waiting, 0);
  assert_true(stats.circuit_open);
  assert_true(stats.waited_ns > 0);
  pools_free(p);
}

enum { MOST = 3, ROUNDS = 3000 };

static void *work(void *arg) {
  caller *me = arg;
  for (int i = 0; i < ROUNDS; i++) {
    driver_conn *conn = NULL;
    bool patient = rng_below(&me->random, 4) > 0;
    if (rng_below(&me->random, 50) == 0)
      atomic_store(&server.refuse, rng_below(&me->random, 3) ? SHUNT_OK : SHUNT_E_DATASOURCE);
    if (rng_below(&me->random, 50) == 0) pass(me->p);
    shunt_status status = pool_acquire(me->p, &(pool_request){.client = &client, .no_wait = !patient}, &conn, NULL);
    me->refused += status == SHUNT_E_DATASOURCE;
    me->timeouts += status == SHUNT_E_TIMEOUT;
    me->wrong += status && status != SHUNT_E_DATASOURCE && status != SHUNT_E_TIMEOUT;
    me->wrong += !status && patient && !conn;
    if (!conn) continue;
    me->acquired++;
    if (atomic_fetch_add(me->held, 1) >= MOST) me->wrong++;
    if (rng_below(&me->random, 8) == 0) sched_yield();
    if (rng_below(&me->random, 4) == 0) conn->broken = true;
    atomic_fetch_sub(me->held, 1);
    pool_release(conn, 0);
  }
  return NULL;
}

static void places_are_not_lost_while_the_server_comes_and_goes(void **state) {
  (void)state;
  enum { THREADS = 8 };
  rng r = rng_start("circuit");
  pools *p = server_begin((cat_pool){.max = MOST, .acquire_timeout_ms = 20});
  caller callers[THREADS];
  atomic_int held = 0;
  for (int i = 0; i < THREADS; i++) {
    callers[i] = (caller){.p = p, .random = {rng_next(&r)}, .held = &held};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, work, &callers[i]), 0);
  }
  int acquired = 0, refused = 0, timeouts = 0;
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    assert_int_equal(callers[i].wrong, 0);
    acquired += callers[i].acquired;
    refused += callers[i].refused;
    timeouts += callers[i].timeouts;
  }
  shunt_pool_stats stats = pool_stats_of(p, &client, 0);
  assert_int_equal(stats.busy + stats.waiting, 0);
  assert_int_equal(stats.acquired, acquired);
  assert_int_equal(stats.timeouts, timeouts);
  assert_int_equal(stats.opened - stats.closed, stats.open);
  assert_int_equal(stats.opened + stats.failed, server.attempts);
  assert_true(stats.failed <= refused);
  assert_true(acquired > 0 && refused > 0);
  pass(p);
  server.refuse = SHUNT_OK;
  pool_release(server_acquire(p, 0), 0); /* and it works again */
  pools_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(after_five_failures_in_a_row_the_server_is_left_alone),
      cmocka_unit_test(a_success_among_failures_starts_the_count_anew),
      cmocka_unit_test(failures_at_every_level_count_together_and_for_one_client_alone),
      cmocka_unit_test(what_says_nothing_about_the_server_does_not_count),
      cmocka_unit_test(a_caller_who_was_patient_counts),
      cmocka_unit_test(one_alone_probes_and_its_success_lets_all_in),
      cmocka_unit_test(a_probe_that_tells_nothing_leaves_it_to_the_next),
      cmocka_unit_test(the_back_off_doubles_up_to_a_second),
      cmocka_unit_test(attempts_that_were_under_way_do_not_lengthen_the_back_off),
      cmocka_unit_test(idle_connections_that_live_are_given_out_all_the_same),
      cmocka_unit_test(who_waits_when_the_server_goes_down_is_told_at_once),
      cmocka_unit_test(places_are_not_lost_while_the_server_comes_and_goes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
