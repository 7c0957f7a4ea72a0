/* Connections are given out within their limits, age, and give their places back whatever happens to them. */
#define _POSIX_C_SOURCE 200809L
#include "unit/pool/world.h"

#include "base/clock.h"
#include "unit/faults.h"

static void execute(driver_conn *conn, const char *sql) {
  shunt_error err;
  if (conn->engine->send(conn, sql, strlen(sql), NULL, 0, &err) || conn->engine->receive(conn, NULL, NULL, NULL, &err))
    fail_msg("%s: %s", sql, err.message);
}

/* ---- one thread ---- */

static void connections_are_opened_when_needed_and_used_again(void **state) {
  world *w = *state;
  assert_counts(w, 0, 0, 0);
  driver_conn *a = acquire(w);
  assert_counts(w, 1, 1, 0);
  driver_conn *b = acquire(w);
  assert_ptr_not_equal(a, b);
  assert_counts(w, 2, 2, 0);
  release(b);
  release(a);
  assert_counts(w, 2, 0, 0);
  assert_ptr_equal(acquire(w), a); /* the one used last, whose pages are still at hand */
  assert_ptr_equal(acquire(w), b);
  release(a);
  release(b);
}

static void a_pool_that_is_used_up_says_so(void **state) {
  world *w = *state;
  for (int ms = 0; ms < 2; ms++) {
    w->d.client.pool.acquire_timeout_ms = ms;
    remake_pools(w);
    driver_conn *a = acquire(w), *b = acquire(w), *none = a;
    assert_fails(&w->d, try_acquire(w, &none), SHUNT_E_TIMEOUT, "all 2 connections of client 'main' are busy");
    assert_null(none);
    assert_counts(w, 2, 2, 0);
    release(a);
    assert_ptr_equal(acquire(w), a);
    release(a);
    release(b);
  }
}

static void a_wait_ends_with_the_call_where_that_is_sooner(void **state) {
  world *w = *state;
  w->d.client.pool.acquire_timeout_ms = LONG_MS;
  remake_pools(w);
  driver_conn *a = acquire(w), *b = acquire(w), *none = a;
  const int64_t now_ns = clock_monotonic_ns(), until_ns[] = {1, now_ns, now_ns + 2000000};
  for (int i = 0; i < 3; i++) {
    shunt_status status =
        pool_acquire(w->pools, &(pool_request){.client = &w->d.client, .deadline_ns = until_ns[i]}, &none, &w->d.err);
    assert_fails(&w->d, status, SHUNT_E_TIMEOUT, "ms that were left of the call's own timeout");
    assert_null(none);
  }
  release(a);
  assert_int_equal(pool_acquire(w->pools, &(pool_request){.client = &w->d.client, .deadline_ns = 1}, &none, &w->d.err),
                   SHUNT_OK); /* who need not wait */
  assert_int_equal(none->deadline_ns, 1);
  release(none);
  release(b);
}

static void one_that_asks_without_waiting_gets_what_is_free_or_nothing(void **state) {
  world *w = *state;
  w->d.client.pool.acquire_timeout_ms = LONG_MS;
  remake_pools(w);
  driver_conn *held[2], *none = NULL;
  for (int i = 0; i < 2; i++)
    assert_int_equal(
        pool_acquire(w->pools, &(pool_request){.client = &w->d.client, .no_wait = true}, &held[i], &w->d.err),
        SHUNT_OK);
  none = held[0];
  assert_int_equal(pool_acquire(w->pools, &(pool_request){.client = &w->d.client, .no_wait = true}, &none, &w->d.err),
                   SHUNT_OK);
  assert_null(none);
  assert_counts(w, 2, 2, 0);
  release(held[0]);
  assert_int_equal(pool_acquire(w->pools, &(pool_request){.client = &w->d.client, .no_wait = true}, &none, &w->d.err),
                   SHUNT_OK);
  assert_ptr_equal(none, held[0]);
  release(held[0]);
  release(held[1]);
}

static void what_happened_is_counted(void **state) {
  world *w = *state;
  w->d.client.create = false;
  remake_pools(w);
  driver_conn *a = acquire(w), *b = acquire(w), *none;
  assert_int_equal(try_acquire(w, &none), SHUNT_E_TIMEOUT);
  release(b);
  b = acquire(w);
  b->broken = true;
  release(b);
  char away[128];
  snprintf(away, sizeof away, "%s/away.db", w->d.folder);
  assert_int_equal(rename(w->d.filename, away), 0);
  assert_int_equal(try_acquire(w, &none), SHUNT_E_DATASOURCE);
  assert_int_equal(rename(away, w->d.filename), 0);
  shunt_pool_stats stats = pool_stats_of(w->pools, &w->d.client, 0);
  assert_string_equal(stats.client, "main");
  assert_int_equal(stats.level, 0);
  assert_int_equal(stats.open, 1);
  assert_int_equal(stats.busy, 1);
  assert_int_equal(stats.max, 2);
  assert_int_equal(stats.acquired, 3);
  assert_int_equal(stats.opened, 2);
  assert_int_equal(stats.closed, 1);
  assert_int_equal(stats.failed, 1);
  assert_int_equal(stats.timeouts, 1);
  assert_true(stats.waited_ns > 0);
  assert_false(stats.circuit_open);
  assert_int_equal(stats.retry_ms, 0);
  release(a);
}

static void every_level_of_sqlite_shares_one_pool(void **state) {
  world *w = *state;
  driver_conn *conn = NULL;
  assert_int_equal(pool_acquire(w->pools, &(pool_request){.client = &w->d.client, .level = 3}, &conn, &w->d.err),
                   SHUNT_OK);
  assert_counts(w, 1, 1, 0);
  pool_release(conn, 3);
  assert_ptr_equal(acquire(w), conn);
  release(conn);
}

static void what_is_open_at_release_is_rolled_back(void **state) {
  world *w = *state;
  driver_conn *a = acquire(w);
  assert_int_equal(a->engine->begin(a, NULL, false, &w->d.err), SHUNT_OK);
  execute(a, "INSERT INTO t VALUES (1, 1)");
  release(a);
  assert_string_equal(raw_text(&w->d, "SELECT count(*) FROM t"), "0");
  assert_ptr_equal(acquire(w), a);
  assert_false(a->in_transaction);
  release(a);
}

static void a_broken_connection_is_not_given_again(void **state) {
  world *w = *state;
  driver_conn *a = acquire(w);
  a->broken = true;
  release(a);
  assert_counts(w, 0, 0, 0);
  a = acquire(w);
  assert_false(a->broken);
  release(a);
}

/* What one caller sets, or hides behind a table of its own, the next one must not meet. */
static void an_altered_connection_is_not_given_again(void **state) {
  world *w = *state;
  static const char *const alter[] = {"PRAGMA foreign_keys = OFF", "PRAGMA cache_size(5)",
                                      "CREATE TEMP TABLE t (id, v)", "CREATE TEMP VIEW t AS SELECT 1 AS id"};
  static const char *const leave[] = {"PRAGMA foreign_keys", "PRAGMA table_info(t)", "PRAGMA user_version = 3",
                                      "SELECT * FROM t", "CREATE TABLE u (id)"};
  for (size_t i = 0; i < sizeof alter / sizeof *alter; i++) {
    driver_conn *a = acquire(w);
    execute(a, alter[i]);
    assert_true(a->altered);
    release(a);
    assert_counts(w, 0, 0, 0);
  }
  for (size_t i = 0; i < sizeof leave / sizeof *leave; i++) {
    driver_conn *a = acquire(w);
    execute(a, leave[i]);
    release(a);
    assert_counts(w, 1, 0, 0);
  }
}

static void a_file_that_does_not_open_takes_no_place(void **state) {
  world *w = *state;
  char away[128];
  snprintf(away, sizeof away, "%s/away.db", w->d.folder);
  w->d.client.create = false;
  remake_pools(w);
  assert_int_equal(rename(w->d.filename, away), 0);
  driver_conn *none = NULL;
  for (int i = 0; i < 20; i++) { /* there is no server to be spared: each of them looks */
    assert_fails(&w->d, try_acquire(w, &none), SHUNT_E_DATASOURCE, w->d.filename);
    assert_null(none);
    assert_counts(w, 0, 0, 0);
  }
  assert_int_equal(rename(away, w->d.filename), 0);
  release(acquire(w));
  assert_counts(w, 1, 0, 0);
}

/* ---- ageing ---- */

static void connections_idle_for_too_long_are_closed_down_to_min(void **state) {
  world *w = *state;
  w->d.client.pool = (cat_pool){.min = 1, .max = 4, .idle_timeout_ms = 1000 * HOUR_S / 2};
  remake_pools(w);
  driver_conn *all[4];
  for (int i = 0; i < 4; i++) all[i] = acquire(w);
  for (int i = 0; i < 3; i++) release(all[i]);
  assert_counts(w, 4, 1, 0);
  for (int i = 0; i < 3; i++) age(&all[i]->idle_since_ns);
  release(all[3]);
  assert_counts(w, 1, 0, 0);
  age(&all[3]->idle_since_ns);
  assert_ptr_equal(acquire(w), all[3]); /* the last one is min's */
  release(all[3]);
  assert_counts(w, 1, 0, 0);
}

static void the_connection_just_taken_is_kept_while_older_ones_go(void **state) {
  world *w = *state;
  w->d.client.pool.idle_timeout_ms = 1000 * HOUR_S / 2;
  remake_pools(w);
  driver_conn *a = acquire(w), *b = acquire(w);
  release(a);
  release(b);
  age(&a->idle_since_ns);
  assert_ptr_equal(acquire(w), b);
  assert_counts(w, 1, 1, 0);
  release(b);
}

static void a_connection_past_its_lifetime_is_replaced(void **state) {
  world *w = *state;
  w->d.client.pool.min = 2;
  w->d.client.pool.max_lifetime_ms = 1000 * HOUR_S / 2;
  remake_pools(w);
  driver_conn *a = acquire(w);
  age(&a->retire_ns);
  release(a);
  assert_counts(w, 0, 0, 0);
  a = acquire(w);
  release(a);
  age(&a->retire_ns);
  execute(a, "CREATE TEMP TABLE mine (a)"); /* only the old one has it */
  a = acquire(w);
  execute(a, "CREATE TEMP TABLE mine (a)");
  assert_counts(w, 1, 1, 0);
  release(a);
}

static void limits_of_0_are_no_limits(void **state) {
  world *w = *state;
  w->d.client.pool.idle_timeout_ms = w->d.client.pool.max_lifetime_ms = 0;
  remake_pools(w);
  driver_conn *a = acquire(w), *b = acquire(w);
  release(a);
  release(b);
  age(&a->idle_since_ns);
  assert_int_equal(b->retire_ns, 0);
  assert_ptr_equal(acquire(w), b);
  release(b);
  assert_counts(w, 2, 0, 0);
}

static void a_private_database_has_one_connection_that_stays(void **state) {
  world *w = *state;
  pools_free(w->pools);
  w->d.client.filename = ":memory:";
  w->d.client.pool = (cat_pool){.min = 0, .max = 4, .idle_timeout_ms = 1000, .max_lifetime_ms = 1000};
  make_pools(w);
  driver_conn *a = acquire(w), *none = NULL;
  execute(a, "CREATE TABLE mine (a)");
  assert_fails(&w->d, try_acquire(w, &none), SHUNT_E_TIMEOUT, "all 1 connections");
  assert_int_equal(a->retire_ns, 0);
  release(a);
  age(&a->idle_since_ns);
  assert_ptr_equal(acquire(w), a);
  execute(a, "INSERT INTO mine VALUES (1)");
  release(a);
}

static void a_private_database_gets_back_its_settings(void **state) {
  world *w = *state;
  pools_free(w->pools);
  w->d.client.filename = ":memory:";
  make_pools(w);
  static const char *const alter[] = {"PRAGMA foreign_keys = OFF",
                                      "PRAGMA query_only = ON",
                                      "PRAGMA cache_size(5)",
                                      "CREATE TEMP TABLE \"a \"\"b\" (id)",
                                      "CREATE TEMP VIEW mine AS SELECT 1 AS id",
                                      "CREATE TABLE temp.mine (id)"};
  driver_conn *a = acquire(w);
  execute(a, "CREATE TABLE mine (id)");
  for (size_t round = 0; round < 2; round++)
    for (size_t i = 0; i < sizeof alter / sizeof *alter; i++) {
      execute(a, alter[i]);
      assert_true(a->altered);
      release(a);
      assert_ptr_equal(acquire(w), a);
      assert_false(a->altered);
      execute(a, "INSERT INTO mine VALUES (1)");
    }
  execute(a, "CREATE TABLE kept (fine CHECK (fine))");
  execute(a,
          "INSERT INTO kept SELECT (SELECT count(*) FROM mine) = 12 AND (SELECT count(*) FROM temp.sqlite_schema) = 0");
  execute(a, "CREATE TABLE child (id REFERENCES kept (fine))");
  static const char stays[] = "PRAGMA busy_timeout = 5";
  assert_fails(&w->d, a->engine->send(a, stays, sizeof stays - 1, NULL, 0, &w->d.err), SHUNT_E_USAGE, "only one");
  static const char orphan[] = "INSERT INTO child VALUES (7)"; /* foreign keys are on again */
  assert_int_equal(a->engine->send(a, orphan, sizeof orphan - 1, NULL, 0, &w->d.err), SHUNT_E_USAGE);
  release(a);
}

/* ---- tables ---- */

static const driver_table *known(world *w, const char *table) {
  return pool_table(w->pools, &w->d.client, NULL, table);
}

static const driver_table *describe(world *w, driver_conn *conn, const char *table) {
  const driver_table *t = NULL;
  if (pool_describe(conn, table, &t, &w->d.err)) fail_msg("%s", w->d.err.message);
  return t;
}

static void a_table_is_remembered_until_it_changes(void **state) {
  world *w = *state;
  driver_conn *conn = acquire(w);
  assert_null(known(w, "t"));
  const driver_table *first = describe(w, conn, "t");
  assert_ptr_equal(known(w, "t"), first);
  for (int i = 0; i < 5; i++) assert_ptr_equal(describe(w, conn, "t"), first);
  raw_exec(&w->d, "ALTER TABLE t ADD COLUMN w INT");
  assert_ptr_equal(known(w, "t"), first);
  const driver_table *second = describe(w, conn, "t");
  assert_ptr_not_equal(second, first);
  assert_ptr_equal(known(w, "t"), second);
  assert_non_null(driver_table_column(second, "w"));
  assert_null(driver_table_column(first, "w")); /* who still holds it may go on looking at it */
  assert_non_null(driver_table_column(first, "v"));
  release(conn);
}

static void a_table_that_is_gone_is_forgotten(void **state) {
  world *w = *state;
  driver_conn *conn = acquire(w);
  const driver_table *t = describe(w, conn, "t");
  raw_exec(&w->d, "DROP TABLE t");
  assert_fails(&w->d, pool_describe(conn, "t", &t, &w->d.err), SHUNT_E_NOT_FOUND, "has no table 't'");
  assert_null(t);
  assert_null(known(w, "t"));
  raw_exec(&w->d, "CREATE TABLE t (fresh)");
  assert_non_null(driver_table_column(describe(w, conn, "t"), "fresh"));
  release(conn);
}

/* ---- generations ---- */

static pools *next_generation(world *w) {
  pools *next = NULL;
  assert_int_equal(pools_new(&w->catalog, w->pools, NULL, &next, &w->d.err), SHUNT_OK);
  return next;
}

static void pools_whose_settings_are_the_same_live_on(void **state) {
  world *w = *state;
  driver_conn *a = acquire(w);
  pools *before = w->pools;
  w->pools = next_generation(w);
  assert_counts(w, 1, 1, 0);
  release(a);
  assert_ptr_equal(acquire(w), a);
  pools_drain(before, w->pools);
  pools_free(before);
  release(a);
  assert_counts(w, 1, 0, 0);
}

static void a_pool_that_went_is_drained(void **state) {
  world *w = *state;
  driver_conn *a = acquire(w), *b = acquire(w);
  release(b);
  pools *before = w->pools;
  w->d.client.pool.max++;
  w->pools = next_generation(w);
  pools_drain(before, w->pools);
  assert_counts(w, 0, 0, 0);
  assert_int_equal(pool_stats_of(before, &w->d.client, 0).open, 1);
  release(a);
  assert_int_equal(pool_stats_of(before, &w->d.client, 0).open, 0);
  assert_int_equal(pool_acquire(before, &(pool_request){.client = &w->d.client}, &a, &w->d.err),
                   SHUNT_OK); /* who began with it ends with it */
  release(a);
  assert_int_equal(pool_stats_of(before, &w->d.client, 0).open, 0);
  pools_free(before);
}

/* ---- memory ---- */

static bool use(world *w) {
  driver_conn *a = NULL, *b = NULL;
  const driver_table *t = NULL;
  bool ok = !pools_new(&w->catalog, NULL, NULL, &w->pools, &w->d.err) && !try_acquire(w, &a) && !try_acquire(w, &b) &&
            !pool_describe(a, "t", &t, &w->d.err) && !pool_describe(a, "t", &t, &w->d.err);
  if (!ok) assert_int_equal(w->d.err.status, SHUNT_E_MEMORY);
  if (a) release(a);
  if (b) release(b);
  if (w->pools) assert_int_equal(pool_stats_of(w->pools, &w->d.client, 0).busy, 0);
  pools_free(w->pools);
  w->pools = NULL;
  return ok;
}

static void survives_every_allocation_that_fails(void **state) {
  world *w = *state;
  pools_free(w->pools);
  w->pools = NULL;
  faults f;
  faults_on(&f);
  bool done = false;
  for (f.fail_at = 1; !done; f.fail_at++) {
    f.seen = 0;
    f.failed = false;
    done = use(w);
    assert_int_not_equal(done, f.failed);
    assert_int_equal(f.live, 0);
  }
  assert_true(f.fail_at > 5);
  faults_off();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(connections_are_opened_when_needed_and_used_again),
      TEST(a_pool_that_is_used_up_says_so),
      TEST(a_wait_ends_with_the_call_where_that_is_sooner),
      TEST(one_that_asks_without_waiting_gets_what_is_free_or_nothing),
      TEST(what_happened_is_counted),
      TEST(every_level_of_sqlite_shares_one_pool),
      TEST(what_is_open_at_release_is_rolled_back),
      TEST(an_altered_connection_is_not_given_again),
      TEST(a_broken_connection_is_not_given_again),
      TEST(a_file_that_does_not_open_takes_no_place),
      TEST(connections_idle_for_too_long_are_closed_down_to_min),
      TEST(the_connection_just_taken_is_kept_while_older_ones_go),
      TEST(a_connection_past_its_lifetime_is_replaced),
      TEST(limits_of_0_are_no_limits),
      TEST(a_private_database_has_one_connection_that_stays),
      TEST(a_private_database_gets_back_its_settings),
      TEST(a_table_is_remembered_until_it_changes),
      TEST(a_table_that_is_gone_is_forgotten),
      TEST(pools_whose_settings_are_the_same_live_on),
      TEST(a_pool_that_went_is_drained),
      TEST(survives_every_allocation_that_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
