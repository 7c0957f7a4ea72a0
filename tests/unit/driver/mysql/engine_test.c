/* The driver of MySQL and MariaDB by itself, on the server of SHUNT_TEST_MYSQL; skipped without one. */
#include "unit/driver/mysql/relay.h"
#include "unit/driver/mysql/server.h"
#include "unit/faults.h"

/* Everything that a session does with a connection. */
static shunt_status use(server *d, shunt_rows *rows) {
  driver_conn *conn = NULL;
  driver_table *table = NULL;
  char sql[128];
  snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE id >= ?", d->table);
  shunt_value zero = shunt_integer(0);
  shunt_status status = e->open(&d->client, 0, &conn, &d->err);
  if (!status) status = e->describe(conn, NULL, d->table, &table, &d->err);
  if (!status) status = e->begin(conn, "read committed", true, &d->err);
  if (!status) status = e->send(conn, sql, strlen(sql), &zero, 1, &d->err);
  if (!status) status = e->receive(conn, rows, NULL, NULL, &d->err);
  if (!status) status = e->commit(conn, &d->err);
  driver_table_free(table);
  e->close(conn);
  return status;
}

static void every_allocation_may_fail(void **state) {
  server *d = the_server(state);
  faults f;
  bool done = false;
  size_t failures = 0;
  for (size_t at = 1; !done; at++) {
    faults_on(&f);
    shunt_rows *rows = rows_new();
    assert_non_null(rows);
    f.seen = 0;
    f.fail_at = at;
    shunt_status status = use(d, rows);
    done = !f.failed;
    assert_int_equal(status, done ? SHUNT_OK : SHUNT_E_MEMORY);
    if (done) assert_int_equal(rows->count, 3);
    shunt_rows_free(rows);
    assert_int_equal(f.live, 0);
    faults_off();
    failures += !done;
  }
  assert_true(failures > 10);
}

static int64_t count_of(server *d) {
  run(d, "SELECT count(*) FROM %s");
  return rows_row(d->rows, 0)[0].as.integer;
}

typedef struct tried {
  shunt_outcome outcome;
  int64_t there; /* rows, after its transaction */
} tried;

/* Whether memory ran out for a write or for its rows. */
static bool write_without_memory(server *d, bool inside, size_t at, tried *what) {
  char sql[160];
  faults f;
  snprintf(sql, sizeof sql, "INSERT INTO %s (name, t) VALUES ('d', REPEAT('x', 300)), ('e', 'y') RETURNING name, t",
           d->table);
  run(d, "DELETE FROM %s");
  shunt_rows_free(d->rows);
  d->rows = NULL;
  if (inside && e->begin(d->conn, NULL, false, &d->err)) fail_msg("%s", d->err.message);
  d->conn->outcome = SHUNT_NOT_DONE;
  faults_on(&f);
  f.fail_at = at;
  shunt_status status = try_run(d, sql, NULL, 0);
  shunt_rows_free(d->rows);
  d->rows = NULL;
  faults_off();
  assert_int_equal(status, f.failed ? SHUNT_E_MEMORY : SHUNT_OK);
  what->outcome = d->conn->outcome;
  if (inside && e->commit(d->conn, NULL)) assert_true(f.failed);
  what->there = count_of(d);
  return f.failed;
}

static void a_write_whose_rows_find_no_memory_is_known_to_be_done(void **state) {
  server *d = the_server(state);
  run(d, "SELECT version()");
  if (!strstr(rows_row(d->rows, 0)[0].as.bytes, "MariaDB")) skip(); /* MySQL has no RETURNING */
  for (int inside = 0; inside < 2; inside++) {
    tried what;
    int done = 0;
    for (size_t at = 1; write_without_memory(d, inside, at, &what); at++) {
      done += what.outcome == SHUNT_DONE;
      assert_int_equal(what.there, what.outcome == SHUNT_DONE ? 2 : 0);
    }
    assert_int_equal(what.there, 2);
    assert_int_equal(done > 0, !inside); /* in a transaction it is rolled back */
  }
}

static void a_connection_that_found_no_memory_goes_on(void **state) {
  server *d = the_server(state);
  char sql[128];
  snprintf(sql, sizeof sql, "SELECT t, name FROM %s ORDER BY id", d->table);
  faults f;
  bool done = false;
  shunt_rows_free(d->rows);
  d->rows = NULL;
  for (size_t at = 1; !done; at++) {
    faults_on(&f);
    f.fail_at = at;
    shunt_status status = try_run(d, sql, NULL, 0);
    done = !f.failed;
    assert_int_equal(status, done ? SHUNT_OK : SHUNT_E_MEMORY);
    shunt_rows_free(d->rows);
    d->rows = NULL;
    faults_off();
    assert_false(d->conn->broken);
    run(d, "SELECT count(*) FROM %s");
    assert_int_equal(rows_row(d->rows, 0)[0].as.integer, 3);
  }
}

static void what_was_sent_and_not_received_is_dropped(void **state) {
  server *d = the_server(state);
  char sql[128];
  snprintf(sql, sizeof sql, "DELETE FROM %s", d->table);
  assert_int_equal(e->send(d->conn, sql, strlen(sql), NULL, 0, &d->err), SHUNT_OK);
  run(d, "SELECT count(*) FROM %s");
  assert_int_equal(rows_row(d->rows, 0)[0].as.integer, 3);
  assert_int_equal(e->receive(d->conn, NULL, NULL, NULL, &d->err), SHUNT_E_INTERNAL);
  assert_int_equal(e->send(d->conn, sql, strlen(sql), NULL, 0, &d->err), SHUNT_OK);
  assert_int_equal(e->begin(d->conn, NULL, false, &d->err), SHUNT_OK);
  e->rollback(d->conn);
  run(d, "SELECT count(*) FROM %s");
  assert_int_equal(rows_row(d->rows, 0)[0].as.integer, 3);
}

static void transactions_are_one_at_a_time_and_of_known_isolations(void **state) {
  server *d = the_server(state);
  assert_int_equal(e->commit(d->conn, &d->err), SHUNT_E_TRANSACTION);
  assert_int_equal(e->begin(d->conn, "snapshot", false, &d->err), SHUNT_E_USAGE);
  assert_int_equal(e->begin(d->conn, "SERIALIZABLE", false, &d->err), SHUNT_OK);
  assert_int_equal(e->begin(d->conn, NULL, false, &d->err), SHUNT_E_TRANSACTION);
  run(d, "DELETE FROM %s");
  assert_int_equal(d->affected, 3);
  e->rollback(d->conn);
  assert_false(d->conn->in_transaction);
  e->rollback(d->conn);
  assert_int_equal(e->begin(d->conn, NULL, true, &d->err), SHUNT_OK);
  char sql[128];
  snprintf(sql, sizeof sql, "DELETE FROM %s", d->table);
  assert_int_equal(try_run(d, sql, NULL, 0), SHUNT_E_TRANSACTION);
  assert_int_equal(e->commit(d->conn, &d->err), SHUNT_OK);
  run(d, "SELECT count(*) FROM %s");
  assert_int_equal(rows_row(d->rows, 0)[0].as.integer, 3);
}

/* More texts than the cache keeps, each of them twice. */
static void statements_come_and_go(void **state) {
  server *d = the_server(state);
  char sql[128];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 300; i++) {
      snprintf(sql, sizeof sql, "SELECT %d + ? AS n", i);
      shunt_value one = shunt_integer(1);
      assert_int_equal(try_run(d, sql, &one, 1), SHUNT_OK);
      assert_int_equal(rows_row(d->rows, 0)[0].as.integer, i + 1);
    }
  }
}

static void keys_that_the_database_gives_are_told(void **state) {
  server *d = the_server(state);
  run(d, "INSERT INTO %s (name) VALUES ('d')");
  assert_int_equal(d->affected, 1);
  assert_int_equal(d->id, 4);
  run(d, "SELECT 1 FROM %s");
  assert_int_equal(d->affected, 0);
  run(d, "UPDATE %s SET name = name");
  assert_int_equal(d->affected, 4);
}

static void a_connection_that_was_killed_is_broken_and_says_so(void **state) {
  server *d = the_server(state);
  driver_conn *other = NULL;
  char sql[128];
  run(d, "SELECT connection_id() /* %s */");
  snprintf(sql, sizeof sql, "KILL CONNECTION %lld", (long long)rows_row(d->rows, 0)[0].as.integer);
  assert_int_equal(e->open(&d->client, 0, &other, &d->err), SHUNT_OK);
  assert_int_equal(e->begin(d->conn, NULL, false, &d->err), SHUNT_OK);
  run(d, "DELETE FROM %s");
  driver_conn *victim = d->conn;
  d->conn = other;
  assert_int_equal(try_run(d, sql, NULL, 0), SHUNT_OK);
  d->conn = victim;
  assert_int_equal(try_run(d, "SELECT 1", NULL, 0), SHUNT_E_DATASOURCE);
  assert_true(victim->broken);
  assert_int_equal(e->commit(victim, &d->err), SHUNT_E_DATASOURCE);
  e->close(victim);
  d->conn = other;
  run(d, "SELECT count(*) FROM %s");
  assert_int_equal(rows_row(d->rows, 0)[0].as.integer, 3);
}

/* ---- what a connection keeps ---- */

static void the_server_tells_of_changes(void **state) {
  server *d = the_server(state);
  static const char *const something[] = {"SET @a = 1", "/* a */ prepare p from 'SELECT 1'",
                                          "CREATE TEMPORARY TABLE passing (id INTEGER)"};
  static const char *const nothing[] = {"SELECT '@a', \"\\\"@a\", `name` AS `@a`, @@version -- @a\n FROM %s",
                                        "INSERT INTO %s (name) VALUES ('a@b.c')", "SELECT 1 AS temporary_set"};
  for (size_t i = 0; i < sizeof something / sizeof *something; i++) {
    run(d, something[i]);
    if (!d->conn->altered) fail_msg("%s", something[i]);
    assert_true(driver_reset(d->conn));
  }
  for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
    run(d, nothing[i]);
    if (d->conn->altered) fail_msg("%s", nothing[i]);
  }
}

static void a_connection_is_as_new_after_a_reset(void **state) {
  server *d = the_server(state);
  static const char *const changes[] = {"SET @a = 1", "SELECT get_lock('%s', 0)", "SET NAMES latin1",
                                        "SET sql_mode = ''", "CREATE TEMPORARY TABLE passing (id INTEGER)"};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    run(d, changes[i]);
    assert_true(driver_reset(d->conn));
    assert_int_equal(d->conn->resets, i + 1);
    run(d,
        "SELECT @a IS NULL AND is_used_lock('%s') IS NULL AND @@character_set_client = 'utf8mb4' AND @@sql_mode <> ''");
    assert_int_equal(shunt_rows_at(d->rows, 0)[0].as.integer, 1);
  }
  run(d, "CREATE TEMPORARY TABLE passing (id INTEGER)"); /* the other one is gone */
  assert_true(driver_reset(d->conn));
}

/* Others that speak the protocol are not MySQL's or MariaDB's own. */
static void a_server_that_can_not_tell_of_changes_is_connected_to_all_the_same(void **state) {
  the_server(state);
  static relay r;
  server d;
  const char *url = getenv("SHUNT_TEST_MYSQL_TCP"), *at = url ? strchr(url, '@') : NULL,
             *port = at ? strchr(at, ':') : NULL;
  if (!port) skip();
  if (!relay_start(&r, (uint16_t)strtoul(port + 1, NULL, 10))) fail_msg("no relay");
  r.unknown = "session_track_state_change";
  init(&d);
  d.options[0].value = url;
  d.options[1] = (cat_option){"port", r.port, true};
  d.client.noptions = 2;
  connect_to(&d);
  run(&d, "SELECT @@session.time_zone");
  assert_string_equal(shunt_rows_at(d.rows, 0)[0].as.bytes, "+00:00");
  assert_false(d.conn->altered);
  run(&d, "SET @a = 1");
  assert_true(driver_reset(d.conn));
  run(&d, "SELECT @a IS NULL");
  assert_int_equal(shunt_rows_at(d.rows, 0)[0].as.integer, 1);
  disconnect(&d);
  relay_end(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_allocation_may_fail),
      TEST(a_connection_that_found_no_memory_goes_on),
      TEST(a_write_whose_rows_find_no_memory_is_known_to_be_done),
      TEST(what_was_sent_and_not_received_is_dropped),
      TEST(transactions_are_one_at_a_time_and_of_known_isolations),
      TEST(statements_come_and_go),
      TEST(keys_that_the_database_gives_are_told),
      TEST(a_connection_that_was_killed_is_broken_and_says_so),
      TEST(the_server_tells_of_changes),
      TEST(a_connection_is_as_new_after_a_reset),
      TEST(a_server_that_can_not_tell_of_changes_is_connected_to_all_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
