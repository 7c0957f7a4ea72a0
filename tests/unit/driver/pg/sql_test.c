/* What is a parameter in PostgreSQL's SQL and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "driver/pg/conn.h"
#include "unit/random.h"

static void assert_numbered(const char *sql, const char *want) {
  buf got = {0};
  pg_number_params(sql, strlen(sql), &got);
  assert_false(got.failed);
  assert_string_equal(got.data ? got.data : "", want);
  buf_free(&got);
}

static void parameters_are_numbered_in_their_order(void **state) {
  (void)state;
  assert_numbered("SELECT ?", "SELECT $1");
  assert_numbered("SELECT ?, ?::int+? FROM t WHERE a=?AND b IN (?,?)",
                  "SELECT $1, $2::int+$3 FROM t WHERE a=$4 AND b IN ($5,$6)");
  assert_numbered("?", "$1");
  assert_numbered("", "");
}

static void an_operators_question_mark_is_written_twice(void **state) {
  (void)state;
  assert_numbered("SELECT a ?? 'k', b ??| ?, c ??& ?", "SELECT a ? 'k', b ?| $1, c ?& $2");
}

static void what_is_quoted_stays_as_it_is(void **state) {
  (void)state;
  static const char *const same[] = {
      "SELECT '?', 'it''s ?', '\\'",
      "SELECT \"a?\", \"b\"\"?\"",
      "SELECT 1 -- ?\n, 2",
      "SELECT 1 -- ?",
      "SELECT /* ? /* ? */ ? */ 1",
      "SELECT /* never closed ?",
      "SELECT E'\\'?', e'\\\\', U&'?'",
      "SELECT $$?$$, $a$ ? $$ ? $b$ ? $a$, $ä1$?$ä1$",
      "SELECT 'never closed ?",
      "SELECT $x$ never closed ?",
      "SELECT 'a?' 'b?'",
  };
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) assert_numbered(same[i], same[i]);
}

static void what_follows_a_quote_is_read_again(void **state) {
  (void)state;
  assert_numbered("SELECT '\\', ?", "SELECT '\\', $1");
  assert_numbered("SELECT E'\\\\', ?", "SELECT E'\\\\', $1");
  assert_numbered("SELECT name'\\', ?", "SELECT name'\\', $1"); /* the e belongs to a name */
  assert_numbered("SELECT a$b$, ?, c$b$", "SELECT a$b$, $1, c$b$");
  assert_numbered("SELECT $1$, ?", "SELECT $1$, $1");
  assert_numbered("SELECT 5 - ? - -?", "SELECT 5 - $1 - -$2");
  assert_numbered("SELECT 6 / ? * ?", "SELECT 6 / $1 * $2");
  assert_numbered("SELECT /**/?/* */", "SELECT /**/$1/* */");
}

static void any_mixture_of_opaque_parts_and_parameters_is_told_apart(void **state) {
  (void)state;
  static const char *const parts[] = {"'?'",     "'a''?'",    "\"?\"",  "E'\\'?' +", "$$ ? $$", "$t$?$$?$t$",
                                      "/* ? */", "/*/*?*/*/", "-- ?\n", "12",        "name",    "+",
                                      "::int",   "( ",        "'\\'",   "$1a"};
  rng r = rng_start("pg_sql");
  for (int n = 0; n < 20000; n++) {
    buf sql = {0}, want = {0}, got = {0};
    int number = 0;
    for (size_t left = rng_below(&r, 12); left; left--) {
      if (rng_below(&r, 3) == 0) {
        buf_puts(&sql, " ? ");
        buf_printf(&want, " $%d ", ++number);
      } else {
        const char *part = parts[rng_below(&r, sizeof parts / sizeof *parts)];
        buf_printf(&sql, " %s ", part);
        buf_printf(&want, " %s ", part);
      }
    }
    pg_number_params(sql.data ? sql.data : "", sql.size, &got);
    if (sql.size) assert_string_equal(got.data, want.data);
    buf_free(&sql);
    buf_free(&want);
    buf_free(&got);
  }
}

static void nothing_is_read_past_the_end(void **state) {
  (void)state;
  rng r = rng_start("pg_sql ends");
  static const char alphabet[] = "?'\"$-/*\\eE ab1\n;";
  for (int n = 0; n < 50000; n++) {
    size_t size = rng_below(&r, 12);
    char *sql = malloc(size + 1); /* exactly as large as it is, for the sanitizer to see */
    assert_non_null(sql);
    for (size_t i = 0; i < size; i++) sql[i] = alphabet[rng_below(&r, sizeof alphabet - 1)];
    char *exact = realloc(sql, size ? size : 1);
    assert_non_null(exact);
    buf got = {0};
    pg_number_params(exact, size, &got);
    (void)pg_first_words(exact, size);
    (void)pg_leaves(exact, size);
    assert_true(got.size <= size * 3);
    buf_free(&got);
    free(exact);
  }
}

static void what_stays_with_the_connection_is_known_by_its_words(void **state) {
  (void)state;
  static const char *const leaves[] = {
      "SET search_path = a",
      " /* now */ set session timezone = 'UTC'",
      "SET ROLE a",
      "RESET ALL",
      "DISCARD TEMP",
      "LISTEN a",
      "PREPARE p AS SELECT 1",
      "DEALLOCATE ALL",
      "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
      "LOAD 'a'",
      "DO $$ BEGIN END $$",
      "CALL f()",
      "CREATE TEMP TABLE a (id int)",
      "create/**/local temporary view a AS SELECT 1",
      "CREATE OR REPLACE TEMP VIEW a AS SELECT 1",
      "EXPLAIN ANALYZE CREATE TEMP TABLE a AS SELECT 1",
      "CREATE TABLE pg_temp.a (id int)",
      "SELECT 1 AS a INTO TEMP a",
      "WITH x AS (SELECT 1) SELECT * INTO LOCAL TEMPORARY TABLE a FROM x",
      "SELECT pg_advisory_lock(1)",
      "SELECT pg_catalog.pg_try_advisory_lock_shared(1, 2)",
      "SELECT set_config('a.b', ?, false)",
      "SELECT set_config('a.b', 'true)', ?), true",
      "SELECT set_config('a.b', f(true), istrue)",
      "SELECT set_config('a.b', 'c', NOT true)",
      "SELECT set_config('a.b', 'c', false > true)",
      "SELECT set_config('a.b'",
      "SELECT \"set_config\"('a.b', 'c', false)",
      "SELECT pg_catalog.\"pg_advisory_lock\"(1)",
      "SELECT U&\"set\\005fconfig\"('a.b', 'c', false)",
      "UPDATE pg_settings SET setting = 'a' WHERE name = 'search_path'",
      "UPDATE \"pg_settings\" SET setting = 'a'",
      "SELECT set_config('a.b', ?, true), SET_CONFIG('a.c', ?, false)",
  };
  static const char *const nothing[] = {
      "",
      "SELECT temp, set_of, local FROM create_temp",
      "SET LOCAL search_path = a",
      "SET TRANSACTION READ ONLY",
      "SET CONSTRAINTS ALL DEFERRED",
      "INSERT INTO temp VALUES ('CREATE TEMP TABLE')",
      "MERGE INTO temporary USING a ON true WHEN MATCHED THEN DELETE",
      "UPDATE a SET temp = 1 -- pg_advisory_lock",
      "SELECT \"set_config\", $$ into temp $$",
      "SELECT 1 INTO a",
      "CREATE TABLE temp (id int)",
      "SELECT pg_advisory_xact_lock(1)",
      "SELECT pg_catalog.set_config('a.b', coalesce(?, ')'), TRUE), 1",
      "SELECT set_config('a.b', 'c' /* once */, is_local => true )",
  };
  for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
    if (!pg_leaves(leaves[i], strlen(leaves[i]))) fail_msg("%s", leaves[i]);
  for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
    if (pg_leaves(nothing[i], strlen(nothing[i]))) fail_msg("%s", nothing[i]);
}

static void transactions_and_savepoints_are_known_by_their_words(void **state) {
  (void)state;
  static const struct {
    const char *sql;
    pg_words want;
  } cases[] = {
      {"SELECT 1", PG_PLAIN},
      {"BEGIN", PG_TRANSACTION},
      {" ; begin work", PG_TRANSACTION},
      {"START TRANSACTION", PG_TRANSACTION},
      {"COMMIT", PG_TRANSACTION},
      {"END", PG_TRANSACTION},
      {"ABORT", PG_TRANSACTION},
      {"ROLLBACK", PG_TRANSACTION},
      {"ROLLBACK WORK", PG_TRANSACTION},
      {"ROLLBACK AND CHAIN", PG_TRANSACTION},
      {"ROLLBACK PREPARED 'x'", PG_TRANSACTION},
      {"PREPARE TRANSACTION 'x'", PG_TRANSACTION},
      {"PREPARE p AS SELECT 1", PG_PLAIN},
      {"/* /* */ */ -- x\n commit", PG_TRANSACTION},
      {"ROLLBACK TO a", PG_SAVEPOINT},
      {"rollback transaction to savepoint a", PG_SAVEPOINT},
      {"ROLLBACK/**/TO a", PG_SAVEPOINT},
      {"SAVEPOINT a", PG_SAVEPOINT},
      {"RELEASE a", PG_SAVEPOINT},
      {"beginning", PG_PLAIN},
      {"endless()", PG_PLAIN},
      {"", PG_NOTHING},
      {" -- nothing", PG_NOTHING},
      {"/* */;", PG_NOTHING},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (pg_first_words(cases[i].sql, strlen(cases[i].sql)) != cases[i].want) fail_msg("%s", cases[i].sql);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parameters_are_numbered_in_their_order),
      cmocka_unit_test(an_operators_question_mark_is_written_twice),
      cmocka_unit_test(what_is_quoted_stays_as_it_is),
      cmocka_unit_test(what_follows_a_quote_is_read_again),
      cmocka_unit_test(any_mixture_of_opaque_parts_and_parameters_is_told_apart),
      cmocka_unit_test(nothing_is_read_past_the_end),
      cmocka_unit_test(what_stays_with_the_connection_is_known_by_its_words),
      cmocka_unit_test(transactions_and_savepoints_are_known_by_their_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
