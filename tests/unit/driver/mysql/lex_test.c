/* The lexer sees what MySQL or MariaDB sees, on the server of SHUNT_TEST_MYSQL; and what kind a statement is of. */
#include "driver/mysql/conn.h"
#include "unit/driver/mysql/server.h"
#include "unit/driver/soup.h"

enum { STATEMENTS = 4000 };

static void the_server_finds_as_many_parameters(void **state) {
  server *d = the_server(state);
  rng r = rng_start("lex mysql");
  size_t taken = 0, with_params = 0;
  for (int n = 0; n < STATEMENTS; n++) {
    char sql[512];
    soup_statement(&r, CAT_MYSQL, sql, sizeof sql);
    if (!mysql_of(d->conn)->mariadb && strstr(sql, "/*M!")) continue; /* a comment to MySQL */
    if (strstr(sql, "/*!500001")) continue;                           /* a comment to every version of today */
    MYSQL_STMT *stmt = mysql_stmt_init(mysql_of(d->conn)->db);
    assert_non_null(stmt);
    bool fine = mysql_stmt_prepare(stmt, sql, (unsigned long)strlen(sql)) == 0;
    size_t count = soup_params(CAT_MYSQL, sql), found = fine ? mysql_stmt_param_count(stmt) : 0;
    if (fine && found != count) fail_msg("%zu parameters, and not %zu in: %s", count, found, sql);
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
  assert_kind("/*!999999 -- */ SELECT 1", STATEMENT_OTHER);
  assert_kind("/*!999999 -- */", STATEMENT_EMPTY);
  assert_kind("/*!999999 SELECT", STATEMENT_OTHER);
  assert_kind("/*!40000 SELECT 1 */", STATEMENT_OTHER);
  assert_kind("/*!40000 CREATE TEMPORARY TABLE a (b INT) */", STATEMENT_OTHER);
  assert_kind("CREATE /*!999999 TEMPORARY */ TABLE a (b INT)", STATEMENT_COMMITS);
  assert_kind("LOAD /*!999999 DATA */ INDEX INTO CACHE a", STATEMENT_COMMITS);
  assert_kind("LOAD DATA INFILE 'a' INTO TABLE a", STATEMENT_CHANGES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_server_finds_as_many_parameters),
      cmocka_unit_test(what_is_hidden_in_comments_is_seen),
      cmocka_unit_test(what_follows_a_comment_that_is_not_run_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
