/* Transactions of MySQL and MariaDB that can be prepared, on the server of SHUNT_TEST_MYSQL; skipped without one. */
#define _DEFAULT_SOURCE /* usleep */
#include "unit/driver/mysql/server.h"

static const driver_two_phase *two(void) { return e->two_phase; }

/* Ids are unique on the server. */
static const char *id_of(char room[DRIVER_ID_BYTES + 1], int number) {
  snprintf(room, DRIVER_ID_BYTES + 1, "xa_test_%ld_%d", (long)getpid(), number);
  return room;
}

static void begin_xa(server *d, const char *id) {
  if (two()->begin(d->conn, id, "read committed", &d->err)) fail_msg("%s", d->err.message);
}

static int64_t count(server *d) {
  run(d, "SELECT COUNT(*) FROM %s WHERE name = 'xa'");
  return shunt_rows_at(d->rows, 0)[0].as.integer;
}

static bool is_listed(server *d, const char *id) {
  shunt_rows *ids = rows_new();
  bool found = false;
  assert_int_equal(two()->list(d->conn, ids, &d->err), SHUNT_OK);
  for (size_t i = 0; i < ids->count; i++) {
    const shunt_value *v = rows_row(ids, i);
    found = found || (v->size == strlen(id) && memcmp(v->as.bytes, id, v->size) == 0);
  }
  shunt_rows_free(ids);
  return found;
}

static void it_commits_and_rolls_back_in_one_phase(void **state) {
  server *d = the_server(state);
  char id[DRIVER_ID_BYTES + 1];
  begin_xa(d, id_of(id, 1));
  run(d, "INSERT INTO %s (name) VALUES ('xa')");
  assert_int_equal(e->commit(d->conn, &d->err), SHUNT_OK);
  assert_int_equal(count(d), 1);
  begin_xa(d, id);
  run(d, "INSERT INTO %s (name) VALUES ('xa')");
  e->rollback(d->conn);
  assert_false(d->conn->broken);
  assert_int_equal(count(d), 1);
}

static void savepoints_work_inside(void **state) {
  server *d = the_server(state);
  char id[DRIVER_ID_BYTES + 1];
  begin_xa(d, id_of(id, 2));
  run(d, "SAVEPOINT shunt_1");
  run(d, "INSERT INTO %s (name) VALUES ('xa')");
  run(d, "ROLLBACK TO shunt_1");
  run(d, "RELEASE SAVEPOINT shunt_1");
  run(d, "INSERT INTO %s (name) VALUES ('xa')");
  assert_int_equal(two()->prepare(d->conn, id, &d->err), SHUNT_OK);
  assert_int_equal(two()->finish(d->conn, id, true, &d->err), SHUNT_OK);
  assert_int_equal(count(d), 1);
}

/* MariaDB says NOT_FOUND as long as it has not ended the connection that prepared it. */
static shunt_status finish_soon(server *d, const char *id, bool commit) {
  shunt_status status = two()->finish(d->conn, id, commit, &d->err);
  for (int i = 0; i < 500 && status == SHUNT_E_NOT_FOUND; i++) {
    usleep(10000);
    status = two()->finish(d->conn, id, commit, &d->err);
  }
  return status;
}

static void a_prepared_one_outlives_its_connection_and_ends_on_another(void **state) {
  server *d = the_server(state);
  char id[DRIVER_ID_BYTES + 1];
  for (int commit = 0; commit < 2; commit++) {
    begin_xa(d, id_of(id, 3 + commit));
    run(d, "INSERT INTO %s (name) VALUES ('xa')");
    assert_int_equal(two()->prepare(d->conn, id, &d->err), SHUNT_OK);
    assert_false(d->conn->in_transaction);
    e->close(d->conn);
    connect_to(d);
    assert_int_equal(two()->check(d->conn, &d->err), SHUNT_OK);
    assert_true(is_listed(d, id));
    assert_int_equal(finish_soon(d, id, commit), SHUNT_OK);
    assert_false(is_listed(d, id));
    assert_int_equal(two()->finish(d->conn, id, commit, &d->err), SHUNT_E_NOT_FOUND);
    assert_int_equal(count(d), commit);
  }
}

static void one_that_was_not_prepared_ends_with_its_connection(void **state) {
  server *d = the_server(state);
  char id[DRIVER_ID_BYTES + 1];
  begin_xa(d, id_of(id, 5));
  run(d, "INSERT INTO %s (name) VALUES ('xa')");
  e->close(d->conn);
  connect_to(d);
  assert_false(is_listed(d, id));
  assert_int_equal(count(d), 0);
}

static void only_one_that_was_begun_for_it_is_prepared(void **state) {
  server *d = the_server(state);
  char id[DRIVER_ID_BYTES + 1];
  assert_int_equal(e->begin(d->conn, NULL, false, &d->err), SHUNT_OK);
  assert_int_equal(two()->prepare(d->conn, id_of(id, 6), &d->err), SHUNT_E_TRANSACTION);
  assert_false(d->conn->in_transaction);
  assert_int_equal(count(d), 0);
}

/* The server has rolled back: the transaction must be ended, and the connection works again or is broken. */
static void a_deadlock_ends_it(void **state) {
  server *d = the_server(state), other;
  char id[DRIVER_ID_BYTES + 1];
  init(&other);
  connect_to(&other);
  begin_xa(d, id_of(id, 7));
  assert_int_equal(e->begin(other.conn, NULL, false, &other.err), SHUNT_OK);
  run(&other, "UPDATE %s SET name = 'o' WHERE id > 1");
  run(&other, "INSERT INTO %s (name) VALUES ('o'), ('o'), ('o'), ('o')"); /* heavier: the other one is the victim */
  run(d, "UPDATE %s SET name = 'xa' WHERE id = 1");
  char sql[128];
  snprintf(sql, sizeof sql, "UPDATE %s SET name = 'o' WHERE id = 1", other.table);
  assert_int_equal(e->send(other.conn, sql, strlen(sql), NULL, 0, &other.err), SHUNT_OK);
  assert_true(e->start(other.conn) >= 0);
  snprintf(sql, sizeof sql, "UPDATE %s SET name = 'xa' WHERE id = 2", d->table);
  shunt_status mine = try_run(d, sql, NULL, 0);
  if (mine) assert_int_equal(two()->prepare(d->conn, id, &d->err) != SHUNT_OK, true);
  e->rollback(d->conn);
  shunt_status theirs = e->receive(other.conn, NULL, NULL, NULL, &other.err);
  assert_true((mine == SHUNT_E_CONFLICT) != (theirs == SHUNT_E_CONFLICT));
  e->rollback(other.conn);
  disconnect(&other);
  if (d->conn->broken) {
    e->close(d->conn);
    connect_to(d);
  }
  assert_int_equal(count(d), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(it_commits_and_rolls_back_in_one_phase),
      TEST(savepoints_work_inside),
      TEST(a_prepared_one_outlives_its_connection_and_ends_on_another),
      TEST(one_that_was_not_prepared_ends_with_its_connection),
      TEST(only_one_that_was_begun_for_it_is_prepared),
      TEST(a_deadlock_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
