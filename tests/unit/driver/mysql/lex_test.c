/* The lexer sees what MySQL or MariaDB sees, on the server of SHUNT_TEST_MYSQL; and what kind a statement is of. No
 * comment hides from shunt that a transaction has ended. */
#include "driver/mysql/conn.h"
#include "driver/plain.h"
#include "unit/driver/mysql/server.h"
#include "unit/driver/reading.h"
#include "unit/driver/soup.h"

enum { STATEMENTS = 4000, LONGEST = 512 };

/* Whether it finds so many if it skips some of the first four executable comments. */
static bool some_version_finds(size_t found, const char *sql) {
  char run[LONGEST];
  for (uint64_t skipped = 0; skipped < 256; skipped++) {
    const size_t size = strlen(sql);
    if (!reading_as_run(sql, size, skipped, run)) continue;
    run[size] = 0;
    if (soup_params(CAT_MYSQL, run) == found) return true;
  }
  return false;
}

static void the_server_finds_as_many_parameters(void **state) {
  server *d = the_server(state);
  rng r = rng_start("lex mysql");
  size_t taken = 0, with_params = 0;
  for (int n = 0; n < STATEMENTS; n++) {
    char sql[512];
    soup_statement(&r, CAT_MYSQL, sql, sizeof sql);
    if (!mysql_of(d->conn)->mariadb && strstr(sql, "/*M!")) continue; /* a comment to MySQL */
    MYSQL_STMT *stmt = mysql_stmt_init(mysql_of(d->conn)->db);
    assert_non_null(stmt);
    bool fine = mysql_stmt_prepare(stmt, sql, (unsigned long)strlen(sql)) == 0;
    size_t count = soup_params(CAT_MYSQL, sql), found = fine ? mysql_stmt_param_count(stmt) : 0;
    if (fine && found != count && !some_version_finds(found, sql))
      fail_msg("%zu parameters, and not %zu in: %s", count, found, sql);
    taken += fine;
    with_params += fine && count;
    mysql_stmt_close(stmt);
  }
  assert_true(taken > STATEMENTS / 20 && with_params > STATEMENTS / 40);
}

static void assert_kind(const char *sql, statement_kind kind) {
  if (mysqldb_kind(sql, strlen(sql)) != kind) fail_msg("%s", sql);
}

static void what_is_hidden_in_comments_is_seen(void **state) {
  (void)state;
  assert_kind("/*! ALTER */ TABLE a", STATEMENT_COMMITS);
  assert_kind("/*! LOCK TABLES a READ */", STATEMENT_STAYS);
  assert_kind("/*M! LOCK */ TABLES a READ", STATEMENT_STAYS);
  assert_kind(" -- nothing\n;", STATEMENT_EMPTY);
}

/* The server's version decides whether it runs an executable comment, so both first words count. */
static void what_follows_a_comment_that_is_not_run_is_seen(void **state) {
  (void)state;
  assert_kind("/*!999999 SELECT */ DROP TABLE a", STATEMENT_COMMITS);
  assert_kind("/*M!100100 SET STATEMENT max_statement_time = 5 FOR */ ALTER TABLE a ADD b INT", STATEMENT_COMMITS);
  assert_kind("/*!999999 SELECT '*/' */ USE a", STATEMENT_OTHER);
  assert_kind("/*!999999 SELECT */ /*!40000 (*/ USE a", STATEMENT_STAYS);
  assert_kind("/*!999999 -- */ ALTER TABLE a ADD b INT", STATEMENT_COMMITS);
  assert_kind("/*!999999 # */ /*!999999 ' */ ALTER TABLE a ADD b INT", STATEMENT_COMMITS);
  assert_kind("/*!999999 x */ SELECT 1", STATEMENT_ANYTHING);
  assert_kind("/*!999999 -- */", STATEMENT_EMPTY);
  assert_kind("/*!40000 */ /*M! */", STATEMENT_EMPTY);
  assert_kind("/*!999999 SELECT", STATEMENT_OTHER);
  assert_kind("/*!40000 SELECT 1 */", STATEMENT_OTHER);
  assert_kind("/*!40000 CREATE TEMPORARY TABLE a (b INT) */", STATEMENT_OTHER);
  assert_kind("CREATE /*!999999 TEMPORARY */ TABLE a (b INT)", STATEMENT_COMMITS);
  assert_kind("LOAD /*!999999 DATA */ INDEX INTO CACHE a", STATEMENT_COMMITS);
  assert_kind("LOAD DATA INFILE 'a' INTO TABLE a", STATEMENT_CHANGES);
}

/* ---- what comments hide ---- */

enum { HIDDEN = 2000 };

static const char *any_of(rng *r, const char *const *list, size_t n) { return list[rng_below(r, n)]; }
#define ANY_OF(r, list) any_of(r, list, sizeof(list) / sizeof *(list))

/* What reads otherwise if the comment around it is code. */
static void put_junk(rng *r, buf *sql) {
  static const char *const junk[] = {"SELECT ", "'",     "\"", "-- ", "#",  "/* x */", "/*! y */",   "/*M!",
                                     "`",       "DROP ", "(",  "\n",  "/*", "*",       "TEMPORARY ", "9"};
  for (size_t n = rng_below(r, 4); n; n--) buf_puts(sql, ANY_OF(r, junk));
}

static void put_comment(rng *r, buf *sql) {
  static const char *const forms[][2] = {
      {"/*!999999 ", "*/"}, {"/*!99999 ", "*/"}, {"/*M!999999 ", "*/"}, {"/*!999999 ", "*/ */"}, {"/*", "*/"},
      {"-- ", "\n"},        {"#", "\n"}};
  const char *const *form = forms[rng_below(r, sizeof forms / sizeof *forms)];
  buf_puts(sql, form[0]);
  put_junk(r, sql);
  buf_puts(sql, form[1]);
}

static void put_gap(rng *r, buf *sql) {
  static const char *const blanks[] = {" ",           "\n",      "\t",       "/*!*/",
                                       "/*!40000 */", "/*M! */", "--\x01\n", " /*!50000 /* x */ */ "};
  do {
    if (rng_below(r, 2))
      put_comment(r, sql);
    else
      buf_puts(sql, ANY_OF(r, blanks));
  } while (rng_below(r, 3) == 0);
  buf_putc(sql, ' ');
}

/* A gap for each underscore. The first words may be the code of a comment. */
static void put_hidden(rng *r, const char *table, buf *sql) {
  static const char *const forms[] = {"SELECT_1",
                                      "CREATE_TABLE IF NOT EXISTS @x (a INT)_",
                                      "CREATE TABLE IF NOT EXISTS @y_SELECT 1 AS a",
                                      "DROP_TABLE_IF EXISTS @x",
                                      "DROP_TEMPORARY_TABLE IF EXISTS @t",
                                      "CREATE_TEMPORARY TABLE IF NOT EXISTS @t (a INT)",
                                      "CREATE_OR_REPLACE TABLE @x (a INT)",
                                      "ALTER_TABLE @ COMMENT 'a'_",
                                      "START_TRANSACTION_",
                                      "COMMIT_AND CHAIN_",
                                      "LOCK_TABLES @ WRITE",
                                      "LOAD_INDEX INTO CACHE @",
                                      "INSERT_INTO @ (name) VALUES ('a')_",
                                      "SELECT_1 FOR_UPDATE",
                                      "SELECT 1_INTO @v",
                                      "ROLLBACK_"};
  static const char *const codes[] = {"/*!", "/*!40000 ", "/*M!100100 "};
  const bool code = rng_below(r, 4) == 0;
  if (rng_below(r, 2)) put_gap(r, sql);
  if (code) buf_puts(sql, ANY_OF(r, codes));
  for (const char *at = ANY_OF(r, forms); *at; at++) {
    if (*at == '@')
      buf_puts(sql, table);
    else if (*at == '_')
      put_gap(r, sql);
    else
      buf_putc(sql, *at);
  }
  if (code) buf_puts(sql, "*/");
}

/* ---- a server of any version reads nothing worse ---- */

static void check_as_run(const char *sql, size_t size, const char *run) {
  const statement_kind kind = mysqldb_kind(sql, size), real = mysqldb_kind(run, size);
  if (real >= STATEMENT_CHANGES && kind < (real == STATEMENT_CHANGES ? real : STATEMENT_ANYTHING))
    fail_msg("kind %d, and %d as it is run:\n%.*s\n%.*s", kind, real, (int)size, sql, (int)size, run);
  if (plain_is(&mysql_dialect, sql, size) && !plain_is(&mysql_dialect, run, size))
    fail_msg("it is not plain:\n%.*s\n%.*s", (int)size, sql, (int)size, run);
  if (plain_reads(&mysql_dialect, sql, size) && !plain_reads(&mysql_dialect, run, size))
    fail_msg("it does not read:\n%.*s\n%.*s", (int)size, sql, (int)size, run);
}

static void no_version_of_the_server_reads_anything_worse(void **state) {
  (void)state;
  rng r = rng_start("versions mysql");
  size_t runs = 0;
  for (int n = 0; n < 50000; n++) {
    char run[LONGEST];
    buf sql = {0};
    put_hidden(&r, "t", &sql);
    assert_false(sql.failed);
    for (int version = 0; version < 4 && sql.size <= sizeof run; version++) {
      if (!reading_as_run(sql.data, sql.size, rng_next(&r), run)) continue;
      check_as_run(sql.data, sql.size, run);
      runs++;
    }
    buf_free(&sql);
  }
  assert_true(runs > 50000);
}

/* ---- the server itself ---- */

/* The transaction of the savepoint is still open, or its end was reported. */
static void check_transaction(server *d, const char *sql, shunt_status status) {
  mysql_conn *conn = mysql_of(d->conn);
  if (d->conn->broken || conn->lost[0]) {
    assert_int_not_equal(status, SHUNT_OK);
    return;
  }
  if (mysql_query(conn->db, "RELEASE SAVEPOINT witness"))
    fail_msg("%s, but the transaction was ended by: %s", shunt_status_name(status), sql);
}

static void mend(server *d) {
  if (!d->conn->broken) return;
  disconnect(d);
  connect_to(d);
}

static bool try_hidden(server *d, const char *sql, size_t size) {
  mend(d);
  if (e->begin(d->conn, NULL, false, &d->err)) fail_msg("%s", d->err.message);
  assert_false(mysql_query(mysql_of(d->conn)->db, "SAVEPOINT witness"));
  e->by_hand(d->conn, sql, size, 1);
  shunt_status status = try_run(d, sql, NULL, 0);
  check_transaction(d, sql, status);
  e->rollback(d->conn);
  return status == SHUNT_OK;
}

static void what_hides_the_end_of_a_comment_may_hide_anything(void **state) {
  (void)state;
  assert_kind("/*!999999 -- */ SELECT 1", STATEMENT_ANYTHING);
  assert_kind("/*!999999 -- */ CREATE TABLE a /*\n*/ SELECT 1", STATEMENT_ANYTHING);
  assert_kind("/*!999999 SELECT /* a */ SELECT */ DROP TABLE a", STATEMENT_ANYTHING);
  assert_kind("/*!999999 /*!40000 SELECT */ SELECT */ DROP TABLE a", STATEMENT_ANYTHING);
  assert_kind("DROP /*!999999 /*! */ TEMPORARY */ TABLE a", STATEMENT_COMMITS);
  assert_kind("DROP /*!999999 ' */ TABLE a /*' TEMPORARY */", STATEMENT_COMMITS);
  assert_kind("/*!999999 SELECT /*/**/ SELECT */ ROLLBACK", STATEMENT_ANYTHING);
  assert_kind("/*!999999 '*/'*/ DROP TABLE a", STATEMENT_ANYTHING);
}

static void no_statement_ends_a_transaction_unnoticed(void **state) {
  server *d = the_server(state);
  rng r = rng_start("hidden mysql");
  size_t taken = 0, refused = 0, ended = 0;
  for (int n = 0; n < HIDDEN; n++) {
    buf sql = {0};
    put_hidden(&r, d->table, &sql);
    assert_false(sql.failed);
    bool done = try_hidden(d, sql.data, sql.size);
    taken += done;
    refused += !done && d->err.status == SHUNT_E_TRANSACTION && !d->conn->broken;
    ended += !done && d->err.status == SHUNT_E_TRANSACTION && d->conn->broken;
    buf_free(&sql);
  }
  mend(d);
  run(d, "DROP TABLE IF EXISTS %sx, %sy");
  assert_true(taken > HIDDEN / 20 && refused > HIDDEN / 20 && ended > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_server_finds_as_many_parameters),
      cmocka_unit_test(what_is_hidden_in_comments_is_seen),
      cmocka_unit_test(what_follows_a_comment_that_is_not_run_is_seen),
      cmocka_unit_test(what_hides_the_end_of_a_comment_may_hide_anything),
      cmocka_unit_test(no_version_of_the_server_reads_anything_worse),
      TEST(no_statement_ends_a_transaction_unnoticed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
