/* Statements that exceed their deadline: on the server, on the connection, and for the caller. */
#define _DEFAULT_SOURCE /* for kill, usleep */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "unit/driver/pg/server.h"

static void give_time(server *s, int64_t ms) { s->conn->deadline_ns = clock_monotonic_ns() + ms * NS_PER_MS; }

static void assert_timeout(server *s, shunt_status got, const char *words) {
  assert_fails(s, got, SHUNT_E_TIMEOUT, words);
}

/* Another connection, for looking at what the first one does. */
static void open_other(server *other) {
  init(other);
  if (driver_pg.open(&other->client, 0, &other->conn, &other->err)) fail_msg("%s", other->err.message);
}

static void close_other(server *other) {
  shunt_rows_free(other->rows);
  driver_pg.close(other->conn);
}

static int64_t look(const char *sql) {
  server other;
  open_other(&other);
  int64_t found = integer_of(&other, sql);
  close_other(&other);
  return found;
}

/* It ends at some time. */
static void assert_ends(const char *words) {
  char sql[200];
  snprintf(
      sql, sizeof sql,
      "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%%%s%%'",
      words);
  for (int i = 0; i < 200 && look(sql); i++) usleep(50000);
  assert_int_equal(look(sql), 0);
}

static void make_table(server *s) {
  run(s, "DROP TABLE IF EXISTS timed");
  run(s, "CREATE TABLE timed (id int)");
}

static void drop_table(void) {
  server other;
  open_other(&other);
  run(&other, "DROP TABLE timed");
  close_other(&other);
}

/* ---- cancelled ---- */

static void a_statement_that_takes_too_long_is_ended_on_the_server(void **state) {
  server *s = server_of(state);
  give_time(s, 100);
  assert_timeout(s, try_run(s, "SELECT pg_sleep(60) /* too long */"), "was cancelled");
  assert_string_equal(s->err.sqlstate, "57014");
  assert_true(s->conn->broken);
  assert_ends("too long");
}

static void a_write_that_was_cancelled_is_not_done(void **state) {
  server *s = server_of(state);
  make_table(s);
  give_time(s, 100);
  assert_timeout(s, try_run(s, "INSERT INTO timed SELECT 1 FROM pg_sleep(60)"), "was cancelled");
  assert_true(s->conn->broken);
  assert_int_equal(look("SELECT count(*) FROM timed"), 0);
  drop_table();
}

static void what_succeeds_though_it_was_cancelled_gives_its_success(void **state) {
  server *s = server_of(state);
  make_table(s);
  run(s, "DO 'BEGIN PERFORM pg_sleep(0); EXCEPTION WHEN query_canceled THEN NULL; END'"); /* the language is loaded */
  give_time(s, 300);
  run(s, "DO 'BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN INSERT INTO timed VALUES (1); END'");
  assert_true(s->conn->broken);
  assert_int_equal(look("SELECT count(*) FROM timed"), 1);
  drop_table();
}

static void preparing_a_statement_has_its_time_too(void **state) {
  server *s = server_of(state), other;
  make_table(s);
  open_other(&other);
  begin_transaction(&other);
  run(&other, "LOCK TABLE timed");
  give_time(s, 100);
  assert_timeout(s, try_run(s, "SELECT * FROM timed"), "was cancelled");
  assert_true(s->conn->broken);
  driver_pg.rollback(other.conn);
  close_other(&other);
  drop_table();
}

static void a_transaction_in_which_time_ran_out_takes_nothing_more(void **state) {
  server *s = server_of(state);
  make_table(s);
  begin_transaction(s);
  run(s, "INSERT INTO timed VALUES (1)");
  give_time(s, 100);
  assert_timeout(s, try_run(s, "SELECT pg_sleep(60)"), "was cancelled");
  s->conn->deadline_ns = 0;
  assert_fails(s, try_run(s, "INSERT INTO timed VALUES (2)"), SHUNT_E_TRANSACTION, "ran out of time");
  assert_fails(s, driver_pg.commit(s->conn, &s->err), SHUNT_E_TRANSACTION, "rolled back");
  assert_true(s->conn->broken);
  driver_pg.close(s->conn);
  s->conn = NULL;
  assert_int_equal(look("SELECT count(*) FROM timed"), 0);
  drop_table();
}

/* A statement that succeeds after its cancellation leaves no time to the next one. */
static void a_transaction_is_only_said_to_have_run_out_of_time_after_a_timeout(void **state) {
  server *s = server_of(state);
  for (int i = 0; i < 2; i++) {
    begin_transaction(s);
    run(s, "DO 'BEGIN PERFORM pg_sleep(0); EXCEPTION WHEN query_canceled THEN NULL; END'"); /* the language is loaded */
    give_time(s, 300);
    run(s, "DO 'BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END'");
    shunt_status next = i ? driver_pg.commit(s->conn, &s->err) : try_run(s, "SELECT 1");
    assert_timeout(s, next, "its transaction is rolled back");
    if (i == 0) assert_fails(s, driver_pg.commit(s->conn, &s->err), SHUNT_E_TRANSACTION, "ran out of time");
    assert_true(s->conn->broken);
    driver_pg.close(s->conn);
    if (driver_pg.open(&s->client, 0, &s->conn, &s->err)) fail_msg("%s", s->err.message);
  }
}

static void a_commit_that_takes_too_long_is_cancelled_too(void **state) {
  server *s = server_of(state);
  make_table(s);
  run(s, "CREATE OR REPLACE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN "
         "NULL; END'");
  run(s, "CREATE CONSTRAINT TRIGGER naps AFTER INSERT ON timed DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
         "FUNCTION nap()");
  begin_transaction(s);
  run(s, "INSERT INTO timed VALUES (1)");
  give_time(s, 100);
  assert_timeout(s, driver_pg.commit(s->conn, &s->err), "was cancelled");
  assert_false(s->conn->in_transaction);
  assert_true(s->conn->broken);
  assert_int_equal(look("SELECT count(*) FROM timed"), 0);
  drop_table();
}

/* ---- not sent ---- */

static void nothing_is_begun_when_the_time_is_up(void **state) {
  server *s = server_of(state);
  driver_table *t = NULL;
  make_table(s);
  begin_transaction(s);
  run(s, "INSERT INTO timed VALUES (1)");
  s->conn->deadline_ns = 1;
  assert_timeout(s, try_run(s, "INSERT INTO timed VALUES (2)"), "was not done");
  assert_timeout(s, driver_pg.describe(s->conn, NULL, "timed", &t, &s->err), "was not done");
  assert_timeout(s, driver_pg.commit(s->conn, &s->err), "was not done");
  assert_timeout(s, driver_pg.begin(s->conn, NULL, false, &s->err), "was not done");
  assert_false(s->conn->in_transaction);
  assert_false(s->conn->broken);
  s->conn->deadline_ns = 0;
  assert_int_equal(integer_of(s, "SELECT count(*) FROM timed"), 0);
  drop_table();
}

static void there_is_time_to_roll_back_when_the_time_is_up(void **state) {
  server *s = server_of(state);
  begin_transaction(s);
  run(s, "SELECT 1");
  s->conn->deadline_ns = 1;
  driver_pg.rollback(s->conn);
  assert_false(s->conn->broken);
  s->conn->deadline_ns = 0;
  assert_int_equal(integer_of(s, "SELECT 1"), 1);
}

/* ---- a server that does not answer ---- */

/* The server's process for the connection, stopped; only where it is a process of this machine that we may stop. */
static pid_t stop_server(server *s) {
  char path[40], name[16] = "";
  pid_t pid = (pid_t)PQbackendPID(pg_of(s->conn)->pg);
  snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
  FILE *file = fopen(path, "r");
  if (file) {
    if (!fgets(name, sizeof name, file)) name[0] = 0;
    fclose(file);
  }
  if (PQhost(pg_of(s->conn)->pg)[0] != '/' || strncmp(name, "postgres", 8) != 0 || kill(pid, SIGSTOP)) skip();
  return pid;
}

static void a_server_that_has_stopped_is_given_up(void **state) {
  server *s = server_of(state);
  make_table(s);
  pid_t pid = stop_server(s);
  give_time(s, 100);
  shunt_status status = try_run(s, "INSERT INTO timed VALUES (1)");
  driver_pg.rollback(s->conn);
  driver_pg.close(s->conn);
  s->conn = NULL;
  kill(pid, SIGCONT);
  assert_timeout(s, status, "did not answer");
  drop_table();
}

static void a_commit_whose_outcome_is_not_known_says_so(void **state) {
  server *s = server_of(state);
  begin_transaction(s);
  run(s, "SELECT 1");
  pid_t pid = stop_server(s);
  give_time(s, 100);
  shunt_status status = driver_pg.commit(s->conn, &s->err);
  kill(pid, SIGCONT);
  assert_timeout(s, status, "did not answer");
  assert_int_equal(s->conn->outcome, SHUNT_UNKNOWN);
  assert_false(s->conn->in_transaction);
  assert_true(s->conn->broken);
}

static void a_rollback_waits_no_longer_than_the_grace(void **state) {
  server *s = server_of(state);
  begin_transaction(s);
  pid_t pid = stop_server(s);
  give_time(s, 100);
  driver_pg.rollback(s->conn);
  kill(pid, SIGCONT);
  assert_false(s->conn->in_transaction);
  assert_true(s->conn->broken);
}

static void what_does_not_fit_on_the_wire_waits_no_longer(void **state) {
  server *s = server_of(state);
  static const char sql[] = "SELECT length(?::bytea)";
  size_t size = (size_t)32 << 20;
  char *bytes = base_zalloc(size);
  assert_non_null(bytes);
  shunt_value big = shunt_blob(bytes, size);
  assert_int_equal(try_with(s, sql, &big, 1), SHUNT_OK);
  assert_int_equal(shunt_rows_at(s->rows, 0)[0].as.integer, (int64_t)size);
  pid_t pid = stop_server(s);
  give_time(s, 100);
  shunt_status status = driver_pg.send(s->conn, sql, sizeof sql - 1, &big, 1, &s->err);
  int fd = status ? -1 : driver_pg.start(s->conn);
  if (!status) status = driver_pg.receive(s->conn, NULL, NULL, NULL, &s->err);
  kill(pid, SIGCONT);
  base_free(bytes);
  assert_int_equal(fd, -1);
  assert_timeout(s, status, "did not answer");
}

static void a_load_waits_no_longer(void **state) {
  server *s = server_of(state);
  static const char *const columns[] = {"id"};
  const char *sql;
  shunt_value row = shunt_integer(1);
  make_table(s);
  begin_transaction(s);
  assert_int_equal(driver_pg.load_begin(s->conn, "timed", columns, 1, &sql, &s->err), SHUNT_OK);
  pid_t pid = stop_server(s);
  give_time(s, 100);
  shunt_status status = SHUNT_OK;
  for (int i = 0; i < 10000000 && !status; i++) status = driver_pg.load_row(s->conn, &row, &s->err);
  driver_pg.load_end(s->conn, false, NULL, NULL);
  driver_pg.rollback(s->conn);
  driver_pg.close(s->conn);
  s->conn = NULL;
  kill(pid, SIGCONT);
  assert_timeout(s, status, "did not answer");
  drop_table();
}

static void a_server_that_never_takes_a_connection_is_given_up(void **state) {
  server *s = server_of(state), other;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  char port[8];
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  (void)s;
  assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
  assert_int_equal(listen(fd, 1), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
  snprintf(port, sizeof port, "%d", ntohs(at.sin_port));
  init(&other);
  other.options[0] = (cat_option){"host", "127.0.0.1", false};
  other.options[1] = (cat_option){"port", port, false};
  other.options[2] = (cat_option){"connect_timeout", "1500ms", false};
  other.client.noptions = 3;
  int64_t soon_ns = clock_monotonic_ns() + 100 * NS_PER_MS;
  assert_timeout(&other, driver_pg.open(&other.client, soon_ns, &other.conn, &other.err), "accepted the connection");
  assert_fails(&other, driver_pg.open(&other.client, 0, &other.conn, &other.err), SHUNT_E_DATASOURCE, "within 2 s");
  close(fd);
}

/* ---- started ---- */

static void what_was_started_tells_by_its_socket_that_it_can_be_received(void **state) {
  server *s = server_of(state);
  static const char sql[] = "SELECT 7 FROM pg_sleep(0.1)";
  for (int i = 0; i < 3; i++) {
    assert_int_equal(driver_pg.send(s->conn, sql, sizeof sql - 1, NULL, 0, &s->err), SHUNT_OK);
    struct pollfd at = {.fd = driver_pg.start(s->conn), .events = POLLIN};
    assert_true(at.fd >= 0);
    assert_int_equal(poll(&at, 1, 60000), 1);
    shunt_rows *rows = rows_new();
    assert_int_equal(driver_pg.receive(s->conn, rows, NULL, NULL, &s->err), SHUNT_OK);
    assert_int_equal(shunt_rows_at(rows, 0)[0].as.integer, 7);
    shunt_rows_free(rows);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_statement_that_takes_too_long_is_ended_on_the_server),
      TEST(a_write_that_was_cancelled_is_not_done),
      TEST(what_succeeds_though_it_was_cancelled_gives_its_success),
      TEST(preparing_a_statement_has_its_time_too),
      TEST(a_transaction_in_which_time_ran_out_takes_nothing_more),
      TEST(a_transaction_is_only_said_to_have_run_out_of_time_after_a_timeout),
      TEST(a_commit_that_takes_too_long_is_cancelled_too),
      TEST(nothing_is_begun_when_the_time_is_up),
      TEST(there_is_time_to_roll_back_when_the_time_is_up),
      TEST(a_server_that_has_stopped_is_given_up),
      TEST(a_commit_whose_outcome_is_not_known_says_so),
      TEST(a_rollback_waits_no_longer_than_the_grace),
      TEST(what_does_not_fit_on_the_wire_waits_no_longer),
      TEST(a_load_waits_no_longer),
      TEST(a_server_that_never_takes_a_connection_is_given_up),
      TEST(what_was_started_tells_by_its_socket_that_it_can_be_received),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
