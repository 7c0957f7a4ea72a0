/* What went wrong on the server of SHUNT_TEST_MYSQL is what the error says; skipped without one. */
#define _DEFAULT_SOURCE /* for kill, usleep */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "driver/mysql/conn.h"
#include "unit/driver/mysql/server.h"
#include "unit/random.h"

static void assert_error(const server *d, shunt_status got, shunt_status want, int code, const char *words) {
  if (got != want)
    fail_msg("%s instead of %s: %s", shunt_status_name(got), shunt_status_name(want), got ? d->err.message : "");
  assert_int_equal(d->err.engine_code, code);
  if (!strstr(d->err.message, words)) fail_msg("\"%s\" does not say \"%s\"", d->err.message, words);
}

static int64_t integer_of(server *d, const char *form) {
  run(d, form);
  return rows_row(d->rows, 0)[0].as.integer;
}

/* ---- max_allowed_packet ---- */

static shunt_status try_bytes(server *d, char *bytes, size_t size) {
  shunt_value text = shunt_blob(bytes, size);
  return try_run(d, "SELECT LENGTH(?)", &text, 1);
}

static void what_exceeds_max_allowed_packet_is_refused_and_loses_no_connection(void **state) {
  server *d = the_server(state);
  enum { ABOVE = 64, BELOW = 512, TRIES = 6 };
  rng r = rng_start("max_allowed_packet");
  char limit[32];
  size_t most = (size_t)integer_of(d, "SELECT @@max_allowed_packet");
  char *bytes = calloc(most + ABOVE, 1);
  assert_non_null(bytes);
  snprintf(limit, sizeof limit, "%zu", most);
  for (int i = 0; i < TRIES; i++) {
    size_t size = i == 0 ? most + ABOVE : i == 1 ? most - BELOW : most + ABOVE - rng_below(&r, ABOVE + BELOW);
    shunt_status status = try_bytes(d, bytes, size);
    assert_true(status == (size >= most ? SHUNT_E_USAGE : SHUNT_OK) || (size > most - 100 && size < most));
    if (!status) {
      assert_int_equal(rows_row(d->rows, 0)[0].as.integer, size);
      continue;
    }
    assert_error(d, status, SHUNT_E_USAGE, 1153, "max_allowed_packet");
    assert_non_null(strstr(d->err.message, limit));
    assert_int_equal(integer_of(d, "SELECT 1"), 1);
  }
  memset(bytes, ' ', most);
  memcpy(bytes, "SELECT 1", sizeof "SELECT 1" - 1);
  assert_error(d, e->send(d->conn, bytes, most, NULL, 0, &d->err), SHUNT_E_USAGE, 1153, limit);
  assert_int_equal(integer_of(d, "SELECT 1"), 1);
  free(bytes);
}

/* ---- interrupted ---- */

/* By another connection, which also waits until the statement runs. */
static void interrupt(server *d, const char *what) {
  server other;
  char sql[160];
  int64_t id = (int64_t)mysql_thread_id(mysql_of(d->conn)->db);
  init(&other);
  connect_to(&other);
  snprintf(sql, sizeof sql,
           "SELECT COUNT(*) FROM information_schema.processlist WHERE id = %" PRId64 " AND info LIKE '%%%%SLEEP%%%%'",
           id);
  for (int i = 0; i < 200 && !integer_of(&other, sql); i++) usleep(10000);
  snprintf(sql, sizeof sql, "KILL %s %" PRId64, what, id);
  run(&other, sql);
  disconnect(&other);
}

static shunt_status run_interrupted(server *d, const char *what) {
  char sql[128];
  snprintf(sql, sizeof sql, "SELECT id FROM %s WHERE SLEEP(60)", d->table);
  if (e->send(d->conn, sql, strlen(sql), NULL, 0, &d->err)) fail_msg("%s", d->err.message);
  e->start(d->conn);
  interrupt(d, what);
  return e->receive(d->conn, NULL, NULL, NULL, &d->err);
}

static void a_connection_that_was_killed_is_lost_and_not_late(void **state) {
  server *d = the_server(state);
  for (int in_transaction = 0; in_transaction < 2; in_transaction++) {
    if (in_transaction && e->begin(d->conn, NULL, false, &d->err)) fail_msg("%s", d->err.message);
    shunt_status status = run_interrupted(d, "CONNECTION");
    if (status != SHUNT_E_DATASOURCE) fail_msg("%s: %s", shunt_status_name(status), d->err.message);
    assert_true(d->err.engine_code == 1317 || d->err.engine_code == 1927 || d->err.engine_code == 2013);
    assert_string_equal(d->err.client, "main");
    assert_true(d->conn->broken);
    disconnect(d);
    connect_to(d);
  }
}

static void a_statement_that_was_killed_says_so_and_its_connection_goes_on(void **state) {
  server *d = the_server(state);
  assert_error(d, run_interrupted(d, "QUERY"), SHUNT_E_TIMEOUT, 1317, "interrupted");
  assert_false(d->conn->broken);
  assert_int_equal(integer_of(d, "SELECT 1"), 1);
}

/* ---- in other words ---- */

static void an_error_of_its_own_after_the_deadline_is_not_called_late(void **state) {
  server *d = the_server(state);
  mysql_conn *conn = mysql_of(d->conn);
  char sql[128];
  snprintf(sql, sizeof sql, "INSERT INTO %s (id, name) VALUES (1, 'a')", d->table);
  conn->until_ns = clock_monotonic_ns() + 60 * NS_PER_S;
  assert_error(d, mysqldb_control(conn, sql, &d->err), SHUNT_E_CONSTRAINT, 1062, "uplicate");
  conn->until_ns = 0;
}

/* The servers use the texts of their warnings: "has been ignored", "truncated". */
static void a_write_that_failed_is_not_called_changed(void **state) {
  server *d = the_server(state);
  run(d, "ALTER TABLE %s ADD g VARCHAR(50) AS (CONCAT(name, '!')), ADD en ENUM('a', 'b'), ADD n INTEGER");
  static const char *const writes[] = {"INSERT INTO %s (name, g) VALUES ('x', 'y')",
                                       "INSERT INTO %s (name, en) VALUES ('x', 'z')",
                                       "INSERT INTO %s (name, n) VALUES ('x', CAST('12abc' AS SIGNED))"};
  for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
    char sql[160];
    snprintf(sql, sizeof sql, writes[i], d->table);
    shunt_status status = try_run(d, sql, NULL, 0);
    if (status != SHUNT_E_CONSTRAINT) fail_msg("%s: %s %s", sql, shunt_status_name(status), d->err.message);
    bool of_a_warning = strstr(d->err.message, "ignored") || strstr(d->err.message, "runcated");
    if (of_a_warning && !strstr(d->err.message, "the write was refused")) fail_msg("%s", d->err.message);
  }
  assert_int_equal(integer_of(d, "SELECT COUNT(*) FROM %s"), 3);
}

static void what_a_trigger_refuses_is_no_failure_of_the_datasource(void **state) {
  server *d = the_server(state);
  run(d, "CREATE TRIGGER %s_t BEFORE INSERT ON %s FOR EACH ROW SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'not today', "
         "MYSQL_ERRNO = 5000");
  char sql[128];
  snprintf(sql, sizeof sql, "INSERT INTO %s (name) VALUES ('x')", d->table);
  assert_error(d, try_run(d, sql, NULL, 0), SHUNT_E_CONSTRAINT, 5000, "not today");
  assert_string_equal(d->err.sqlstate, "45001");
}

/* ---- after a fork ---- */

/* Threads that keep deadlines are not there in the child. */
static void a_child_keeps_deadlines_too(void **state) {
#ifdef __SANITIZE_THREAD__
  skip(); /* the sanitizer starts no threads in a child */
#endif
  server *d = the_server(state), own;
  int status = 0;
  d->conn->deadline_ns = clock_monotonic_ns() + 60 * NS_PER_S;
  run(d, "SELECT 1");
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    init(&own);
    if (e->open(&own.client, 0, &own.conn, &own.err)) _exit(1);
    own.conn->deadline_ns = clock_monotonic_ns() + 100 * NS_PER_MS;
    snprintf(own.table, sizeof own.table, "%s", d->table);
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT id FROM %s WHERE SLEEP(60)", own.table);
    _exit(try_run(&own, sql, NULL, 0) == SHUNT_E_TIMEOUT ? 0 : 2);
  }
  for (int i = 0; i < 200 && waitpid(child, &status, WNOHANG) == 0; i++) usleep(50000);
  if (!WIFEXITED(status)) kill(child, SIGKILL);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_exceeds_max_allowed_packet_is_refused_and_loses_no_connection),
      TEST(a_connection_that_was_killed_is_lost_and_not_late),
      TEST(a_statement_that_was_killed_says_so_and_its_connection_goes_on),
      TEST(an_error_of_its_own_after_the_deadline_is_not_called_late),
      TEST(a_write_that_failed_is_not_called_changed),
      TEST(what_a_trigger_refuses_is_no_failure_of_the_datasource),
      TEST(a_child_keeps_deadlines_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
