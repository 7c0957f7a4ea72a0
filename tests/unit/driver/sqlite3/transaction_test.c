/* A transaction holds from begin to its end, and never silently turns into single statements. */
#define _POSIX_C_SOURCE 200809L
#include "unit/driver/sqlite3/database.h"

#include "unit/faults.h"

static int begin(void **state) {
  static database d;
  database_begin(&d);
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

static shunt_status start(database *d, const char *isolation, bool read_only) {
  return d->conn->engine->begin(d->conn, isolation, read_only, &d->err);
}

static shunt_status commit(database *d) { return d->conn->engine->commit(d->conn, &d->err); }

static void rollback(database *d) { d->conn->engine->rollback(d->conn); }

static void what_is_committed_stays_and_what_is_rolled_back_goes(void **state) {
  database *d = *state;
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  assert_true(d->conn->in_transaction);
  run(d, "INSERT INTO t VALUES (2, 'two')");
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "1");
  assert_int_equal(commit(d), SHUNT_OK);
  assert_false(d->conn->in_transaction);
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "2");
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  run(d, "DELETE FROM t");
  rollback(d);
  assert_false(d->conn->in_transaction);
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "2");
  rollback(d);
  assert_false(d->conn->broken);
}

static void a_statement_that_fails_leaves_the_transaction_open(void **state) {
  database *d = *state;
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  run(d, "INSERT INTO t VALUES (2, 'two')");
  assert_int_equal(try_run(d, "INSERT INTO t VALUES (2, 'again')"), SHUNT_E_CONSTRAINT);
  assert_int_equal(try_run(d, "SELECT missing FROM t"), SHUNT_E_NOT_FOUND);
  run(d, "INSERT INTO t VALUES (3, 'three')");
  assert_int_equal(commit(d), SHUNT_OK);
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "3");
}

static void there_is_one_at_a_time(void **state) {
  database *d = *state;
  assert_fails(d, commit(d), SHUNT_E_TRANSACTION, "no transaction to commit");
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  assert_fails(d, start(d, NULL, false), SHUNT_E_TRANSACTION, "open already");
  assert_true(d->conn->in_transaction);
  assert_fails(d, try_run(d, "COMMIT"), SHUNT_E_USAGE, "not by SQL");
  assert_fails(d, try_run(d, "END TRANSACTION"), SHUNT_E_USAGE, "not by SQL");
  run(d, "SAVEPOINT inner_one");
  run(d, "DELETE FROM t");
  run(d, "ROLLBACK TO inner_one");
  run(d, "RELEASE inner_one");
  assert_true(d->conn->in_transaction);
  assert_int_equal(commit(d), SHUNT_OK);
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "1");
}

static void every_isolation_that_sqlite_surpasses_is_taken(void **state) {
  database *d = *state;
  static const char *const taken[] = {NULL, "serializable", "Repeatable Read", "READ COMMITTED", "read uncommitted"};
  static const char *const refused[] = {"", "snapshot", "serializable ", "read"};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
    assert_int_equal(start(d, taken[i], i % 2), SHUNT_OK);
    assert_int_equal(commit(d), SHUNT_OK);
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    assert_fails(d, start(d, refused[i], false), SHUNT_E_USAGE, "unknown isolation");
    assert_false(d->conn->in_transaction);
  }
}

static void a_read_only_transaction_refuses_writes_and_lets_others_write(void **state) {
  database *d = *state;
  assert_int_equal(start(d, NULL, true), SHUNT_OK);
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), 1);
  raw_exec(d, "INSERT INTO t VALUES (2, 'by another')");
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), 1); /* its snapshot */
  static const char *const writes[] = {"DELETE FROM t", "INSERT INTO t VALUES (9, 9) RETURNING id",
                                       "CREATE TABLE u (a)", "PRAGMA user_version = 3"};
  for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
    assert_fails(d, try_run(d, writes[i]), SHUNT_E_TRANSACTION, "read-only");
  assert_int_equal(commit(d), SHUNT_OK);
  run(d, "INSERT INTO t VALUES (3, 'again')");
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "3");
}

static void a_write_transaction_holds_the_lock_from_its_beginning(void **state) {
  database *d = *state;
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  assert_int_equal(sqlite3_exec(database_raw(d), "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_BUSY);
  rollback(d);
  raw_exec(d, "BEGIN IMMEDIATE");
  assert_fails(d, start(d, NULL, false), SHUNT_E_DATASOURCE, "locked");
}

static void a_commit_that_breaks_a_constraint_is_rolled_back(void **state) {
  database *d = *state;
  run(d, "CREATE TABLE c (t_id REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)");
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  run(d, "INSERT INTO c VALUES (99)");
  assert_fails(d, commit(d), SHUNT_E_CONSTRAINT, "FOREIGN KEY constraint failed");
  assert_int_equal(d->err.engine_code, SQLITE_CONSTRAINT_FOREIGNKEY);
  assert_false(d->conn->in_transaction);
  assert_string_equal(raw_text(d, "SELECT count(*) FROM c"), "0");
  raw_exec(d, "BEGIN IMMEDIATE; COMMIT"); /* nothing is locked any more */
}

/* What SQLite rolls back by itself. */
static void assert_lost(database *d, const char *why) {
  assert_true(d->conn->in_transaction);
  assert_fails(d, try_run(d, "INSERT INTO t VALUES (5, 'five')"), SHUNT_E_TRANSACTION, why);
  assert_fails(d, try_run(d, "SELECT * FROM t"), SHUNT_E_TRANSACTION, "has rolled this transaction back");
}

static void a_transaction_that_sqlite_rolled_back_takes_no_more_statements(void **state) {
  database *d = *state;
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  run(d, "INSERT INTO t VALUES (2, 'two')");
  assert_fails(d, try_run(d, "INSERT OR ROLLBACK INTO t VALUES (1, 'x')"), SHUNT_E_CONSTRAINT, "UNIQUE");
  assert_lost(d, "UNIQUE constraint failed: t.id");
  assert_fails(d, commit(d), SHUNT_E_TRANSACTION, "rolled this transaction back: UNIQUE constraint failed: t.id");
  assert_false(d->conn->in_transaction);
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "1");
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  run(d, "INSERT INTO t VALUES (2, 'two')");
  assert_int_equal(commit(d), SHUNT_OK);
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "2");
}

static void a_transaction_that_was_lost_can_be_rolled_back(void **state) {
  database *d = *state;
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  assert_int_equal(try_run(d, "INSERT OR ROLLBACK INTO t VALUES (1, 'x')"), SHUNT_E_CONSTRAINT);
  rollback(d);
  assert_false(d->conn->in_transaction);
  assert_false(d->conn->broken);
  run(d, "INSERT INTO t VALUES (2, 'two')");
}

static void a_write_whose_rows_find_no_memory_is_undone_in_a_transaction_too(void **state) {
  database *d = *state;
  assert_int_equal(start(d, NULL, false), SHUNT_OK);
  run(d, "INSERT INTO t VALUES (2, 'two')");
  static const char sql[] = "UPDATE t SET v = 'changed' RETURNING *";
  run(d, sql); /* prepared now */
  run(d, "UPDATE t SET v = 'before'");
  shunt_rows_free(d->rows);
  faults f;
  faults_on(&f);
  d->rows = rows_new();
  f.fail_at = f.seen + 1;
  f.all_after = true;
  while (!f.failed) (void)rows_bytes(d->rows, "x", 1); /* until there is no room left */
  assert_int_equal(d->conn->engine->send(d->conn, sql, sizeof sql - 1, NULL, 0, &d->err), SHUNT_OK);
  assert_int_equal(d->conn->engine->receive(d->conn, d->rows, NULL, NULL, &d->err), SHUNT_E_MEMORY);
  shunt_rows_free(d->rows);
  d->rows = NULL;
  faults_off();
  if (try_run(d, "SELECT v FROM t ORDER BY id") == SHUNT_OK) {
    assert_string_equal(shunt_rows_at(d->rows, 0)[0].as.bytes, "before");
  } else {
    assert_lost(d, "interrupted");
  }
  rollback(d);
  assert_string_equal(raw_text(d, "SELECT v FROM t"), "one");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(what_is_committed_stays_and_what_is_rolled_back_goes),
      TEST(a_statement_that_fails_leaves_the_transaction_open),
      TEST(there_is_one_at_a_time),
      TEST(every_isolation_that_sqlite_surpasses_is_taken),
      TEST(a_read_only_transaction_refuses_writes_and_lets_others_write),
      TEST(a_write_transaction_holds_the_lock_from_its_beginning),
      TEST(a_commit_that_breaks_a_constraint_is_rolled_back),
      TEST(a_transaction_that_sqlite_rolled_back_takes_no_more_statements),
      TEST(a_transaction_that_was_lost_can_be_rolled_back),
      TEST(a_write_whose_rows_find_no_memory_is_undone_in_a_transaction_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
