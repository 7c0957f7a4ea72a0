/* shunt's connection to a PostgreSQL server, the one of SHUNT_TEST_PG. Without one nothing is tried. */
#define _POSIX_C_SOURCE 200809L /* for setenv */
#include "unit/driver/pg/server.h"
#include "unit/faults.h"
#include "unit/random.h"

/* ---- prepared statements ---- */

static void the_server_holds_no_more_statements_than_are_kept(void **state) {
  server *s = server_of(state);
  char sql[64];
  for (int i = 0; i < 3 * CACHE_MOST; i++) {
    snprintf(sql, sizeof sql, "SELECT %d", i);
    assert_int_equal(integer_of(s, sql), i);
  }
  assert_int_equal(integer_of(s, "SELECT count(*) FROM pg_prepared_statements"), CACHE_MOST);
  assert_int_equal(pg_of(s->conn)->cache.count, CACHE_MOST);
  for (int i = 0; i < 3 * CACHE_MOST; i++) {
    snprintf(sql, sizeof sql, "SELECT wrong_%d", i);
    assert_int_equal(try_run(s, sql), SHUNT_E_NOT_FOUND);
  }
  assert_int_equal(integer_of(s, "SELECT 1"), 1);
}

static void what_a_function_refuses_is_no_failure_of_the_datasource(void **state) {
  server *s = server_of(state);
  assert_fails(s, try_run(s, "DO $$ BEGIN ASSERT 1 = 2, 'not today'; END $$"), SHUNT_E_CONSTRAINT, "not today");
  assert_string_equal(s->err.sqlstate, "P0004");
}

static const char last_name[] = "SELECT name FROM pg_prepared_statements ORDER BY prepare_time DESC LIMIT 1";

/* A pooler may mix the connections. */
static void no_two_statements_of_any_connection_have_one_name(void **state) {
  server *s = server_of(state), other;
  char name[PG_NAME_BYTES], sql[64];
  init(&other);
  if (driver_pg.open(&other.client, 0, &other.conn, &other.err)) fail_msg("%s", other.err.message);
  for (int i = 0; i < 2 * CACHE_MOST; i++) {
    snprintf(sql, sizeof sql, "SELECT %d", i);
    run(s, sql);
  }
  run(s, last_name);
  snprintf(name, sizeof name, "%s", shunt_rows_at(s->rows, 0)[0].as.bytes);
  assert_int_equal(strtol(strrchr(name, '_') + 1, NULL, 10), 2 * CACHE_MOST + 1);
  run(&other, last_name);
  strrchr(name, '_')[0] = 0;
  assert_null(strstr(shunt_rows_at(other.rows, 0)[0].as.bytes, name));
  shunt_rows_free(other.rows);
  driver_pg.close(other.conn);
}

typedef struct mixture {
  server *s;
  rng r;
  bool failed; /* the transaction under way */
} mixture;

/* A statement that has been ended behind our back is prepared anew, but in a transaction, which it fails. */
static bool is_gone(const server *s, shunt_status status) {
  bool known = strcmp(s->err.sqlstate, "26000") == 0 || strcmp(s->err.sqlstate, "25P02") == 0;
  return status && s->conn->in_transaction && known;
}

static void mix_in_an_error(mixture *m, const char *form, size_t variants) {
  char sql[64];
  snprintf(sql, sizeof sql, form, rng_below(&m->r, variants));
  shunt_status status = try_run(m->s, sql);
  if (!is_gone(m->s, status)) assert_int_equal(status, m->failed ? SHUNT_E_TRANSACTION : SHUNT_E_USAGE);
  m->failed = m->s->conn->in_transaction;
}

static void mix_in_a_number(mixture *m) {
  char sql[64];
  int number = (int)rng_below(&m->r, 2 * CACHE_MOST);
  snprintf(sql, sizeof sql, "SELECT %d", number);
  shunt_status status = try_run(m->s, sql);
  if (m->failed) {
    assert_fails(m->s, status, SHUNT_E_TRANSACTION, "rolled back");
  } else if (is_gone(m->s, status)) {
    m->failed = true;
  } else {
    if (status) fail_msg("%s", m->s->err.message);
    assert_int_equal(shunt_rows_at(m->s->rows, 0)[0].as.integer, number);
  }
}

static void mix_in_a_transaction(mixture *m, size_t what) {
  server *s = m->s;
  if (!s->conn->in_transaction) {
    begin_transaction(s);
    run(s, "SAVEPOINT a");
  } else if (what == 0) {
    assert_int_equal(driver_pg.commit(s->conn, &s->err), m->failed ? SHUNT_E_TRANSACTION : SHUNT_OK);
  } else if (what == 1) {
    driver_pg.rollback(s->conn);
  } else {
    run(s, "ROLLBACK TO SAVEPOINT a");
  }
  m->failed = false;
}

/* More statements than are kept, in and out of transactions that fail and go back to a savepoint: each gives what it
 * says. */
static void statements_are_never_mixed_up(void **state) {
  mixture m = {server_of(state), rng_start("pg statements"), false};
  for (int n = 0; n < 6000; n++) {
    size_t what = rng_below(&m.r, 40);
    if (what < 3)
      mix_in_a_transaction(&m, what);
    else if (what == 3)
      mix_in_an_error(&m, "SELECT 1 / 0 /* %zu */", 50);
    else if (what == 4)
      mix_in_an_error(&m, "SELEC %zu", 50);
    else if (what == 5 && !m.s->conn->in_transaction)
      run(m.s, "DO 'BEGIN EXECUTE ''DEALLOCATE ALL''; END'");
    else
      mix_in_a_number(&m);
    assert_false(m.s->conn->broken);
  }
  driver_pg.rollback(m.s->conn);
}

static void a_long_statement_is_run_and_not_kept(void **state) {
  server *s = server_of(state);
  buf sql = {0};
  buf_puts(&sql, "SELECT 7");
  while (sql.size <= PG_LONGEST_KEPT) buf_puts(&sql, " /* long */");
  for (int i = 0; i < 3; i++) assert_int_equal(integer_of(s, sql.data), 7);
  assert_int_equal(pg_of(s->conn)->cache.count, 0);
  assert_int_equal(integer_of(s, "SELECT count(*) FROM pg_prepared_statements"), 1); /* this one */
  buf_free(&sql);
}

static void a_changed_table_is_seen_by_statements_that_were_prepared(void **state) {
  server *s = server_of(state), other;
  init(&other);
  assert_int_equal(driver_pg.open(&other.client, 0, &other.conn, &other.err), SHUNT_OK);
  run(s, "DROP TABLE IF EXISTS changing");
  run(s, "CREATE TABLE changing (id int)");
  run(s, "INSERT INTO changing VALUES (1)");
  for (int i = 0; i < 8; i++) run(s, "SELECT * FROM changing");
  run(&other, "ALTER TABLE changing ADD name text, ALTER id TYPE text");
  run(s, "SELECT * FROM changing");
  assert_int_equal(shunt_rows_ncolumns(s->rows), 2);
  assert_int_equal(shunt_rows_at(s->rows, 0)[0].type, SHUNT_TEXT);
  run(s, "SELECT * FROM changing");
  run(&other, "ALTER TABLE changing DROP name");
  begin_transaction(s);
  assert_fails(s, try_run(s, "SELECT * FROM changing"), SHUNT_E_CONFLICT, "begin the transaction again");
  driver_pg.rollback(s->conn);
  begin_transaction(s);
  run(s, "SELECT * FROM changing");
  run(s, "ALTER TABLE changing ADD own int"); /* what a connection changes itself it knows of */
  run(s, "SELECT * FROM changing");
  assert_int_equal(shunt_rows_ncolumns(s->rows), 2);
  assert_int_equal(driver_pg.commit(s->conn, &s->err), SHUNT_OK);
  run(s, "DROP TABLE changing");
  shunt_rows_free(other.rows);
  driver_pg.close(other.conn);
}

static void what_was_sent_and_not_received_is_dropped(void **state) {
  server *s = server_of(state);
  static const char sql[] = "SELECT generate_series(1, 100000)";
  for (int i = 0; i < 3; i++)
    assert_int_equal(driver_pg.send(s->conn, sql, sizeof sql - 1, NULL, 0, &s->err), SHUNT_OK);
  assert_int_equal(integer_of(s, "SELECT 5"), 5);
  assert_int_equal(driver_pg.send(s->conn, sql, sizeof sql - 1, NULL, 0, &s->err), SHUNT_OK);
  begin_transaction(s);
  assert_int_equal(driver_pg.send(s->conn, sql, sizeof sql - 1, NULL, 0, &s->err), SHUNT_OK);
  assert_int_equal(driver_pg.commit(s->conn, &s->err), SHUNT_OK);
  assert_int_equal(driver_pg.receive(s->conn, NULL, NULL, NULL, &s->err), SHUNT_E_INTERNAL);
}

/* ---- what a connection keeps ---- */

static void a_connection_is_as_new_after_a_reset(void **state) {
  server *s = server_of(state);
  static const char *const changes[] = {
      "SET search_path = pg_catalog", "SET intervalstyle = postgres",       "LISTEN a",
      "PREPARE p AS SELECT 1",        "CREATE TEMP TABLE passing (id int)", "SELECT pg_catalog.pg_advisory_lock(1)"};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    run(s, changes[i]);
    assert_int_equal(integer_of(s, "SELECT 1"), 1);
    s->conn->altered = true;
    assert_true(driver_reset(s->conn));
    assert_false(s->conn->altered || s->conn->broken);
    assert_int_equal(s->conn->resets, i + 1);
    assert_int_equal(integer_of(s, "SELECT 1"), 1); /* prepared again */
  }
  assert_int_equal(integer_of(s, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = "
                                 "pg_backend_pid()"),
                   0);
  assert_int_equal(integer_of(s, "SELECT (to_regclass('passing') IS NULL AND current_setting('intervalstyle') = "
                                 "'iso_8601' AND NOT EXISTS (SELECT FROM pg_listening_channels()))::int"),
                   1);
}

static void only_plain_sql_waits_for_the_end_of_its_session(void **state) {
  server *s = server_of(state);
  static const char plain[] = "SELECT count(*) FROM t WHERE a IN (1, ?)", call[] = "SELECT \"count\"(*) FROM t";
  driver_pg.by_hand(s->conn, plain, sizeof plain - 1, 7);
  assert_false(s->conn->altered);
  assert_int_equal(s->conn->used_by, 7);
  driver_pg.by_hand(s->conn, call, sizeof call - 1, 7);
  assert_true(s->conn->altered);
}

static void a_transaction_goes_on_after_what_its_connection_keeps(void **state) {
  server *s = server_of(state);
  static const char *const changes[] = {"SET search_path = pg_catalog", "DEALLOCATE ALL", "DO $$ BEGIN END $$"};
  begin_transaction(s);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    assert_int_equal(integer_of(s, "SELECT 1"), 1);
    run(s, changes[i]);
  }
  assert_int_equal(integer_of(s, "SELECT 1"), 1);
  assert_int_equal(driver_pg.commit(s->conn, &s->err), SHUNT_OK);
}

static void copying_to_the_client_is_refused(void **state) {
  server *s = server_of(state);
  assert_fails(s, try_run(s, "COPY pg_type TO STDOUT"), SHUNT_E_USAGE, "COPY");
  assert_true(s->conn->broken);
}

/* ---- transactions ---- */

static void a_commit_of_what_has_failed_is_an_error(void **state) {
  server *s = server_of(state);
  begin_transaction(s);
  assert_int_equal(try_run(s, "SELECT 1 / 0"), SHUNT_E_USAGE);
  assert_fails(s, driver_pg.commit(s->conn, &s->err), SHUNT_E_TRANSACTION, "rolled all of it back");
  assert_false(s->conn->in_transaction);
  run(s, "CREATE TEMP TABLE twice (id int, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)");
  begin_transaction(s);
  run(s, "INSERT INTO twice VALUES (1), (1)");
  assert_fails(s, driver_pg.commit(s->conn, &s->err), SHUNT_E_CONSTRAINT, "twice_id_key");
  assert_string_equal(s->err.sqlstate, "23505");
  assert_int_equal(integer_of(s, "SELECT count(*) FROM twice"), 0);
}

static void what_is_refused_only_at_its_end_is_an_error(void **state) {
  server *s = server_of(state);
  run(s, "CREATE TEMP TABLE twice (id int, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)");
  assert_fails(s, try_run(s, "INSERT INTO twice VALUES (1), (1)"), SHUNT_E_CONSTRAINT, "twice_id_key");
  assert_int_equal(integer_of(s, "SELECT count(*) FROM twice"), 0);
}

static void a_transaction_is_what_was_asked_for(void **state) {
  server *s = server_of(state);
  assert_int_equal(driver_pg.begin(s->conn, "Serializable", true, &s->err), SHUNT_OK);
  run(s, "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')");
  assert_string_equal(shunt_rows_at(s->rows, 0)[0].as.bytes, "serializable");
  assert_string_equal(shunt_rows_at(s->rows, 0)[1].as.bytes, "on");
  assert_fails(s, try_run(s, "CREATE TABLE no (id int)"), SHUNT_E_TRANSACTION, "read-only");
  assert_fails(s, driver_pg.begin(s->conn, NULL, false, &s->err), SHUNT_E_TRANSACTION, "open already");
  driver_pg.rollback(s->conn);
  assert_fails(s, driver_pg.begin(s->conn, "chaos", false, &s->err), SHUNT_E_USAGE, "read committed");
  assert_fails(s, driver_pg.commit(s->conn, &s->err), SHUNT_E_TRANSACTION, "no transaction");
  assert_fails(s, try_run(s, "SAVEPOINT a"), SHUNT_E_USAGE, "savepoint");
  assert_int_equal(integer_of(s, "SELECT 1"), 1);
}

/* ---- parameters ---- */

static void parameters_that_do_not_fit_are_refused_before_they_are_sent(void **state) {
  server *s = server_of(state);
  shunt_value blob = shunt_blob("ab", 2), nul = shunt_text("a\0b", 3), big = shunt_integer(9007199254740993),
              one = shunt_integer(1);
  begin_transaction(s); /* which would fail with them */
  assert_fails(s, try_with(s, "SELECT ?::text", &blob, 1), SHUNT_E_CONSTRAINT, "CAST(? AS bytea)");
  assert_fails(s, try_with(s, "SELECT ?::int", &blob, 1), SHUNT_E_CONSTRAINT, "parameter 1");
  assert_fails(s, try_with(s, "SELECT ?::text", &nul, 1), SHUNT_E_CONSTRAINT, "NUL");
  assert_fails(s, try_with(s, "SELECT ?::int", &nul, 1), SHUNT_E_CONSTRAINT, "NUL");
  assert_fails(s, try_with(s, "SELECT ?::float8", &big, 1), SHUNT_E_CONSTRAINT, "digits");
  assert_fails(s, try_with(s, "SELECT ?::bytea", &one, 1), SHUNT_E_CONSTRAINT, "blob");
  assert_fails(s, try_with(s, "SELECT ?::int", &one, 0), SHUNT_E_USAGE, "one value for each ? (1), and got 0");
  assert_int_equal(try_with(s, "SELECT length(?::bytea)", &nul, 1), SHUNT_OK);
  assert_int_equal(shunt_rows_at(s->rows, 0)[0].as.integer, 3);
  assert_int_equal(driver_pg.commit(s->conn, &s->err), SHUNT_OK);
}

static void values_go_as_the_type_that_is_wanted(void **state) {
  server *s = server_of(state);
  static const struct {
    const char *sql;
    shunt_value value;
    const char *want;
  } cases[] = {
      {"SELECT (?::int)::text", {{.number = 2.0}, 0, SHUNT_FLOAT}, "2"},
      {"SELECT (?::numeric)::text", {{.number = 0.1}, 0, SHUNT_FLOAT}, "0.1"},
      {"SELECT ?::text", {{.integer = -5}, 0, SHUNT_INTEGER}, "-5"},
      {"SELECT ?::text", {{.boolean = true}, 0, SHUNT_BOOL}, "1"},
      {"SELECT (?::bool)::text", {{.boolean = true}, 0, SHUNT_BOOL}, "true"},
      {"SELECT (?::int)::text", {{.boolean = true}, 0, SHUNT_BOOL}, "1"},
      {"SELECT (?::jsonb)::text", {{.boolean = true}, 0, SHUNT_BOOL}, "true"},
      {"SELECT (?::bool)::text", {{.integer = 0}, 0, SHUNT_INTEGER}, "false"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (try_with(s, cases[i].sql, &cases[i].value, 1)) fail_msg("%s: %s", cases[i].sql, s->err.message);
    assert_string_equal(shunt_rows_at(s->rows, 0)[0].as.bytes, cases[i].want);
  }
}

/* ---- what tables look like ---- */

static const driver_column *column(const driver_table *t, const char *name) {
  const driver_column *found = driver_table_column(t, name);
  assert_non_null(found);
  return found;
}

static void tables_are_described_as_the_server_compares_their_columns(void **state) {
  server *s = server_of(state);
  driver_table *t = NULL;
  run(s, "DROP TABLE IF EXISTS described");
  run(s, "DROP DOMAIN IF EXISTS small_number");
  run(s, "CREATE DOMAIN small_number AS smallint CHECK (VALUE < 10)");
  run(s, "CREATE TABLE described (b bigint, a small_number, \"Name\" varchar(7) COLLATE \"C\" NOT NULL, code char(3), "
         "price numeric(10,2), score real, made date, id uuid, data bytea, done boolean, total int GENERATED ALWAYS AS "
         "(a + 1) STORED, number int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (a, b))");
  if (driver_pg.describe(s->conn, NULL, "described", &t, &s->err)) fail_msg("%s", s->err.message);
  assert_int_equal(t->count, 12);
  assert_int_equal(column(t, "a")->key, 1);
  assert_int_equal(column(t, "b")->key, 2);
  assert_int_equal(column(t, "Name")->key, 0);
  assert_null(driver_table_column(t, "name")); /* names are what they are quoted as */
  assert_string_equal(column(t, "Name")->type, "character varying(7)");
  assert_string_equal(column(t, "a")->type, "small_number");
  assert_false(column(t, "Name")->nullable);
  assert_true(column(t, "price")->nullable);
  assert_int_equal(column(t, "a")->kind, DRIVER_INTEGERS);
  assert_int_equal(column(t, "a")->most, INT16_MAX);
  assert_int_equal(column(t, "b")->least, INT64_MIN);
  assert_int_equal(column(t, "price")->kind, DRIVER_NUMBERS);
  assert_true(column(t, "price")->exact);
  assert_false(column(t, "score")->exact);
  assert_true(column(t, "price")->rounds);
  assert_int_equal(column(t, "price")->digits, 2);
  assert_true(column(t, "score")->single);
  assert_false(column(t, "a")->rounds);
  assert_int_equal(column(t, "code")->collation, DRIVER_RTRIM);
  assert_int_equal(column(t, "made")->kind, DRIVER_OTHERS);
  assert_int_equal(column(t, "id")->kind, DRIVER_UUIDS);
  assert_int_equal(column(t, "data")->kind, DRIVER_BLOBS);
  assert_int_equal(column(t, "done")->kind, DRIVER_BOOLEANS);
  assert_null(column(t, "Name")->rank);
  assert_non_null(column(t, "price")->rank);
  driver_table_free(t);
  run(s, "DROP TABLE described");
  assert_fails(s, driver_pg.describe(s->conn, NULL, "described", &t, &s->err), SHUNT_E_NOT_FOUND,
               "no table 'described'");
  assert_fails(s, driver_pg.describe(s->conn, NULL, "x\"; DROP", &t, &s->err), SHUNT_E_NOT_FOUND, "no table");
}

static void a_table_is_the_one_on_the_search_path(void **state) {
  server *s = server_of(state);
  driver_table *t = NULL;
  run(s, "DROP SCHEMA IF EXISTS first CASCADE");
  run(s, "CREATE SCHEMA first CREATE TABLE placed (here int)");
  run(s, "CREATE TABLE IF NOT EXISTS placed (there int, too int)");
  assert_int_equal(driver_pg.describe(s->conn, NULL, "placed", &t, &s->err), SHUNT_OK);
  assert_int_equal(t->count, 2);
  driver_table_free(t);
  run(s, "SET search_path = first, public");
  assert_int_equal(driver_pg.describe(s->conn, NULL, "placed", &t, &s->err), SHUNT_OK);
  assert_int_equal(t->count, 1);
  driver_table_free(t);
  run(s, "DROP SCHEMA first CASCADE");
  run(s, "DROP TABLE placed");
}

/* ---- options ---- */

static void options_are_checked_and_shown_without_their_secrets(void **state) {
  server *s = server_of(state), other;
  (void)s;
  init(&other);
  other.options[1] = (cat_option){"sslmod", "disable", false};
  other.client.noptions = 2;
  assert_fails(&other, driver_pg.open(&other.client, 0, &other.conn, &other.err), SHUNT_E_CONFIG, "'sslmode'");
  other.options[0] = (cat_option){"url", "postgresql://u:hunter2 secret@[bad/x", true};
  other.client.noptions = 1;
  assert_fails(&other, driver_pg.open(&other.client, 0, &other.conn, &other.err), SHUNT_E_CONFIG, "url");
  assert_null(strstr(other.err.message, "hunter2"));
  init(&other);
  other.options[1] = (cat_option){"application_name", "beside the url", false};
  other.client.noptions = 2;
  if (driver_pg.open(&other.client, 0, &other.conn, &other.err)) fail_msg("%s", other.err.message);
  run(&other, "SELECT current_setting('application_name')");
  assert_string_equal(shunt_rows_at(other.rows, 0)[0].as.bytes, "beside the url");
  driver_pg.close(other.conn);
  other.conn = NULL;
  other.options[1] = (cat_option){"database", "no_such_database", false};
  assert_fails(&other, driver_pg.open(&other.client, 0, &other.conn, &other.err), SHUNT_E_DATASOURCE,
               "no_such_database");
  assert_string_equal(other.err.sqlstate, "3D000");
  assert_null(strchr(other.err.message, '\n'));
  shunt_rows_free(other.rows);
}

/* What libpq was given of an option: what the client says goes before the environment, and that before our own. */
static void assert_option(const server *s, const char *keyword, const char *want) {
  PQconninfoOption *all = PQconninfo(pg_of(s->conn)->pg), *o = all;
  while (strcmp(o->keyword, keyword) != 0) o++;
  assert_string_equal(o->val, want);
  PQconninfoFree(all);
}

static void a_connection_of_which_one_end_is_left_is_found_by_default(void **state) {
  server *s = server_of(state), other;
  assert_option(s, "keepalives_idle", "30");
  assert_option(s, "tcp_user_timeout", "30000");
  init(&other);
  other.options[1] = (cat_option){"keepalives_idle", "7", false};
  other.client.noptions = 2;
  setenv("PGCONNECT_TIMEOUT", "5", 1);
  shunt_status status = driver_pg.open(&other.client, 0, &other.conn, &other.err);
  unsetenv("PGCONNECT_TIMEOUT");
  assert_int_equal(status, SHUNT_OK);
  assert_option(&other, "keepalives_idle", "7");
  assert_option(&other, "connect_timeout", "5");
  driver_pg.close(other.conn);
}

/* ---- memory ---- */

/* More than go in one block. */
static shunt_status load(server *s) {
  static const char *const columns[] = {"a", "b"};
  static char text[40000];
  shunt_value row[] = {shunt_integer(1), shunt_text(text, sizeof text)};
  const char *sql;
  memset(text, 'x', sizeof text);
  shunt_status status = try_run(s, "CREATE TEMP TABLE taking (a int, b text) ON COMMIT DROP");
  if (!status) status = driver_pg.load_begin(s->conn, "taking", columns, 2, &sql, &s->err);
  if (status) return status;
  for (int i = 0; i < 4 && !status; i++) status = driver_pg.load_row(s->conn, row, &s->err);
  shunt_status ended = driver_pg.load_end(s->conn, !status, &s->affected, status ? NULL : &s->err);
  return status ? status : ended;
}

/* Everything that a connection does, once. */
static bool use(server *s) {
  shunt_value params[] = {shunt_integer(1), shunt_float(0.5), shunt_text("text", 4), shunt_blob("b", 1), shunt_null()};
  driver_table *t = NULL;
  shunt_status status = driver_pg.open(&s->client, 0, &s->conn, &s->err);
  if (!status) status = try_with(s, "SELECT ?::bytea", &params[3], 1);
  if (!status) status = driver_pg.begin(s->conn, NULL, false, &s->err);
  if (!status) status = try_run(s, "SAVEPOINT a");
  if (!status) status = try_with(s, "SELECT ?::int, ?::float8, ?::text, ?::bytea, ?::date", params, 5);
  if (!status) status = try_run(s, "SELECT g, repeat('x', 300) FROM generate_series(1, 1000) g");
  if (!status) status = driver_pg.describe(s->conn, NULL, "pg_type", &t, &s->err);
  if (!status && !pg_of(s->conn)->pooled) status = load(s);
  if (!status) status = driver_pg.commit(s->conn, &s->err);
  driver_table_free(t);
  shunt_rows_free(s->rows);
  s->rows = NULL;
  driver_pg.close(s->conn);
  s->conn = NULL;
  if (status && status != SHUNT_E_MEMORY) fail_msg("%s", s->err.message);
  return !status;
}

static void fail_every_allocation(server *s) {
  faults f;
  faults_on(&f);
  bool done = false;
  for (f.fail_at = 1; !done; f.fail_at++) {
    f.seen = 0;
    f.failed = false;
    done = use(s);
    assert_int_not_equal(done, f.failed);
    assert_int_equal(f.live, 0);
  }
  assert_true(f.fail_at > 10);
  faults_off();
}

static void survives_every_allocation_that_fails(void **state) {
  server *s = server_of(state);
  driver_pg.close(s->conn);
  s->conn = NULL;
  fail_every_allocation(s);
  s->options[s->client.noptions++] = (cat_option){"prepare", "false", false};
  fail_every_allocation(s);
}

typedef struct tried {
  shunt_outcome outcome;
  int64_t there; /* rows, after its transaction */
} tried;

/* Whether memory ran out for a write or for its rows. */
static bool write_without_memory(server *s, bool inside, size_t at, tried *what) {
  static const char sql[] = "INSERT INTO w SELECT g, repeat('x', 300) FROM generate_series(1, 20) g RETURNING *";
  faults f;
  run(s, "DELETE FROM w");
  shunt_rows_free(s->rows);
  s->rows = NULL;
  if (inside) begin_transaction(s);
  s->conn->outcome = SHUNT_NOT_DONE;
  faults_on(&f);
  f.fail_at = at;
  shunt_status status = try_run(s, sql);
  shunt_rows_free(s->rows);
  s->rows = NULL;
  faults_off();
  assert_int_equal(status, f.failed ? SHUNT_E_MEMORY : SHUNT_OK);
  what->outcome = s->conn->outcome;
  if (inside && driver_pg.commit(s->conn, NULL)) assert_true(f.failed);
  what->there = integer_of(s, "SELECT count(*) FROM w");
  return f.failed;
}

static void a_write_whose_rows_find_no_memory_is_known_to_be_done(void **state) {
  server *s = server_of(state);
  run(s, "CREATE TEMPORARY TABLE w (id INT, t TEXT)");
  for (int inside = 0; inside < 2; inside++) {
    tried what;
    int done = 0;
    for (size_t at = 1; write_without_memory(s, inside, at, &what); at++) {
      done += what.outcome == SHUNT_DONE;
      assert_int_equal(what.there, what.outcome == SHUNT_DONE ? 20 : 0);
    }
    assert_int_equal(what.there, 20);
    assert_int_equal(done > 0, !inside); /* in a transaction it is rolled back */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_server_holds_no_more_statements_than_are_kept),
      TEST(what_a_function_refuses_is_no_failure_of_the_datasource),
      TEST(no_two_statements_of_any_connection_have_one_name),
      TEST(statements_are_never_mixed_up),
      TEST(a_long_statement_is_run_and_not_kept),
      TEST(a_changed_table_is_seen_by_statements_that_were_prepared),
      TEST(what_was_sent_and_not_received_is_dropped),
      TEST(a_connection_is_as_new_after_a_reset),
      TEST(only_plain_sql_waits_for_the_end_of_its_session),
      TEST(a_transaction_goes_on_after_what_its_connection_keeps),
      TEST(copying_to_the_client_is_refused),
      TEST(a_commit_of_what_has_failed_is_an_error),
      TEST(what_is_refused_only_at_its_end_is_an_error),
      TEST(a_transaction_is_what_was_asked_for),
      TEST(parameters_that_do_not_fit_are_refused_before_they_are_sent),
      TEST(values_go_as_the_type_that_is_wanted),
      TEST(tables_are_described_as_the_server_compares_their_columns),
      TEST(a_table_is_the_one_on_the_search_path),
      TEST(options_are_checked_and_shown_without_their_secrets),
      TEST(a_connection_of_which_one_end_is_left_is_found_by_default),
      TEST(survives_every_allocation_that_fails),
      TEST(a_write_whose_rows_find_no_memory_is_known_to_be_done),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
