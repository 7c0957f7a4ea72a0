/* What happens to connections and circuits is reported, and under no lock. */
#include "unit/pool/server.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
  char log[2000]; /* a word an event: "opened", "closed:reason" */
  pools *look_at;
  int looks;
} seen;

static void count_look(void *ud, const shunt_pool_stats *stats) {
  (void)ud;
  seen.looks += stats->max > 0;
}

/* Asks the pools, which would never return if the lock of one were held. */
static void note(void *ud, const shunt_event *event) {
  (void)ud;
  const shunt_value *reason = shunt_event_field(event, "reason"), *name = shunt_event_field(event, "client");
  size_t used = strlen(seen.log);
  assert_non_null(name);
  assert_string_equal(name->as.bytes, "pg");
  snprintf(seen.log + used, sizeof seen.log - used, "%s%s%s\n", shunt_event_name(event->kind), reason ? ": " : "",
           reason ? reason->as.bytes : "");
  if (seen.look_at) pools_each(seen.look_at, count_look, NULL);
}

static pools *begin(cat_pool limits) {
  memset(&seen, 0, sizeof seen);
  server_events = events_new();
  assert_non_null(server_events);
  events_set(server_events, SHUNT_DEBUG, note, NULL);
  return seen.look_at = server_begin(limits);
}

static void end(pools *p) {
  seen.look_at = NULL; /* pools that end must not be looked at */
  pools_free(p);
  events_free(server_events);
  server_events = NULL;
}

static void saw(const char *log) {
  assert_string_equal(seen.log, log);
  seen.log[0] = 0;
}

static const cat_pool some = {.max = 2, .acquire_timeout_ms = LONG_MS};

static void reports_that_connections_are_opened_and_closed_and_why(void **state) {
  (void)state;
  pools *p = begin(some);
  driver_conn *conn = server_acquire(p, 0);
  saw("connection.opened\n");
  pool_release(conn, 0);
  pool_release(server_acquire(p, 0), 0);
  saw("");
  conn = server_acquire(p, 0);
  conn->broken = true;
  pool_release(conn, 0);
  saw("connection.closed: it is broken\n");
  conn = server_acquire(p, 3);
  conn->altered = true;
  pool_release(conn, 3);
  saw("connection.opened\nconnection.closed: it can't be reset\n");
  conn = server_acquire(p, 0);
  conn->retire_ns = 1;
  pool_release(conn, 0);
  saw("connection.opened\nconnection.closed: past maxLifetime\n");
  pool_release(server_acquire(p, 0), 0);
  end(p);
  saw("connection.opened\nconnection.closed: its pool is closed\n");
}

static bool is_dead(driver_conn *conn) { return conn == NULL; }

static void reports_what_is_found_dead_or_idle(void **state) {
  (void)state;
  pools *p = begin((cat_pool){.max = 2, .acquire_timeout_ms = LONG_MS, .idle_timeout_ms = LONG_MS});
  driver_conn *conn = server_acquire(p, 0), *second = server_acquire(p, 0);
  pool_release(conn, 0);
  pool_release(second, 0);
  saw("connection.opened\nconnection.opened\n");
  second->idle_since_ns = 1;
  conn->idle_since_ns = clock_coarse_ns() - 2 * LONG_MS * NS_PER_MS;
  server.alive = is_dead;
  second = server_acquire(p, 0);
  saw("connection.closed: idle for longer than idleTimeout\nconnection.closed: the server has ended it\n"
      "connection.opened\n");
  pool_release(second, 0);
  end(p);
}

static void fail_to_connect(pools *p) {
  driver_conn *none;
  assert_int_not_equal(pool_acquire(p, &(pool_request){.client = &client}, &none, NULL), SHUNT_OK);
}

static void reports_attempts_that_fail_and_the_circuit(void **state) {
  (void)state;
  pools *p = begin(some);
  server.refuse = SHUNT_E_DATASOURCE;
  for (int i = 1; i < CIRCUIT_OPENS_AT; i++) {
    fail_to_connect(p);
    saw("connection.failed\n");
  }
  fail_to_connect(p);
  saw("circuit.opened\nconnection.failed\n");
  fail_to_connect(p); /* no attempt is made */
  saw("");
  p->clients[0]->circuit.retry_ns = 0;
  fail_to_connect(p);
  saw("connection.failed\n");
  server.refuse = SHUNT_OK;
  p->clients[0]->circuit.retry_ns = 0;
  pool_release(server_acquire(p, 0), 0);
  saw("circuit.closed\nconnection.opened\n");
  assert_true(seen.looks > 0);
  end(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reports_that_connections_are_opened_and_closed_and_why),
      cmocka_unit_test(reports_what_is_found_dead_or_idle),
      cmocka_unit_test(reports_attempts_that_fail_and_the_circuit),
  };
  return cmocka_run_group_tests_name("events of pools", tests, NULL, NULL);
}
