/* Whatever is wrong with a file or a statement has a code of its own, says where, and leaves the rest as it was. */
#define _POSIX_C_SOURCE 200809L
#include "unit/driver/sqlite3/database.h"

#include "unit/faults.h"

static int begin(void **state) {
  static database d;
  database_begin(&d);
  *state = &d;
  return 0;
}

static int begin_with_table(void **state) {
  begin(state);
  database *d = *state;
  database_open(d);
  run(d, "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, age INT CHECK (age >= 0))");
  run(d, "INSERT INTO users VALUES (1, 'a@x', 30)");
  return 0;
}

static int end(void **state) {
  database_end(*state);
  return 0;
}

/* ---- opening ---- */

static void assert_no_datasource(database *d, const char *words) {
  assert_fails(d, database_try_open(d), SHUNT_E_DATASOURCE, words);
  assert_non_null(strstr(d->err.message, d->client.filename));
  assert_non_null(strstr(d->err.message, "'main'"));
  assert_int_not_equal(d->err.engine_code, 0);
  assert_null(d->conn);
}

static void a_missing_file_is_not_made_unless_asked_for(void **state) {
  database *d = *state;
  d->client.create = false;
  assert_no_datasource(d, "No such file or directory; a client with create: true");
  assert_int_equal(access(d->filename, F_OK), -1);
  d->client.create = true;
  database_open(d);
  assert_int_equal(access(d->filename, F_OK), 0);
}

static void a_folder_is_no_database(void **state) {
  database *d = *state;
  char *file = strdup(d->filename);
  assert_int_equal(mkdir(file, 0700), 0);
  assert_no_datasource(d, "unable to open database file");
  assert_int_equal(rmdir(file), 0);
  free(file);
}

static void a_file_that_may_not_be_read_says_so(void **state) {
  database *d = *state;
  raw_exec(d, "CREATE TABLE t (a)");
  assert_int_equal(chmod(d->filename, 0), 0);
  if (access(d->filename, R_OK) == 0) skip(); /* root reads everything */
  assert_no_datasource(d, "Permission denied");
}

static void write_file(const char *path, const void *bytes, size_t size, long at) {
  FILE *f = fopen(path, at ? "r+b" : "wb");
  assert_non_null(f);
  assert_int_equal(fseek(f, at, SEEK_SET), 0);
  assert_int_equal(fwrite(bytes, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

static void a_file_of_something_else_is_no_database(void **state) {
  database *d = *state;
  char text[4096];
  memset(text, 'x', sizeof text);
  write_file(d->filename, text, sizeof text, 0);
  assert_no_datasource(d, "file is not a database");
}

static void a_corrupt_schema_is_found_at_once(void **state) {
  database *d = *state;
  raw_exec(d, "CREATE TABLE t (a); CREATE TABLE u (a)");
  sqlite3_close(d->raw);
  d->raw = NULL;
  unsigned char garbage[400];
  memset(garbage, 0xEE, sizeof garbage);
  write_file(d->filename, garbage, sizeof garbage, 100); /* past the file's header, into the schema's page */
  assert_no_datasource(d, "malformed");
}

static void corruption_further_in_breaks_the_connection_alone(void **state) {
  database *d = *state;
  raw_exec(d, "CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  sqlite3_close(d->raw);
  d->raw = NULL;
  unsigned char garbage[4096];
  memset(garbage, 0xEE, sizeof garbage);
  write_file(d->filename, garbage, sizeof garbage, 4096);
  database_open(d);
  assert_fails(d, try_run(d, "SELECT * FROM t"), SHUNT_E_DATASOURCE, d->filename);
  assert_true(d->conn->broken);
}

static void a_file_locked_by_another_says_how_long_it_waited(void **state) {
  database *d = *state;
  raw_exec(d, "CREATE TABLE t (a); PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)");
  assert_no_datasource(d, "is locked by another connection or program: it was not unlocked within 20 ms");
  raw_exec(d, "COMMIT; PRAGMA locking_mode = NORMAL; SELECT * FROM t");
  database_open(d);
  assert_int_equal(integer_of(d, "SELECT count(*) FROM t"), 1);
}

static void opens_with_a_write_ahead_log_and_foreign_keys(void **state) {
  database *d = *state;
  raw_exec(d, "CREATE TABLE t (a)");
  assert_string_equal(raw_text(d, "PRAGMA journal_mode"), "delete");
  database_open(d);
  assert_string_equal(raw_text(d, "SELECT count(*) FROM t"), "0"); /* the raw connection looks anew */
  assert_string_equal(raw_text(d, "PRAGMA journal_mode"), "wal");
  assert_int_equal(integer_of(d, "PRAGMA foreign_keys"), 1);
  assert_int_equal(integer_of(d, "PRAGMA synchronous"), 2);
}

static void a_read_only_client_leaves_the_file_as_it_is(void **state) {
  database *d = *state;
  raw_exec(d, "CREATE TABLE t (a); INSERT INTO t VALUES (5)");
  d->client.read_only = true;
  database_open(d);
  assert_string_equal(raw_text(d, "PRAGMA journal_mode"), "delete");
  assert_int_equal(integer_of(d, "SELECT a FROM t"), 5);
  assert_fails(d, try_run(d, "DELETE FROM t"), SHUNT_E_DATASOURCE, "the client is read-only");
  assert_int_equal(d->conn->engine->begin(d->conn, NULL, false, &d->err), SHUNT_OK);
  assert_int_equal(integer_of(d, "SELECT a FROM t"), 5);
  assert_int_equal(d->conn->engine->commit(d->conn, &d->err), SHUNT_OK);
}

static void only_a_name_that_begins_with_file_is_a_uri(void **state) {
  database *d = *state;
  char uri[128];
  raw_exec(d, "CREATE TABLE t (a)");
  snprintf(uri, sizeof uri, "file:%s?mode=ro", d->filename);
  d->client.filename = uri;
  database_open(d);
  assert_fails(d, try_run(d, "INSERT INTO t VALUES (1)"), SHUNT_E_DATASOURCE, "readonly");
  database_close(d);
  snprintf(uri, sizeof uri, "%s?mode=ro", d->filename);
  d->client.create = false;
  assert_no_datasource(d, "No such file");
}

static void knows_which_databases_are_private(void **state) {
  database *d = *state;
  static const char *const private_ones[] = {"",      ":memory:",           "file::memory:", "file:x?mode=memory",
                                             "file:", "file:?cache=private"};
  static const char *const shared_ones[] = {"x.db", "./:memory:", "file:x.db", "mode=memory", "memory"};
  for (size_t i = 0; i < sizeof private_ones / sizeof *private_ones; i++) {
    d->client.filename = private_ones[i];
    assert_true(driver_sqlite3.private_database(&d->client));
    database_open(d);
    run(d, "CREATE TABLE t (a)");
    database_close(d);
  }
  for (size_t i = 0; i < sizeof shared_ones / sizeof *shared_ones; i++) {
    d->client.filename = shared_ones[i];
    assert_false(driver_sqlite3.private_database(&d->client));
  }
}

/* ---- running ---- */

typedef struct mistake {
  const char *sql;
  shunt_status status;
  const char *words;
} mistake;

static void every_mistake_has_its_code(void **state) {
  database *d = *state;
  static const mistake mistakes[] = {
      {"SELECT * FROM user", SHUNT_E_NOT_FOUND, "no such table: user"},
      {"SELECT emial FROM users", SHUNT_E_NOT_FOUND, "no such column: emial"},
      {"SELECT \"emial\" FROM users", SHUNT_E_NOT_FOUND, "emial"},
      {"INSERT INTO users (emial) VALUES (1)", SHUNT_E_NOT_FOUND, "no column named emial"},
      {"UPDATE users SET emial = 1", SHUNT_E_NOT_FOUND, "no such column: emial"},
      {"SELECT frobnicate(1)", SHUNT_E_NOT_FOUND, "no such function: frobnicate"},
      {"SELEKT 1", SHUNT_E_USAGE, "syntax error (in: SELEKT 1)"},
      {"SELECT", SHUNT_E_USAGE, "incomplete input"},
      {"", SHUNT_E_USAGE, "no statement"},
      {"  \n;; -- nothing\n /* or this */", SHUNT_E_USAGE, "no statement"},
      {"/* without an end", SHUNT_E_USAGE, "no statement"},
      {"SELECT 1; DELETE FROM users", SHUNT_E_USAGE, "one statement at a time"},
      {"DELETE FROM users; DELETE FROM users", SHUNT_E_USAGE, "one statement at a time"},
      {"SELECT 1; SELEKT", SHUNT_E_USAGE, "one statement at a time"},
      {"SELECT ?", SHUNT_E_USAGE, "one value for each ? (1), and got 0"},
      {"BEGIN", SHUNT_E_USAGE, "not by SQL"},
      {"COMMIT", SHUNT_E_USAGE, "not by SQL"},
      {"ROLLBACK", SHUNT_E_USAGE, "not by SQL"},
      {"SAVEPOINT a", SHUNT_E_USAGE, "needs a transaction"},
      {"INSERT INTO users VALUES (2, 'a@x', 1)", SHUNT_E_CONSTRAINT, "UNIQUE constraint failed: users.email"},
      {"INSERT INTO users VALUES (1, 'b@x', 1)", SHUNT_E_CONSTRAINT, "UNIQUE constraint failed: users.id"},
      {"INSERT INTO users VALUES (2, NULL, 1)", SHUNT_E_CONSTRAINT, "NOT NULL constraint failed: users.email"},
      {"INSERT INTO users VALUES (2, 'b@x', -1)", SHUNT_E_CONSTRAINT, "CHECK constraint failed"},
      {"INSERT INTO users VALUES ('two', 'b@x', 1)", SHUNT_E_CONSTRAINT, "datatype mismatch"},
      {"SELECT abs(-9223372036854775807 - 1)", SHUNT_E_USAGE, "integer overflow"},
      {"SELECT zeroblob(2000000000)", SHUNT_E_USAGE, "too big"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    const mistake *m = &mistakes[i];
    assert_fails(d, try_run(d, m->sql), m->status, m->words);
    if (m->status == SHUNT_E_CONSTRAINT) assert_int_not_equal(d->err.engine_code, 0);
    assert_false(d->conn->broken);
    assert_false(d->conn->in_transaction);
    assert_int_equal(integer_of(d, "SELECT count(*) FROM users"), 1);
  }
  assert_fails(d, try_run(d, "INSERT INTO users VALUES (2, 'a@x', 1)"), SHUNT_E_CONSTRAINT, "UNIQUE");
  assert_int_equal(d->err.engine_code, SQLITE_CONSTRAINT_UNIQUE);
}

static void too_many_parameters_are_refused_too(void **state) {
  database *d = *state;
  shunt_value two[] = {shunt_integer(1), shunt_integer(2)};
  assert_fails(d, try_with(d, "SELECT ?", two, 2), SHUNT_E_USAGE, "one value for each ? (1), and got 2");
  static const char with_nul[] = "SELECT 1\0; DELETE FROM users";
  shunt_status got = d->conn->engine->send(d->conn, with_nul, sizeof with_nul - 1, NULL, 0, &d->err);
  assert_fails(d, got, SHUNT_E_USAGE, "NUL byte");
  assert_int_equal(d->conn->engine->receive(d->conn, NULL, NULL, NULL, &d->err), SHUNT_E_INTERNAL);
}

static void one_statement_may_have_blanks_around_it(void **state) {
  database *d = *state;
  assert_int_equal(integer_of(d, " ; /* a */ -- b\n SELECT 7 ; -- c\n ; /* d"), 7);
  assert_int_equal(integer_of(d, "SELECT ';' = ';' ; "), 1);
}

static void an_error_may_go_to_nobody(void **state) {
  database *d = *state;
  const driver_engine *e = d->conn->engine;
  assert_int_equal(e->send(d->conn, "SELEKT", 6, NULL, 0, NULL), SHUNT_E_USAGE);
  assert_int_equal(e->begin(d->conn, "none", false, NULL), SHUNT_E_USAGE);
  assert_int_equal(e->commit(d->conn, NULL), SHUNT_E_TRANSACTION);
  driver_table *t = NULL;
  assert_int_equal(e->describe(d->conn, NULL, "nothing", &t, NULL), SHUNT_E_NOT_FOUND);
}

static void a_row_locked_by_another_writer_is_waited_for_and_told(void **state) {
  database *d = *state;
  raw_exec(d, "BEGIN IMMEDIATE");
  assert_fails(d, try_run(d, "DELETE FROM users"), SHUNT_E_DATASOURCE, "within 20 ms (busyTimeout)");
  assert_fails(d, d->conn->engine->begin(d->conn, NULL, false, &d->err), SHUNT_E_DATASOURCE, d->filename);
  assert_false(d->conn->in_transaction);
  assert_int_equal(integer_of(d, "SELECT count(*) FROM users"), 1); /* a reader goes on */
  raw_exec(d, "COMMIT");
  run(d, "DELETE FROM users");
  assert_int_equal(d->affected, 1);
}

static void a_full_disk_changes_nothing(void **state) {
  database *d = *state;
  run(d, "CREATE TABLE big (v)");
  char sql[64];
  snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", (int)integer_of(d, "PRAGMA page_count") + 5);
  run(d, sql);
  assert_fails(d, try_run(d, "INSERT INTO big VALUES (zeroblob(1000000))"), SHUNT_E_DATASOURCE, "disk is full");
  assert_non_null(strstr(d->err.message, d->filename));
  assert_int_equal(integer_of(d, "SELECT count(*) FROM big"), 0);
  run(d, "INSERT INTO big VALUES (1)");
  assert_int_equal(d->affected, 1);
}

/* ---- memory ---- */

static bool use(database *d) {
  shunt_value v = shunt_text("a text long enough to want room of its own", 42);
  const driver_engine *e = &driver_sqlite3;
  bool ok = !database_try_open(d) && !try_run(d, "SELECT * FROM users") &&
            !try_with(d, "SELECT ? AS a_long_name FROM users, users AS b, users AS c", &v, 1) &&
            !e->begin(d->conn, NULL, false, &d->err) && !try_run(d, "DELETE FROM users WHERE id > 5") &&
            !e->commit(d->conn, &d->err);
  driver_table *t = NULL;
  if (ok) ok = !e->describe(d->conn, NULL, "users", &t, &d->err);
  driver_table_free(t);
  if (!ok) assert_int_equal(d->err.status, SHUNT_E_MEMORY);
  if (d->conn) e->rollback(d->conn);
  shunt_rows_free(d->rows);
  d->rows = NULL;
  database_close(d);
  return ok;
}

static void survives_every_allocation_that_fails(void **state) {
  database *d = *state;
  shunt_rows_free(d->rows);
  d->rows = NULL;
  database_close(d);
  faults f;
  faults_on(&f);
  bool done = false;
  for (f.fail_at = 1; !done; f.fail_at++) {
    f.seen = 0;
    f.failed = false;
    done = use(d);
    assert_int_not_equal(done, f.failed);
    assert_int_equal(f.live, 0);
  }
  assert_true(f.fail_at > 10);
  faults_off();
}

static void a_write_whose_rows_find_no_memory_is_not_committed(void **state) {
  database *d = *state;
  static const char sql[] =
      "INSERT INTO users (email) SELECT 'n' || value FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL "
      "SELECT value + 1 FROM n LIMIT 200) SELECT value FROM n) RETURNING *";
  const driver_engine *e = d->conn->engine;
  faults f;
  bool done = false;
  size_t failures = 0;
  for (size_t at = 1; !done; at++) {
    shunt_rows_free(d->rows);
    d->rows = NULL;
    faults_on(&f);
    f.fail_at = at;
    shunt_status status = try_run(d, sql);
    done = !f.failed;
    if (!done) assert_int_equal(status, SHUNT_E_MEMORY);
    shunt_rows_free(d->rows);
    d->rows = NULL;
    faults_off();
    failures += !done;
    assert_string_equal(raw_text(d, "SELECT count(*) FROM users"), done ? "201" : "1");
  }
  assert_true(failures > 3);
  assert_int_equal(d->affected, 200);
  assert_int_equal(e->begin(d->conn, NULL, false, &d->err), SHUNT_OK);
  e->rollback(d->conn);
}

int main(void) {
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_with_table, end)
  const struct CMUnitTest tests[] = {
      FILE_TEST(a_missing_file_is_not_made_unless_asked_for),
      FILE_TEST(a_folder_is_no_database),
      FILE_TEST(a_file_that_may_not_be_read_says_so),
      FILE_TEST(a_file_of_something_else_is_no_database),
      FILE_TEST(a_corrupt_schema_is_found_at_once),
      FILE_TEST(corruption_further_in_breaks_the_connection_alone),
      FILE_TEST(a_file_locked_by_another_says_how_long_it_waited),
      FILE_TEST(opens_with_a_write_ahead_log_and_foreign_keys),
      FILE_TEST(a_read_only_client_leaves_the_file_as_it_is),
      FILE_TEST(only_a_name_that_begins_with_file_is_a_uri),
      FILE_TEST(knows_which_databases_are_private),
      TEST(every_mistake_has_its_code),
      TEST(too_many_parameters_are_refused_too),
      TEST(one_statement_may_have_blanks_around_it),
      TEST(an_error_may_go_to_nobody),
      TEST(a_row_locked_by_another_writer_is_waited_for_and_told),
      TEST(a_full_disk_changes_nothing),
      TEST(survives_every_allocation_that_fails),
      TEST(a_write_whose_rows_find_no_memory_is_not_committed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
