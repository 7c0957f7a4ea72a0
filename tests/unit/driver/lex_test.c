/* The lexer of SQL, compared with a second reading of the engines' rules that was written apart from it, and on SQLite
 * with SQLite. tests/unit/driver/pg and mysql compare with the servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "driver/driver.h"
#include "driver/sqlite3/conn.h"
#include "unit/driver/reading.h"
#include "unit/driver/soup.h"

enum { LONGEST = 512 };

/* ---- the comparison ---- */

static void read_tokens(cat_engine engine, const char *text, size_t size, char *out) {
  static const char class[] = {
      [LEX_WORD] = 'w', [LEX_NUMBER] = 'w', [LEX_STRING] = 's', [LEX_NAME] = 'n', [LEX_PARAM] = '?', [LEX_OTHER] = 'o'};
  lex l = lex_of(driver_for(engine)->lex, text, size);
  const char *last = text;
  memset(out, '.', size);
  for (lex_token t = lex_next(&l); t.kind; t = lex_next(&l)) {
    assert_true(t.at >= last && t.size > 0 && t.at + t.size <= text + size);
    memset(out + (t.at - text), class[t.kind], t.size);
    last = t.at + t.size;
  }
  assert_ptr_equal(l.at, text + size);
  assert_int_equal(lex_next(&l).kind, LEX_END);
}

static void compare(cat_engine engine, const char *text, size_t size) {
  char *exact = malloc(size ? size : 1); /* exactly as large as it is, for the sanitizer to see */
  char got[LONGEST], want[LONGEST];
  assert_non_null(exact);
  memcpy(exact, text, size);
  reading_of(engine, text, size, want);
  read_tokens(engine, exact, size, got);
  if (memcmp(got, want, size) != 0)
    fail_msg("%s reads\n%.*s\nas\n%.*s\nand not as\n%.*s", cat_engine_name(engine), (int)size, text, (int)size, got,
             (int)size, want);
  free(exact);
}

static void any_text_is_read_as_the_engines_rules_say(void **state) {
  (void)state;
  rng r = rng_start("lex");
  for (int n = 0; n < 100000; n++) {
    char text[LONGEST];
    size_t size = soup_of(&r, 1 + rng_below(&r, 24), text, sizeof text);
    compare(CAT_SQLITE3, text, size);
    compare(CAT_PG, text, size);
    compare(CAT_MYSQL, text, size);
  }
}

/* ---- SQLite itself ---- */

static void sqlite_finds_as_many_parameters(void **state) {
  (void)state;
  sqlite3 *db;
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  rng r = rng_start("lex sqlite");
  size_t taken = 0, with_params = 0;
  for (int n = 0; n < 20000; n++) {
    char sql[LONGEST];
    soup_statement(&r, CAT_SQLITE3, sql, sizeof sql);
    if (strpbrk(sql, "$@#") || strstr(sql, "?1")) continue; /* named ones, and those that are one */
    sqlite3_stmt *stmt = NULL;
    const char *tail;
    bool fine = sqlite3_prepare_v2(db, sql, -1, &stmt, &tail) == SQLITE_OK && stmt && !*tail;
    size_t count = soup_params(CAT_SQLITE3, sql);
    if (fine && (size_t)sqlite3_bind_parameter_count(stmt) != count)
      fail_msg("%zu parameters, and not %d in: %s", count, sqlite3_bind_parameter_count(stmt), sql);
    taken += fine;
    with_params += fine && count;
    sqlite3_finalize(stmt);
  }
  assert_true(taken > 2000 && with_params > 1000);
  sqlite3_close(db);
}

/* ---- by hand ---- */

static void assert_classes(cat_engine engine, const char *text, const char *want) {
  char got[LONGEST] = {0};
  read_tokens(engine, text, strlen(text), got);
  if (strcmp(got, want) != 0) fail_msg("%s: %s, and not %s", text, got, want);
}

static void the_engines_differ_in_quotes_and_comments(void **state) {
  (void)state;
  assert_classes(CAT_PG, "LIMIT?", "wwwww?");
  assert_classes(CAT_PG, "E'a'\n'b\\'?',?", "ssssssssssso?");
  assert_classes(CAT_PG, "E'a' 'b\\',?", "ssss.sssso?");
  assert_classes(CAT_PG, "'a'\n'b\\',?", "sss.sssso?");
  assert_classes(CAT_PG, "--?\r?", "....?");
  assert_classes(CAT_PG, "/*/**/?*/?", ".........?");
  assert_classes(CAT_PG, "1$a$?$a$", "wsssssss");
  assert_classes(CAT_PG, "a$a$?", "wwww?");
  assert_classes(CAT_PG, "??|?", "ooo?");
  assert_classes(CAT_SQLITE3, "[?]`?`\"?\"?1", "nnnnnnnnn??");
  assert_classes(CAT_SQLITE3, "--?\r?\n?", "......?");
  assert_classes(CAT_SQLITE3, "'\\'?", "sss?");
  assert_classes(CAT_MYSQL, "'\\'?'?", "sssss?");
  assert_classes(CAT_MYSQL, "--1 # ?\n?", "oow.....?");
  assert_classes(CAT_MYSQL, "/*!50000 @a*/?", ".........ow..?");
  assert_classes(CAT_MYSQL, "/*M!@a/*?*/*/?", "....ow.......?");
  assert_classes(CAT_MYSQL, "/*?*/?", ".....?");
}

static void words_are_known_in_any_case_and_as_a_whole(void **state) {
  (void)state;
  static const char *const words[] = {"set", "into", NULL};
  const char *sql = ";(; SeT sets 'set' \"set\"";
  lex l = lex_of(driver_pg.lex, sql, strlen(sql));
  lex_token t = lex_first(&l, ";(");
  assert_true(lex_is(t, "set") && lex_is_any(t, words) && !lex_is(t, "sets") && !lex_is(t, "se"));
  t = lex_next(&l);
  assert_false(lex_is_any(t, words));
  assert_false(lex_is_any(lex_next(&l), words));
  assert_false(lex_is_any(lex_next(&l), words));
  assert_int_equal(lex_first(&l, ";(").kind, LEX_END);
}

/* ---- the rows of the engines ---- */

static void what_the_catalog_says_of_an_engine_its_driver_says_too(void **state) {
  (void)state;
  for (cat_engine e = 0; e < CAT_NENGINES; e++) {
    const driver_engine *driver = driver_for(e);
    const cat_engine_traits *traits = cat_engine_of(e);
    assert_string_equal(driver->name, traits->name);
    assert_int_equal(driver->queue != NULL, traits->queue);
    assert_int_equal(driver->file != NULL, traits->file);
    if (driver->queue) assert_int_equal(driver->queue->parallel, traits->levels);
    assert_non_null(driver->lex);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_text_is_read_as_the_engines_rules_say),
      cmocka_unit_test(sqlite_finds_as_many_parameters),
      cmocka_unit_test(the_engines_differ_in_quotes_and_comments),
      cmocka_unit_test(words_are_known_in_any_case_and_as_a_whole),
      cmocka_unit_test(what_the_catalog_says_of_an_engine_its_driver_says_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
