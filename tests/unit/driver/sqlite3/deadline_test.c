/* Nothing goes on, or waits for a lock, past the deadline; and a statement that is reported as failed has written
 * nothing. */
#define _POSIX_C_SOURCE 200809L
#include "unit/driver/sqlite3/database.h"

#include "base/clock.h"

static const char endless[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
static const char endless_write[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                                    "INSERT INTO t (v) SELECT i FROM n WHERE i < 10";

enum { A_MOMENT_MS = 20, TOO_LONG_MS = 3600 * 1000 };

static int begin(void **state) {
  static database d;
  database_begin(&d);
  d.client.busy_timeout_ms = TOO_LONG_MS;
  database_open(&d);
  run(&d, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  run(&d, "INSERT INTO t VALUES (1, 'one')");
  *state = &d;
  return 0;
}

static int end(void **state) {
  database_end(*state);
  return 0;
}

static void set_deadline(database *d, int64_t ms) { d->conn->deadline_ns = clock_monotonic_ns() + ms * NS_PER_MS; }

static void no_deadline(database *d) { d->conn->deadline_ns = 0; }

static shunt_status start(database *d) { return d->conn->engine->begin(d->conn, NULL, false, &d->err); }

static shunt_status commit(database *d) { return d->conn->engine->commit(d->conn, &d->err); }

/* With and without a deadline. */
static void assert_usable(database *d) {
  assert_false(d->conn->broken);
  no_deadline(d);
  run(d, "INSERT INTO t (v) VALUES ('more')");
  run(d, "DELETE FROM t WHERE v = 'more'");
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), 1);
  set_deadline(d, TOO_LONG_MS);
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), 1);
  no_deadline(d);
}

static void a_read_without_an_end_ends(void **state) {
  database *d = *state;
  for (int i = 0; i < 3; i++) {
    set_deadline(d, A_MOMENT_MS);
    assert_fails(d, try_run(d, endless), SHUNT_E_TIMEOUT, "the statement timed out");
    assert_usable(d);
  }
}

static void a_write_without_an_end_ends_and_has_written_nothing(void **state) {
  database *d = *state;
  set_deadline(d, A_MOMENT_MS);
  assert_fails(d, try_run(d, endless_write), SHUNT_E_TIMEOUT, "timed out");
  assert_usable(d);
}

static void a_statement_does_not_begin_after_the_deadline(void **state) {
  database *d = *state;
  set_deadline(d, -1);
  assert_fails(d, try_run(d, "DELETE FROM t"), SHUNT_E_TIMEOUT, "before the statement began");
  assert_usable(d);
}

static void a_read_that_was_ended_leaves_its_transaction_open(void **state) {
  database *d = *state;
  assert_int_equal(start(d), SHUNT_OK);
  run(d, "UPDATE t SET v = 'changed'");
  set_deadline(d, A_MOMENT_MS);
  assert_fails(d, try_run(d, endless), SHUNT_E_TIMEOUT, "timed out");
  no_deadline(d);
  run(d, "UPDATE t SET v = v || ' twice'");
  assert_int_equal(commit(d), SHUNT_OK);
  assert_string_equal(raw_text(d, "SELECT v FROM t"), "changed twice");
  assert_usable(d);
}

static void a_write_that_was_ended_takes_its_transaction_with_it(void **state) {
  database *d = *state;
  assert_int_equal(start(d), SHUNT_OK);
  run(d, "UPDATE t SET v = 'changed'");
  set_deadline(d, A_MOMENT_MS);
  assert_fails(d, try_run(d, endless_write), SHUNT_E_TIMEOUT, "timed out");
  no_deadline(d);
  assert_fails(d, try_run(d, "SELECT * FROM t"), SHUNT_E_TRANSACTION, "has rolled this transaction back: interrupted");
  assert_fails(d, commit(d), SHUNT_E_TRANSACTION, "has rolled this transaction back: interrupted");
  assert_string_equal(raw_text(d, "SELECT v FROM t"), "one");
  assert_usable(d);
}

/* ---- locks ---- */

static void a_write_waits_for_a_lock_until_the_deadline_and_not_for_busy_timeout(void **state) {
  database *d = *state;
  raw_exec(d, "BEGIN IMMEDIATE");
  set_deadline(d, A_MOMENT_MS);
  assert_fails(d, try_run(d, "DELETE FROM t"), SHUNT_E_TIMEOUT, "is locked by another connection or program");
  assert_int_equal(d->err.engine_code, SQLITE_BUSY);
  raw_exec(d, "ROLLBACK");
  assert_usable(d);
}

static void a_transaction_waits_for_its_lock_until_the_deadline(void **state) {
  database *d = *state;
  raw_exec(d, "BEGIN IMMEDIATE");
  set_deadline(d, A_MOMENT_MS);
  assert_fails(d, start(d), SHUNT_E_TIMEOUT, "the timeout of the call or the session passed before it was unlocked");
  assert_false(d->conn->in_transaction);
  raw_exec(d, "ROLLBACK");
  assert_usable(d);
}

static void busy_timeout_ends_the_wait_where_it_comes_first(void **state) {
  database *d = *state;
  d->client.busy_timeout_ms = A_MOMENT_MS;
  raw_exec(d, "BEGIN IMMEDIATE");
  set_deadline(d, TOO_LONG_MS);
  assert_fails(d, try_run(d, "DELETE FROM t"), SHUNT_E_DATASOURCE, "within 20 ms (busyTimeout)");
  assert_fails(d, start(d), SHUNT_E_DATASOURCE, "within 20 ms (busyTimeout)");
  raw_exec(d, "ROLLBACK");
  assert_usable(d);
}

static void opening_waits_for_a_lock_until_the_deadline(void **state) {
  database *d = *state;
  database_close(d);
  raw_exec(d, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; INSERT INTO t VALUES (2, 'two')");
  int64_t deadline_ns = clock_monotonic_ns() + A_MOMENT_MS * NS_PER_MS;
  assert_fails(d, driver_sqlite3.open(&d->client, deadline_ns, &d->conn, &d->err), SHUNT_E_TIMEOUT, "is locked");
  assert_null(d->conn);
  sqlite3_close(d->raw);
  d->raw = NULL;
  database_open(d);
  assert_usable(d);
}

/* ---- at whatever step the deadline comes ---- */

/* SQLite looks at the clock every so many steps, wherever a statement is then: here the time is always up. */
static shunt_status insert_late(database *d) {
  static const char sql[] = "INSERT INTO t (v) VALUES (1), (2), (3)";
  const driver_engine *e = d->conn->engine;
  no_deadline(d);
  assert_int_equal(e->send(d->conn, sql, sizeof sql - 1, NULL, 0, &d->err), SHUNT_OK);
  set_deadline(d, -1);
  shunt_status status = e->receive(d->conn, NULL, NULL, NULL, &d->err);
  no_deadline(d);
  return status;
}

static void open_in_memory(database *d) {
  database_close(d);
  d->client.filename = ":memory:";
  database_open(d);
  run(d, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
}

static void what_timed_out_has_written_nothing_and_the_rest_all(void **state) {
  database *d = *state;
  open_in_memory(d);
  int64_t written = 0;
  int late = 0;
  for (int i = 0; i < 20000; i++) {
    shunt_status status = insert_late(d);
    assert_true(status == SHUNT_OK || status == SHUNT_E_TIMEOUT);
    if (status == SHUNT_OK) written += 3;
    if (status == SHUNT_E_TIMEOUT) late++;
  }
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), written);
  assert_true(written > 0);
  assert_true(late > 0);
}

static void a_transaction_holds_what_was_written_in_time_or_is_lost(void **state) {
  database *d = *state;
  open_in_memory(d);
  int lost = 0;
  while (lost < 200) {
    run(d, "DELETE FROM t");
    assert_int_equal(start(d), SHUNT_OK);
    int64_t written = 0;
    shunt_status status = SHUNT_OK;
    for (int i = 0; i < 300 && !status; i++) {
      status = insert_late(d);
      if (!status) written += 3;
    }
    if (status) {
      lost++;
      assert_int_equal(commit(d), SHUNT_E_TRANSACTION);
      written = 0;
    } else {
      assert_int_equal(commit(d), SHUNT_OK);
    }
    assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), written);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(a_read_without_an_end_ends),
      TEST(a_write_without_an_end_ends_and_has_written_nothing),
      TEST(a_statement_does_not_begin_after_the_deadline),
      TEST(a_read_that_was_ended_leaves_its_transaction_open),
      TEST(a_write_that_was_ended_takes_its_transaction_with_it),
      TEST(a_write_waits_for_a_lock_until_the_deadline_and_not_for_busy_timeout),
      TEST(a_transaction_waits_for_its_lock_until_the_deadline),
      TEST(busy_timeout_ends_the_wait_where_it_comes_first),
      TEST(opening_waits_for_a_lock_until_the_deadline),
      TEST(what_timed_out_has_written_nothing_and_the_rest_all),
      TEST(a_transaction_holds_what_was_written_in_time_or_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
