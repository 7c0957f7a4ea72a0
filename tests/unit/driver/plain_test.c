/* Which SQL is plain: a session can leave nothing by it, except through what its tables run. And which says that it
 * reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "driver/driver.h"
#include "driver/plain.h"

static bool plain(cat_engine engine, const char *sql) { return plain_is(driver_for(engine)->lex, sql, strlen(sql)); }

static void reads_and_writes_of_rows_are_plain(void **state) {
  (void)state;
  static const char *const list[] = {
      "SELECT * FROM t",
      "select a, count(*) from t where b in (?, ?) and (c = 'set_config(' or not (d < 1)) group by a",
      "/* why */ INSERT INTO t VALUES (?, ?)",
      "INSERT INTO s.t (a, b) VALUES (1, lower('A')), (2, ?)",
      "INSERT INTO t (a) SELECT b FROM u WHERE EXISTS (SELECT 1 FROM v)",
      "UPDATE t SET a = (SELECT max(b) FROM u) WHERE c = ?",
      "DELETE FROM t WHERE a BETWEEN (1) AND (2);",
      "SELECT a FROM t JOIN (SELECT b FROM u) AS x ON (t.a = x.b) FOR UPDATE",
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    for (cat_engine e = CAT_SQLITE3; e <= CAT_MYSQL; e++)
      if (!plain(e, list[i])) fail_msg("%s", list[i]);
  assert_true(plain(CAT_PG, "INSERT INTO \"t\" (a) VALUES (1) RETURNING \"a\""));
  assert_true(plain(CAT_MYSQL, "INSERT INTO `s`.`t` (a) VALUES (\"@a\") # @a"));
}

static void all_others_are_not(void **state) {
  (void)state;
  static const char *const list[] = {
      "",
      ";",
      "SET a = 1",
      "WITH x AS (SELECT 1) SELECT * FROM x",
      "SELECT set_config('a', 'b', false)",
      "SELECT * INTO t FROM u",
      "SELECT * INTO TEMP t FROM u",
      "SELECT f (1)",
      "SELECT f/**/(1)",
      "SELECT s.f(1)",
      "INSERT INTO t VALUES (f(1))",
      "INSERT INTO t (a) VALUES (get_lock('a', 1))",
      "INSERT INTO t SELECT f(1)",
      "SELECT a & 1 FROM t",
      "SELECT @a",
      "EXPLAIN SELECT 1",
      "CALL p()",
      "UPDATE t SET a = into (1)",
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    for (cat_engine e = CAT_SQLITE3; e <= CAT_MYSQL; e++)
      if (plain(e, list[i])) fail_msg("%s", list[i]);
  assert_false(plain(CAT_PG, "SELECT \"set_config\"('a', 'b', false)"));
  assert_false(plain(CAT_PG, "SELECT \"count\"(*)"));
  assert_false(plain(CAT_PG, "SELECT U&\"set\\005fconfig\"('a', 'b', false)"));
  assert_false(plain(CAT_PG, "UPDATE U&\"pg\\005fsettings\" SET setting = 'a'"));
  assert_false(plain(CAT_MYSQL, "SELECT `get_lock`('a', 1)"));
  assert_false(plain(CAT_MYSQL, "SELECT 1 /*! , @a := 2 */"));
  assert_false(plain(CAT_MYSQL, "SELECT 1 /*!99999 ' */, 2 /* ' */"));
}

static bool reads(cat_engine engine, const char *sql) { return plain_reads(driver_for(engine)->lex, sql, strlen(sql)); }

static void what_says_that_it_reads_does(void **state) {
  (void)state;
  static const char *const yes[] = {"SELECT 1",
                                    "( select replace('a', 'b', 'c') )",
                                    "/* insert */ VALUES (1)",
                                    "WITH x AS (SELECT 'delete') SELECT share FROM x -- update",
                                    "EXPLAIN SELECT 1",
                                    "SHOW tables",
                                    "pragma table_info(t)",
                                    "SELECT share, lock, substring(a FOR 2) AS key FROM share WHERE b IN (share)",
                                    "SELECT f(1)"},
                           *const no[] = {"",
                                          "INSERT INTO t VALUES (1)",
                                          "WITH x AS (SELECT 1) INSERT INTO t SELECT 1",
                                          "SELECT 1 FOR UPDATE",
                                          "SELECT 1 FOR SHARE",
                                          "SELECT 1 for/**/No Key\nupdate",
                                          "SELECT 1 FOR -- it's\n KEY /* ' */ Share",
                                          "SELECT 1 lock/**/IN\tshare MODE",
                                          "SELECT 1 INTO t",
                                          "EXPLAIN ANALYZE DELETE FROM t",
                                          "CALL p()",
                                          "DO 1",
                                          "REPLACE INTO t VALUES (1)",
                                          "WITH x AS (SELECT 1) REPLACE INTO t SELECT 1",
                                          "CREATE TABLE t (a integer)",
                                          "SET a = 1",
                                          "/* SELECT */ DROP TABLE t"};
  for (cat_engine e = CAT_SQLITE3; e <= CAT_MYSQL; e++) {
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
      if (!reads(e, yes[i])) fail_msg("%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
      if (reads(e, no[i])) fail_msg("%s", no[i]);
  }
  assert_false(reads(CAT_MYSQL, "/*!99999 SELECT */ CALL p()"));
  assert_false(reads(CAT_MYSQL, "/*! SELECT */ 1"));
  assert_true(reads(CAT_MYSQL, "SELECT 1 /*! , 2 */"));
  assert_false(reads(CAT_MYSQL, "SELECT 1 LOCK /*!99999 x */ IN SHARE MODE"));
  assert_false(reads(CAT_MYSQL, "SELECT 1 FOR /*!99999 x */ SHARE"));
  assert_false(reads(CAT_MYSQL, "SELECT 1 INTO/**/@a"));
  assert_true(reads(CAT_MYSQL, "SELECT /*!40001 SQL_NO_CACHE */ 1"));
  assert_false(reads(CAT_MYSQL, "SELECT 1 /*!99999 ' */ INTO @a /* ' */"));
  assert_false(reads(CAT_MYSQL, "SELECT 1 /*!99999 -- */ FOR UPDATE /*\n*/"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_and_writes_of_rows_are_plain),
      cmocka_unit_test(all_others_are_not),
      cmocka_unit_test(what_says_that_it_reads_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
