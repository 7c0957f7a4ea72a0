/* The lexer of SQL, compared with a second reading of the engines' rules that was written apart from it, and on SQLite
 * with SQLite. tests/unit/driver/pg and mysql compare with the servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "driver/driver.h"
#include "driver/sqlite3/conn.h"
#include "unit/driver/soup.h"

enum { LONGEST = 512 };

/* ---- a second reading: one character at a time, and what each of them is ---- */

/* '.' blank or comment, 's' string, 'n' quoted name, '?' parameter, 'w' word or number, 'o' anything else. */
typedef enum mode { CODE, LINE, BLOCK, QUOTED, DOLLARS } mode;

typedef struct reading {
  cat_engine engine;
  const char *text;
  size_t size;
  char *out;
  mode mode;
  size_t depth;
  char close, class;
  bool escapes, executable;
  char tag[LONGEST];
} reading;

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 128;
}
static bool is_digit(char c) { return '0' <= c && c <= '9'; }
static bool is_space(char c) { return c && strchr(" \t\n\v\f\r", c); }

static char peek(const reading *r, size_t at) { return at < r->size ? r->text[at] : 0; }

static size_t mark(reading *r, size_t at, size_t n, char class) {
  memset(r->out + at, class, n);
  return at + n;
}

static size_t open_quote(reading *r, size_t at, char class, bool escapes) {
  r->mode = QUOTED;
  r->close = r->text[at] == '[' ? ']' : r->text[at];
  r->class = class;
  r->escapes = escapes;
  return mark(r, at, 1, class);
}

/* Of E'…' on the next line: where its quote is, or 0. */
static size_t continuation(const reading *r, size_t at) {
  bool lines = false;
  for (; at < r->size; at++) {
    char c = r->text[at];
    if (c == '\n' || c == '\r') lines = true;
    if (c == '\'') return lines ? at : 0;
    if (c == '-' && peek(r, at + 1) == '-') {
      while (at + 1 < r->size && r->text[at + 1] != '\n' && r->text[at + 1] != '\r') at++;
    } else if (!is_space(c)) {
      return 0;
    }
  }
  return 0;
}

static size_t read_quoted(reading *r, size_t at) {
  char c = r->text[at], next = peek(r, at + 1);
  bool last = at + 1 == r->size;
  if (r->escapes && c == '\\' && !last) return mark(r, at, 2, r->class);
  if (c != r->close) return mark(r, at, 1, r->class);
  if (c != ']' && next == c && !last) return mark(r, at, 2, r->class);
  r->mode = CODE;
  at = mark(r, at, 1, r->class);
  size_t more = r->engine == CAT_PG && r->escapes ? continuation(r, at) : 0;
  if (!more) return at;
  mark(r, at, more - at, 's');
  return open_quote(r, more, 's', true);
}

static size_t read_comment(reading *r, size_t at) {
  bool opens = r->text[at] == '/' && peek(r, at + 1) == '*', closes = r->text[at] == '*' && peek(r, at + 1) == '/';
  if (r->engine != CAT_PG) opens = false;
  if (opens) r->depth++;
  if (closes && --r->depth == 0) r->mode = CODE;
  return mark(r, at, opens || closes ? 2 : 1, '.');
}

static size_t read_dollars(reading *r, size_t at) {
  size_t size = strlen(r->tag);
  if (r->size - at < size || strncmp(r->text + at, r->tag, size) != 0) return mark(r, at, 1, 's');
  r->mode = CODE;
  return mark(r, at, size, 's');
}

static size_t read_word(reading *r, size_t at) {
  size_t begin = at;
  bool number = r->engine == CAT_PG && is_digit(r->text[at]);
  while (at < r->size && (is_digit(r->text[at]) || (!number && (is_letter(r->text[at]) || r->text[at] == '$')))) at++;
  bool escape = r->engine == CAT_PG && at - begin == 1 && (r->text[begin] | 32) == 'e' && peek(r, at) == '\'';
  mark(r, begin, at - begin, escape ? 's' : 'w');
  return escape ? open_quote(r, at, 's', true) : at;
}

static size_t dollar_tag(reading *r, size_t at) {
  size_t end = at + 1;
  while (is_letter(peek(r, end)) || (end > at + 1 && is_digit(peek(r, end)))) end++;
  if (peek(r, end) != '$') return 0;
  memcpy(r->tag, r->text + at, end + 1 - at);
  r->tag[end + 1 - at] = 0;
  return end + 1 - at;
}

static size_t open_executable(reading *r, size_t at) {
  size_t begin = at, digits = 0;
  at += r->text[at + 2] == '!' ? 3 : 4;
  while (is_digit(peek(r, at + digits)) && digits < 6) digits++;
  if (digits >= 5) at += digits;
  r->executable = true;
  return mark(r, begin, at - begin, '.');
}

static size_t read_code(reading *r, size_t at) {
  char c = r->text[at], second = peek(r, at + 1), third = peek(r, at + 2);
  bool pg = r->engine == CAT_PG, mysql = r->engine == CAT_MYSQL, sqlite = r->engine == CAT_SQLITE3;
  if (is_space(c)) return mark(r, at, 1, '.');
  if (sqlite && r->size - at > 2 && memcmp(r->text + at, "\xEF\xBB\xBF", 3) == 0) return mark(r, at, 3, '.');
  if ((mysql && c == '#') || (c == '-' && second == '-' && (!mysql || (unsigned char)third <= 32 || third == 127))) {
    r->mode = LINE;
    return mark(r, at, 1, '.');
  }
  if (mysql && r->executable && c == '*' && second == '/') {
    r->executable = false;
    return mark(r, at, 2, '.');
  }
  if (c == '/' && second == '*') {
    if (mysql && (third == '!' || (third == 'M' && peek(r, at + 3) == '!'))) return open_executable(r, at);
    r->mode = BLOCK;
    r->depth = 1;
    return mark(r, at, 2, '.');
  }
  if (c == '\'') return open_quote(r, at, 's', mysql);
  if (c == '"') return open_quote(r, at, mysql ? 's' : 'n', mysql);
  if ((c == '`' && !pg) || (c == '[' && sqlite)) return open_quote(r, at, 'n', false);
  if (pg && c == '?' && second == '?') return mark(r, at, 2, 'o');
  if (c == '?') {
    size_t end = at + 1;
    while (sqlite && is_digit(peek(r, end))) end++;
    return mark(r, at, end - at, '?');
  }
  size_t tag = pg && c == '$' ? dollar_tag(r, at) : 0;
  if (tag) {
    r->mode = DOLLARS;
    return mark(r, at, tag, 's');
  }
  if (is_letter(c) || is_digit(c) || (c == '$' && !pg)) return read_word(r, at);
  return mark(r, at, 1, 'o');
}

static size_t read_one(reading *r, size_t at) {
  char c = r->text[at];
  switch (r->mode) {
  case LINE:
    if (c == '\n' || (c == '\r' && r->engine == CAT_PG)) r->mode = CODE;
    return mark(r, at, 1, '.');
  case BLOCK:
    return read_comment(r, at);
  case QUOTED:
    return read_quoted(r, at);
  case DOLLARS:
    return read_dollars(r, at);
  case CODE:
    break;
  }
  return read_code(r, at);
}

static void read_again(cat_engine engine, const char *text, size_t size, char *out) {
  reading r = {.engine = engine, .text = text, .size = size, .out = out};
  for (size_t at = 0; at < size;) at = read_one(&r, at);
}

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
  read_again(engine, text, size, want);
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
