/* Notices of one connection, on another that waits for them. */
#define _POSIX_C_SOURCE 200809L
#include "unit/driver/pg/server.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/listen.h"
#include "unit/watchdog.h"

typedef struct hearing {
  listener *listener;
  int wake[2];
} hearing;

static void begin_hearing(server *s, hearing *h) {
  assert_int_equal(pipe(h->wake), 0);
  if (listener_open(&s->client, "shunt's \"test\"", &h->listener, &s->err)) fail_msg("%s", s->err.message);
  assert_non_null(h->listener);
}

static void end_hearing(hearing *h) {
  listener_close(h->listener);
  close(h->wake[0]);
  close(h->wake[1]);
}

static bool hears(server *s, hearing *h, int64_t until_ns) {
  bool heard;
  if (listener_wait(h->listener, h->wake[0], until_ns, &heard, &s->err)) fail_msg("%s", s->err.message);
  return heard;
}

static int64_t in_a_minute(void) { return clock_monotonic_ns() + 60 * NS_PER_S; }

static void hears_what_another_connection_tells_at_its_commit(void **state) {
  server *s = server_of(state);
  hearing h;
  begin_hearing(s, &h);
  assert_false(hears(s, &h, clock_monotonic_ns()));
  begin_transaction(s);
  run(s, "SELECT pg_notify('shunt''s \"test\"', 'x')");
  assert_false(hears(s, &h, clock_monotonic_ns()));
  if (driver_pg.commit(s->conn, &s->err)) fail_msg("%s", s->err.message);
  assert_true(hears(s, &h, in_a_minute()));
  assert_false(hears(s, &h, clock_monotonic_ns()));
  run(s, "SELECT pg_notify('another', '')");
  assert_false(hears(s, &h, clock_monotonic_ns()));
  end_hearing(&h);
}

static void is_woken_by_what_can_be_read_elsewhere(void **state) {
  server *s = server_of(state);
  hearing h;
  begin_hearing(s, &h);
  assert_int_equal(write(h.wake[1], "x", 1), 1);
  assert_false(hears(s, &h, in_a_minute()));
  end_hearing(&h);
}

static void tells_that_the_connection_is_lost(void **state) {
  server *s = server_of(state);
  hearing h;
  bool heard;
  begin_hearing(s, &h);
  run(s, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN \"shunt''s%'");
  assert_fails(s, listener_wait(h.listener, h.wake[0], in_a_minute(), &heard, &s->err), SHUNT_E_DATASOURCE, "lost");
  end_hearing(&h);
}

static void has_none_on_an_engine_without(void **state) {
  (void)state;
  listener *l;
  const cat_client client = {.name = "main", .engine = CAT_SQLITE3, .filename = ":memory:"};
  assert_int_equal(listener_open(&client, "c", &l, NULL), SHUNT_OK);
  assert_null(l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(hears_what_another_connection_tells_at_its_commit),
      TEST(is_woken_by_what_can_be_read_elsewhere),
      TEST(tells_that_the_connection_is_lost),
      TEST(has_none_on_an_engine_without),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
