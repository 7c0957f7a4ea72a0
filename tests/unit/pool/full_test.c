/* A server that has no place for a further connection: callers wait for those that there are, in their order, and what
 * room there is gets found. */
#include "unit/pool/server.h"

#include <sched.h>

enum { MOST = 8, SOON_MS = 2000 /* far more than the time between two probes */ };

static const cat_pool roomy = {.max = MOST, .acquire_timeout_ms = LONG_MS};

static shunt_pool_stats stats_of(pools *p) { return pool_stats_of(p, &client, 0); }

static void until_waiting(pools *p, int waiting) {
  while (stats_of(p).waiting != waiting) sched_yield();
}

/* The next probe is due, or far away. */
static void probe_at(pools *p, int64_t ns) {
  pool *pl = &p->clients[0]->base;
  pthread_mutex_lock(&pl->lock);
  pl->full_ns = ns;
  waitlist_rouse(&pl->waitlist);
  pthread_mutex_unlock(&pl->lock);
}

typedef struct caller {
  pools *p;
  pthread_t thread;
  int number, rounds, *order;
  atomic_int *served;
  bool keeps;
  driver_conn *conn;
  shunt_status status;
  shunt_error err;
} caller;

static void *call(void *ud) {
  caller *c = ud;
  for (int i = 0; i < c->rounds && !c->status; i++) {
    c->status = pool_acquire(c->p, &(pool_request){.client = &client}, &c->conn, &c->err);
    if (c->status) break;
    if (c->order) c->order[atomic_fetch_add(c->served, 1)] = c->number;
    if (c->keeps) break;
    sched_yield();
    pool_release(c->conn, 0);
  }
  return NULL;
}

static void start(caller *c) { assert_int_equal(pthread_create(&c->thread, NULL, call, c), 0); }

static void finish(caller *c) {
  assert_int_equal(pthread_join(c->thread, NULL), 0);
  if (c->status) fail_msg("%s", c->err.message);
}

static void many_callers_share_what_there_is(void **state) {
  (void)state;
  enum { CALLERS = 24, ROUNDS = 400, PLACES = 3 };
  caller callers[CALLERS];
  pools *p = server_begin(roomy);
  server.places = PLACES;
  server.slow_ms = 20; /* the others are refused before the first one is there */
  for (int i = 0; i < CALLERS; i++) {
    callers[i] = (caller){.p = p, .rounds = ROUNDS};
    start(&callers[i]);
  }
  for (int i = 0; i < CALLERS; i++) finish(&callers[i]);
  shunt_pool_stats s = stats_of(p);
  assert_false(s.circuit_open);
  assert_int_equal(s.busy, 0);
  assert_int_equal(s.waiting, 0);
  assert_in_range(s.open, 1, PLACES);
  assert_int_equal(s.open, atomic_load(&server.open));
  pools_free(p);
}

static void who_came_first_is_served_first(void **state) {
  (void)state;
  enum { N = 6 };
  caller callers[N];
  int order[N];
  atomic_int served = 0;
  pools *p = server_begin(roomy);
  server.places = 1;
  driver_conn *conn = server_acquire(p, 0);
  for (int i = 0; i < N; i++) {
    callers[i] = (caller){.p = p, .rounds = 1, .number = i, .order = order, .served = &served};
    start(&callers[i]);
    until_waiting(p, i + 1);
  }
  int before = server.attempts;
  probe_at(p, 1); /* the first one tries in vain, and is the first one again */
  while (server.attempts == before || stats_of(p).waiting != N) sched_yield();
  pool_release(conn, 0);
  for (int i = 0; i < N; i++) finish(&callers[i]);
  for (int i = 0; i < N; i++) assert_int_equal(order[i], i);
  pools_free(p);
}

static void room_is_found_by_those_that_wait_one_after_the_other(void **state) {
  (void)state;
  enum { N = 5, FIRST = 2 };
  caller callers[N];
  pools *p = server_begin(roomy);
  server.places = FIRST;
  driver_conn *held[FIRST] = {server_acquire(p, 0), server_acquire(p, 0)};
  for (int i = 0; i < N; i++) {
    callers[i] = (caller){.p = p, .rounds = 1, .keeps = true};
    start(&callers[i]);
  }
  until_waiting(p, N);
  server.places = MOST;
  const int64_t since_ns = clock_monotonic_ns();
  for (int i = 0; i < N; i++) finish(&callers[i]);
  assert_true(clock_monotonic_ns() - since_ns < SOON_MS * NS_PER_MS);
  for (int i = 0; i < N; i++) pool_release(callers[i].conn, 0);
  for (int i = 0; i < FIRST; i++) pool_release(held[i], 0);
  assert_int_equal(stats_of(p).open, N + FIRST);
  pools_free(p);
}

static void who_comes_later_probes_too(void **state) {
  (void)state;
  driver_conn *none = NULL;
  pools *p = server_begin((cat_pool){.max = MOST, .acquire_timeout_ms = 1});
  server.places = 1;
  driver_conn *conn = server_acquire(p, 0);
  for (int i = 0; i < 3; i++)
    assert_int_equal(pool_acquire(p, &(pool_request){.client = &client}, &none, NULL), SHUNT_E_TIMEOUT);
  assert_int_equal(server.attempts, 2); /* not each of them */
  server.places = 2;
  probe_at(p, 1);
  driver_conn *second = server_acquire(p, 0);
  pool_release(second, 0);
  pool_release(conn, 0);
  pools_free(p);
}

static void waiting_ends_as_it_is_configured_and_says_what_the_server_said(void **state) {
  (void)state;
  driver_conn *none = NULL;
  shunt_error err;
  pools *p = server_begin((cat_pool){.max = MOST, .acquire_timeout_ms = 900});
  server.places = 2;
  driver_conn *held[] = {server_acquire(p, 0), server_acquire(p, 0)};
  const int64_t since_ns = clock_monotonic_ns();
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client}, &none, &err), SHUNT_E_TIMEOUT);
  const int64_t ms = (clock_monotonic_ns() - since_ns) / NS_PER_MS;
  if (ms < 890 || ms > 900 + SOON_MS) fail_msg("waited %lld ms", (long long)ms); /* the probes in between add nothing */
  if (!strstr(err.message, "all 2 connections of client 'pg' that its server has a place for are busy, and none came "
                           "free within 900 ms; the server says: the server has no place"))
    fail_msg("%s", err.message);
  const int64_t soon_ns = clock_monotonic_ns() + 20 * NS_PER_MS;
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .deadline_ns = soon_ns}, &none, &err),
                   SHUNT_E_TIMEOUT);
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .no_wait = true}, &none, &err), SHUNT_OK);
  assert_null(none);
  assert_false(stats_of(p).circuit_open);
  for (int i = 0; i < 2; i++) pool_release(held[i], 0);
  pools_free(p);
}

static void without_any_connection_it_is_the_servers_error_at_once(void **state) {
  (void)state;
  driver_conn *none = NULL;
  shunt_error err;
  pools *p = server_begin(roomy);
  server.places = 0;
  for (int i = 0; i < CIRCUIT_OPENS_AT; i++) {
    assert_int_equal(pool_acquire(p, &(pool_request){.client = &client}, &none, &err), SHUNT_E_DATASOURCE);
    assert_string_equal(err.sqlstate, "53300");
    assert_string_equal(err.message, "client 'pg': the server has no place");
  }
  assert_true(stats_of(p).circuit_open);
  pools_free(p);
}

static void a_level_without_a_connection_opens_no_circuit_for_one_that_has_some(void **state) {
  (void)state;
  driver_conn *none = NULL;
  pools *p = server_begin(roomy);
  server.places = 1;
  driver_conn *conn = server_acquire(p, 0);
  for (int i = 0; i <= CIRCUIT_OPENS_AT; i++)
    assert_int_equal(pool_acquire(p, &(pool_request){.client = &client, .level = 1}, &none, NULL), SHUNT_E_DATASOURCE);
  assert_false(stats_of(p).circuit_open);
  pool_release(conn, 0);
  conn = server_acquire(p, 0);
  pool_release(conn, 0);
  pools_free(p);
}

static void when_the_last_connection_breaks_those_that_wait_get_the_error(void **state) {
  (void)state;
  enum { N = 3 };
  caller callers[N];
  pools *p = server_begin(roomy);
  server.places = 1;
  driver_conn *conn = server_acquire(p, 0);
  for (int i = 0; i < N; i++) {
    callers[i] = (caller){.p = p, .rounds = 1};
    start(&callers[i]);
  }
  until_waiting(p, N);
  server.places = 0;
  conn->broken = true;
  const int64_t since_ns = clock_monotonic_ns();
  pool_release(conn, 0);
  for (int i = 0; i < N; i++) {
    assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    assert_int_equal(callers[i].status, SHUNT_E_DATASOURCE);
  }
  assert_true(clock_monotonic_ns() - since_ns < SOON_MS * NS_PER_MS);
  assert_int_equal(stats_of(p).open, 0);
  pools_free(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_callers_share_what_there_is),
      cmocka_unit_test(who_came_first_is_served_first),
      cmocka_unit_test(room_is_found_by_those_that_wait_one_after_the_other),
      cmocka_unit_test(who_comes_later_probes_too),
      cmocka_unit_test(waiting_ends_as_it_is_configured_and_says_what_the_server_said),
      cmocka_unit_test(without_any_connection_it_is_the_servers_error_at_once),
      cmocka_unit_test(a_level_without_a_connection_opens_no_circuit_for_one_that_has_some),
      cmocka_unit_test(when_the_last_connection_breaks_those_that_wait_get_the_error),
  };
  return cmocka_run_group_tests_name("a full server", tests, NULL, NULL);
}
