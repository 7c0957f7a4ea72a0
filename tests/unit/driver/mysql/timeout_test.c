/* Statements that exceed their deadline: on the server, on the connection, and for the caller. Also statements that
 * were started. */
#define _DEFAULT_SOURCE /* for kill, usleep */
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "unit/driver/mysql/relay.h"
#include "unit/driver/mysql/server.h"
#include "unit/random.h"

static int64_t soon(void) { return clock_monotonic_ns() + 100 * NS_PER_MS; }

static shunt_status try_plain(server *d, const char *form) {
  char sql[512];
  snprintf(sql, sizeof sql, form, d->table, d->table);
  return try_run(d, sql, NULL, 0);
}

static shunt_status send_plain(server *d, const char *form) {
  static char sql[512];
  snprintf(sql, sizeof sql, form, d->table, d->table);
  return e->send(d->conn, sql, strlen(sql), NULL, 0, &d->err);
}

static int64_t integer_of(server *d, const char *form) {
  run(d, form);
  assert_int_equal(d->rows->count, 1);
  return rows_row(d->rows, 0)[0].as.integer;
}

/* As another connection finds it. */
static int64_t look(const char *form) {
  server other;
  init(&other);
  connect_to(&other);
  int64_t found = integer_of(&other, form);
  disconnect(&other);
  return found;
}

static void assert_fails(server *d, shunt_status got, shunt_status want, const char *words) {
  if (got != want)
    fail_msg("%s instead of %s: %s", shunt_status_name(got), shunt_status_name(want), got ? d->err.message : "");
  if (!strstr(d->err.message, words)) fail_msg("\"%s\" does not say \"%s\"", d->err.message, words);
  assert_string_equal(d->err.client, "main");
}

static void assert_timeout(server *d, shunt_status got, const char *words) {
  assert_fails(d, got, SHUNT_E_TIMEOUT, words);
}

/* It ends at some time. */
static void assert_ends(const char *words) {
  char sql[200];
  snprintf(sql, sizeof sql, "SELECT count(*) FROM information_schema.processlist WHERE info REGEXP '[%c]%s'", words[0],
           words + 1); /* which is not found in itself */
  for (int i = 0; i < 200 && look(sql); i++) usleep(50000);
  assert_int_equal(look(sql), 0);
}

static void begin_transaction(server *d) {
  if (e->begin(d->conn, NULL, false, &d->err)) fail_msg("%s", d->err.message);
}

/* ---- cancelled ---- */

/* SLEEP stands beside something else in these: MySQL's ends without an error when it is all that was cancelled. */

static void a_statement_that_takes_too_long_is_ended_on_the_server(void **state) {
  server *d = the_server(state);
  d->conn->deadline_ns = soon();
  assert_timeout(d, try_plain(d, "SELECT id FROM %s WHERE SLEEP(60) /* too long */"), "was cancelled");
  assert_int_equal(d->err.engine_code, 1317);
  assert_true(d->conn->broken);
  assert_ends("too long");
}

static void a_write_that_waits_for_a_row_is_cancelled_and_not_done(void **state) {
  server *d = the_server(state), other;
  init(&other);
  connect_to(&other);
  begin_transaction(&other);
  run(&other, "UPDATE %s SET name = 'held' WHERE id = 1");
  d->conn->deadline_ns = soon();
  assert_timeout(d, try_plain(d, "UPDATE %s SET name = 'late'"), "was cancelled");
  assert_true(d->conn->broken);
  e->rollback(other.conn);
  disconnect(&other);
  assert_int_equal(look("SELECT count(*) FROM %s WHERE name = 'late'"), 0);
}

static void rows_that_never_end_are_cancelled_though_nobody_waits(void **state) {
  server *d = the_server(state);
  static const char all[] = "SELECT a.column_name, b.column_name FROM information_schema.columns AS a, "
                            "information_schema.columns AS b, information_schema.columns AS c /* endless */";
  assert_int_equal(e->send(d->conn, all, sizeof all - 1, NULL, 0, &d->err), SHUNT_OK);
  d->conn->deadline_ns = soon();
  assert_timeout(d, e->receive(d->conn, NULL, NULL, NULL, &d->err), " ms");
  assert_true(d->conn->broken);
  disconnect(d);
  assert_ends("endless");
}

static void a_transaction_in_which_time_ran_out_takes_nothing_more(void **state) {
  server *d = the_server(state);
  begin_transaction(d);
  run(d, "DELETE FROM %s");
  d->conn->deadline_ns = soon();
  assert_timeout(d, try_plain(d, "SELECT 1 FROM information_schema.tables WHERE SLEEP(60)"), "was cancelled");
  d->conn->deadline_ns = 0;
  assert_fails(d, try_plain(d, "DELETE FROM %s"), SHUNT_E_TRANSACTION, "ran out of time");
  assert_fails(d, e->commit(d->conn, &d->err), SHUNT_E_TRANSACTION, "rolled back");
  assert_true(d->conn->broken);
  disconnect(d);
  assert_int_equal(look("SELECT count(*) FROM %s"), 3);
}

/* ---- not sent ---- */

static void nothing_is_begun_when_the_time_is_up(void **state) {
  server *d = the_server(state);
  driver_table *t = NULL;
  begin_transaction(d);
  run(d, "DELETE FROM %s");
  assert_int_equal(send_plain(d, "SELECT 1"), SHUNT_OK);
  d->conn->deadline_ns = 1;
  assert_int_equal(e->start(d->conn), -1);
  assert_timeout(d, e->receive(d->conn, NULL, NULL, NULL, &d->err), "was not done");
  assert_timeout(d, try_plain(d, "DELETE FROM %s"), "was not done");
  assert_timeout(d, e->describe(d->conn, NULL, d->table, &t, &d->err), "was not done");
  assert_timeout(d, e->commit(d->conn, &d->err), "was not done");
  assert_timeout(d, e->begin(d->conn, NULL, false, &d->err), "was not done");
  assert_timeout(d, e->open(&d->client, 1, &(driver_conn *){NULL}, &d->err), "was not done");
  assert_false(d->conn->in_transaction);
  assert_false(d->conn->broken);
  d->conn->deadline_ns = 0;
  assert_int_equal(integer_of(d, "SELECT count(*) FROM %s"), 3);
}

static void an_error_just_before_the_time_is_up_leaves_the_transaction_as_it_was(void **state) {
  server *d = the_server(state);
  begin_transaction(d);
  run(d, "DELETE FROM %s WHERE id = 1");
  d->conn->deadline_ns = clock_monotonic_ns() + 60000 * NS_PER_MS;
  assert_int_equal(try_plain(d, "INSERT INTO %s (id, name) VALUES (2, 'twice')"), SHUNT_E_CONSTRAINT);
  assert_int_equal(e->commit(d->conn, &d->err), SHUNT_OK);
  assert_false(d->conn->broken);
  d->conn->deadline_ns = 0;
  assert_int_equal(integer_of(d, "SELECT count(*) FROM %s"), 2);
}

/* ---- a server that does not answer ---- */

typedef struct silence {
  relay relay;
  server server; /* through the relay */
} silence;

static silence *begin_silence(void) {
  static silence s;
  const char *url = getenv("SHUNT_TEST_MYSQL_TCP"), *at = url ? strchr(url, '@') : NULL,
             *port = at ? strchr(at, ':') : NULL;
  if (!port) skip();
  if (!relay_start(&s.relay, (uint16_t)strtoul(port + 1, NULL, 10))) fail_msg("no relay");
  init(&s.server);
  s.server.options[0].value = url;
  s.server.options[1] = (cat_option){"port", s.relay.port, true};
  s.server.client.noptions = 2;
  connect_to(&s.server);
  return &s;
}

static void end_silence(silence *s) {
  disconnect(&s->server);
  relay_end(&s->relay);
}

static void a_silent_server_is_given_up(void **state) {
  the_server(state);
  silence *s = begin_silence();
  server *d = &s->server;
  assert_int_equal(send_plain(d, "INSERT INTO %s (name) VALUES ('d')"), SHUNT_OK);
  s->relay.silent = true;
  d->conn->deadline_ns = soon();
  assert_timeout(d, e->receive(d->conn, NULL, NULL, NULL, &d->err), "did not answer");
  assert_int_equal(d->conn->outcome, SHUNT_UNKNOWN);
  assert_true(d->conn->broken);
  end_silence(s);
}

static void a_silent_server_is_given_up_while_preparing_and_connecting(void **state) {
  the_server(state);
  silence *s = begin_silence();
  server *d = &s->server;
  driver_conn *conn = NULL;
  s->relay.silent = true;
  d->conn->deadline_ns = soon();
  assert_timeout(d, send_plain(d, "SELECT 1"), "did not answer");
  assert_true(d->conn->broken);
  assert_timeout(d, e->open(&d->client, soon(), &conn, &d->err), "accept the connection");
  end_silence(s);
}

static void a_server_that_falls_silent_in_the_middle_of_rows_is_given_up(void **state) {
  the_server(state);
  silence *s = begin_silence();
  server *d = &s->server;
  assert_int_equal(send_plain(d, "SELECT id, t FROM %s"), SHUNT_OK);
  s->relay.bytes_to_silence = 20000;
  d->conn->deadline_ns = soon();
  d->rows = rows_new();
  assert_timeout(d, e->receive(d->conn, d->rows, NULL, NULL, &d->err), "did not answer");
  assert_true(d->conn->broken);
  end_silence(s);
}

static void a_commit_whose_outcome_is_not_known_says_so(void **state) {
  the_server(state);
  silence *s = begin_silence();
  server *d = &s->server;
  begin_transaction(d);
  run(d, "DELETE FROM %s");
  s->relay.silent = true;
  d->conn->deadline_ns = soon();
  assert_timeout(d, e->commit(d->conn, &d->err), "did not answer");
  assert_int_equal(d->conn->outcome, SHUNT_UNKNOWN);
  assert_false(d->conn->in_transaction);
  assert_true(d->conn->broken);
  end_silence(s);
}

static void a_rollback_has_a_little_time_and_no_more(void **state) {
  the_server(state);
  silence *s = begin_silence();
  server *d = &s->server;
  begin_transaction(d);
  d->conn->deadline_ns = 1;
  e->rollback(d->conn);
  assert_false(d->conn->broken);
  d->conn->deadline_ns = 0;
  begin_transaction(d);
  s->relay.silent = true;
  d->conn->deadline_ns = 1;
  e->rollback(d->conn);
  assert_false(d->conn->in_transaction);
  assert_true(d->conn->broken);
  end_silence(s);
}

static void what_the_server_does_not_take_waits_no_longer(void **state) {
  the_server(state);
  silence *s = begin_silence();
  server *d = &s->server;
  static const char sql[] = "SELECT length(?)";
  size_t size = (size_t)15 << 20; /* more than sockets buffer, and less than the default of max_allowed_packet */
  char *bytes = base_zalloc(size);
  assert_non_null(bytes);
  shunt_value big = shunt_blob(bytes, size);
  assert_int_equal(e->send(d->conn, sql, sizeof sql - 1, &big, 1, &d->err), SHUNT_OK);
  s->relay.silent = true;
  d->conn->deadline_ns = soon();
  e->start(d->conn);
  assert_timeout(d, e->receive(d->conn, NULL, NULL, NULL, &d->err), "did not answer");
  base_free(bytes);
  end_silence(s);
}

static void what_succeeds_though_it_was_cancelled_gives_its_success(void **state) {
  the_server(state);
  silence *s = begin_silence();
  server *d = &s->server;
  assert_int_equal(send_plain(d, "INSERT INTO %s (name) VALUES ('d')"), SHUNT_OK);
  s->relay.holding = true;
  usleep(20000); /* it looks every few ms */
  d->conn->deadline_ns = soon();
  assert_int_equal(e->receive(d->conn, NULL, &d->affected, NULL, &d->err), SHUNT_OK);
  assert_int_equal(d->affected, 1);
  assert_true(d->conn->broken);
  assert_false(s->relay.holding);
  end_silence(s);
  assert_int_equal(look("SELECT count(*) FROM %s"), 4);
}

/* An operation at random that fits the connection's state. */
static shunt_status try_any(server *d, rng *r, bool *begins) {
  char sql[64];
  const bool open = d->conn->in_transaction;
  size_t which = rng_below(r, 8);
  *begins = which == 0 && !open;
  if (*begins) return e->begin(d->conn, NULL, false, &d->err);
  if (which == 0) return e->commit(d->conn, &d->err);
  if (which == 1 && !open) return try_plain(d, "CHECK TABLE %s");                /* which goes as text, and commits */
  snprintf(sql, sizeof sql, "SELECT %zu, count(*) FROM %%s", rng_below(r, 100)); /* most are to be prepared */
  return try_plain(d, sql);
}

/* Whether the status may follow; `told`: a timeout was reported in the transaction. */
static bool is_fitting(shunt_status status, bool told) {
  return !status || status == SHUNT_E_TIMEOUT || (status == SHUNT_E_TRANSACTION && told);
}

/* Some answers are held until the statement was cancelled: what succeeds then has no time left for the next step. */
static void a_transaction_is_only_said_to_have_run_out_of_time_after_a_timeout(void **state) {
  the_server(state);
  rng r = rng_start("short timeouts");
  size_t late = 0;
  for (int round = 0; round < 25 || (!late && round < 250); round++) {
    silence *s = begin_silence();
    server *d = &s->server;
    bool told = false, fits = true, begins;
    for (int step = 0; step < 5 && fits && !(d->conn->broken && !d->conn->in_transaction); step++) {
      s->relay.holding = rng_below(&r, 3) == 0;
      if (s->relay.holding) usleep(5000); /* it looks every few ms */
      d->conn->deadline_ns = clock_monotonic_ns() + (int64_t)(1 + rng_below(&r, 3)) * NS_PER_MS;
      shunt_status status = try_any(d, &r, &begins);
      s->relay.holding = false;
      fits = is_fitting(status, told);
      late += d->conn->broken && !status;
      told = begins && !status ? false : told || status == SHUNT_E_TIMEOUT;
    }
    end_silence(s);
    if (!fits) fail_msg("%s", s->server.err.message);
  }
  assert_true(late > 0);
}

/* Only a private server, which no other test uses: sh tests/engines/with-servers.sh --private … */
static pid_t private_server(void) {
  const char *servers = getenv("SHUNT_TEST_SERVERS");
  char path[256], line[32] = "";
  snprintf(path, sizeof path, "%s/mysql/pid", servers ? servers : "");
  FILE *file = servers ? fopen(path, "r") : NULL;
  if (!file) skip();
  if (!fgets(line, sizeof line, file)) line[0] = 0;
  fclose(file);
  return (pid_t)strtol(line, NULL, 10);
}

/* Whether none of its threads runs any more. */
static bool is_stopped(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
  DIR *tasks = opendir(path);
  assert_non_null(tasks);
  bool stopped = true;
  for (struct dirent *task; stopped && (task = readdir(tasks));) {
    char stat[128], line[512] = "";
    if (task->d_name[0] == '.') continue;
    snprintf(stat, sizeof stat, "%s/%.20s/stat", path, task->d_name);
    FILE *file = fopen(stat, "r");
    if (file && fgets(line, sizeof line, file)) {
      const char *name_end = strrchr(line, ')');
      stopped = name_end && name_end[2] == 'T';
    }
    if (file) fclose(file);
  }
  closedir(tasks);
  return stopped;
}

static void a_stopped_server_is_given_up(void **state) {
  server *d = the_server(state);
  pid_t pid = private_server();
  driver_conn *conn = NULL;
  shunt_error opening;
  assert_int_equal(send_plain(d, "SELECT * FROM %s"), SHUNT_OK);
  assert_int_equal(kill(pid, SIGSTOP), 0);
  while (!is_stopped(pid)) sched_yield(); /* a signal takes its time */
  d->conn->deadline_ns = soon();
  shunt_status read = e->receive(d->conn, NULL, NULL, NULL, &d->err);
  shunt_status opened = e->open(&d->client, soon(), &conn, &opening);
  kill(pid, SIGCONT);
  assert_timeout(d, read, "did not answer");
  assert_int_equal(opened, SHUNT_E_TIMEOUT);
}

/* ---- started ---- */

static bool is_readable(int fd, int timeout_ms) {
  struct pollfd at = {.fd = fd, .events = POLLIN};
  return poll(&at, 1, timeout_ms) == 1;
}

static void what_was_started_runs_beside_what_is_started_after_it(void **state) {
  server *d = the_server(state), other;
  init(&other);
  connect_to(&other);
  for (int i = 0; i < 3; i++) {
    run(&other, "SELECT GET_LOCK('%s', 0)");
    assert_int_equal(send_plain(d, "SELECT GET_LOCK('%s', 60)"), SHUNT_OK);
    int first = e->start(d->conn);
    assert_true(first >= 0);
    assert_false(is_readable(first, 20));
    assert_int_equal(send_plain(&other, "SELECT RELEASE_LOCK('%s')"), SHUNT_OK);
    int second = e->start(other.conn);
    assert_true(second == -1 || is_readable(second, 60000));
    assert_true(is_readable(first, 60000));
    assert_int_equal(e->receive(other.conn, NULL, NULL, NULL, &other.err), SHUNT_OK);
    assert_int_equal(e->receive(d->conn, NULL, NULL, NULL, &d->err), SHUNT_OK);
    assert_int_equal(integer_of(d, "SELECT RELEASE_LOCK('%s')"), 1);
  }
  disconnect(&other);
}

static shunt_status start_and_receive(server *d, const char *form) {
  shunt_rows_free(d->rows);
  d->rows = rows_new();
  shunt_status status = send_plain(d, form);
  if (status) return status;
  e->start(d->conn);
  return e->receive(d->conn, d->rows, &d->affected, &d->id, &d->err);
}

static void what_was_started_gives_what_it_gives_otherwise(void **state) {
  server *d = the_server(state);
  for (int round = 0; round < 2; round++) {
    d->conn->deadline_ns = round ? clock_monotonic_ns() + 60000 * NS_PER_MS : 0;
    assert_int_equal(start_and_receive(d, "SELECT t FROM %s ORDER BY id"), SHUNT_OK);
    assert_int_equal(d->rows->count, 3);
    assert_int_equal(rows_row(d->rows, 2)[0].size, 50000);
    assert_int_equal(start_and_receive(d, "CHECK TABLE %s"), SHUNT_OK); /* which goes as text */
    assert_int_equal(d->rows->count, 1);
    assert_int_equal(start_and_receive(d, "INSERT INTO %s (name) VALUES ('d')"), SHUNT_OK);
    assert_int_equal(d->affected, 1);
    assert_int_equal(d->id, 4);
    assert_int_equal(start_and_receive(d, "INSERT INTO %s (id, name) VALUES (1, 'd')"), SHUNT_E_CONSTRAINT);
    run(d, "DELETE FROM %s WHERE id > 3");
    run(d, "ALTER TABLE %s AUTO_INCREMENT = 4");
  }
  assert_false(d->conn->broken);
}

static void what_was_started_is_prepared_again_when_its_table_has_changed(void **state) {
  server *d = the_server(state);
  run(d, "SELECT * FROM %s");
  run(d, "ALTER TABLE %s ADD COLUMN more INTEGER DEFAULT 7");
  assert_int_equal(start_and_receive(d, "SELECT * FROM %s"), SHUNT_OK);
  assert_int_equal(d->rows->ncolumns, 4);
  assert_int_equal(rows_row(d->rows, 2)[3].as.integer, 7);
}

static void what_was_started_has_its_time_too(void **state) {
  server *d = the_server(state);
  assert_int_equal(send_plain(d, "SELECT id FROM %s WHERE SLEEP(60) /* started */"), SHUNT_OK);
  d->conn->deadline_ns = soon();
  assert_true(e->start(d->conn) >= 0);
  assert_timeout(d, e->receive(d->conn, NULL, NULL, NULL, &d->err), "was cancelled");
  assert_true(d->conn->broken);
  assert_ends("started");
}

static void what_was_started_and_not_received_ends_with_its_connection(void **state) {
  server *d = the_server(state);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(send_plain(d, i ? "SELECT 1" : "SELECT SLEEP(0.1)"), SHUNT_OK);
    int fd = e->start(d->conn);
    assert_true(fd == -1 || i == 0 || is_readable(fd, 60000));
    e->rollback(d->conn);
    assert_true(d->conn->broken);
    assert_int_equal(try_plain(d, "SELECT 1"), SHUNT_E_DATASOURCE);
    disconnect(d);
    connect_to(d);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_statement_that_takes_too_long_is_ended_on_the_server),
      TEST(a_write_that_waits_for_a_row_is_cancelled_and_not_done),
      TEST(rows_that_never_end_are_cancelled_though_nobody_waits),
      TEST(a_transaction_in_which_time_ran_out_takes_nothing_more),
      TEST(nothing_is_begun_when_the_time_is_up),
      TEST(an_error_just_before_the_time_is_up_leaves_the_transaction_as_it_was),
      TEST(a_silent_server_is_given_up),
      TEST(a_silent_server_is_given_up_while_preparing_and_connecting),
      TEST(a_server_that_falls_silent_in_the_middle_of_rows_is_given_up),
      TEST(a_commit_whose_outcome_is_not_known_says_so),
      TEST(a_rollback_has_a_little_time_and_no_more),
      TEST(what_the_server_does_not_take_waits_no_longer),
      TEST(what_succeeds_though_it_was_cancelled_gives_its_success),
      TEST(a_transaction_is_only_said_to_have_run_out_of_time_after_a_timeout),
      TEST(a_stopped_server_is_given_up),
      TEST(what_was_started_runs_beside_what_is_started_after_it),
      TEST(what_was_started_gives_what_it_gives_otherwise),
      TEST(what_was_started_is_prepared_again_when_its_table_has_changed),
      TEST(what_was_started_has_its_time_too),
      TEST(what_was_started_and_not_received_ends_with_its_connection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
