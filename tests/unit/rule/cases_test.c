/* The cases of tests/unit/rule/cases: what each gives is written beside it, and stock Lua gives it, too.
 *
 * A case is an expression, a list of them or a chunk of one or more lines, which ends at its last line with one of:
 *   --> RESULTS               as unit/rule/beside_lua.h writes them
 *   --! MESSAGE               of the error that it raises; without "case:1: "
 *   --[WORD]> or --[WORD]!    the sandbox gives this on purpose and Lua doesn't; the word says why
 * Between cases stand empty lines and comments. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <dirent.h>

#include "base/alloc.h"
#include "unit/rule/beside_lua.h"

#define FOLDER "tests/unit/rule/cases"
enum { FEWEST_CASES = 1000 };

typedef struct expectation {
  const char *marker; /* where it begins in its line */
  const char *text;
  size_t size;
  bool error;
  bool differs; /* from Lua, on purpose */
} expectation;

typedef struct cases {
  beside b;
  const char *path;
  buf code;
  buf expected;
  unsigned first_line; /* of the code, which is empty between two cases */
  unsigned count;
  unsigned differing;
  unsigned failures;
} cases;

/* ---- lines ---- */

/* Reads what follows "--" at s. */
static bool read_marker(const char *s, const char *end, expectation *e) {
  e->differs = s < end && *s == '[';
  if (e->differs) {
    do s++;
    while (s < end && ((*s >= 'a' && *s <= 'z') || *s == ' '));
    if (s == end || *s++ != ']') return false;
  }
  if (s == end || (*s != '>' && *s != '!')) return false;
  e->error = *s++ == '!';
  if (s < end && *s != ' ') return false;
  e->text = s < end ? s + 1 : s;
  e->size = (size_t)(end - e->text);
  return true;
}

static bool find_expectation(const char *line, const char *end, expectation *e) {
  for (const char *s = line; s + 2 < end; s++) {
    e->marker = s;
    if (s[0] == '-' && s[1] == '-' && read_marker(s + 2, end, e)) return true;
  }
  return false;
}

static void add_code(cases *c, const char *from, const char *end, unsigned line) {
  while (end > from && end[-1] == ' ') end--;
  if (c->code.size == 0) c->first_line = line;
  buf_add(&c->code, from, (size_t)(end - from));
}

/* ---- cases ---- */

static void report(cases *c, const char *what) {
  print_message("%s:%u: %s\n  code      %s\n  expected  %s\n  sandbox   %s\n  Lua       %s\n", c->path, c->first_line,
                what, c->code.data, c->expected.data, c->b.ours.data, c->b.theirs.data);
  c->failures++;
}

static void check(cases *c, const expectation *e) {
  buf_reset(&c->expected);
  if (e->error) buf_puts(&c->expected, "! ");
  buf_add(&c->expected, e->text, e->size);
  beside_run(&c->b, c->code.data);
  bool as_lua = strcmp(c->expected.data, c->b.theirs.data) == 0;
  if (strcmp(c->expected.data, c->b.ours.data) != 0)
    report(c, "the sandbox gives another result");
  else if (as_lua == e->differs)
    report(c, as_lua ? "Lua gives the same, so that the case needs no mark" : "Lua gives another result");
  c->count++;
  c->differing += e->differs;
}

static void read_line(cases *c, const char *line, const char *end, unsigned number) {
  expectation e;
  bool between = c->code.size == 0;
  if (between && (line == end || (end - line > 2 && memcmp(line, "-- ", 3) == 0))) return;
  if (find_expectation(line, end, &e)) {
    add_code(c, line, e.marker, number);
    if (c->code.size == 0) fail_msg("%s:%u: a result without a case", c->path, number);
    check(c, &e);
    buf_reset(&c->code);
  } else {
    add_code(c, line, end, number);
    buf_putc(&c->code, '\n');
  }
}

static char *read_text(const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  buf text = {0};
  char block[4096];
  for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;) buf_add(&text, block, n);
  fclose(file);
  return buf_take(&text);
}

static void read_file(cases *c, const char *path) {
  char *text = read_text(path), *end;
  unsigned number = 0, before = c->count;
  c->path = path;
  for (char *line = text; (end = strchr(line, '\n')); line = end + 1) read_line(c, line, end, ++number);
  if (c->code.size > 0) fail_msg("%s:%u: a case without a result", path, c->first_line);
  assert_true(c->count > before);
  base_free(text);
}

/* ---- files ---- */

static int is_case_file(const struct dirent *entry) {
  size_t size = strlen(entry->d_name);
  return size > 6 && strcmp(entry->d_name + size - 6, ".cases") == 0;
}

static void gives_what_is_written_and_what_lua_gives(void **state) {
  (void)state;
  struct dirent **files;
  char path[512];
  cases c = {.path = FOLDER};
  beside_open(&c.b);
  int count = scandir(FOLDER, &files, is_case_file, alphasort);
  assert_true(count > 0);
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, FOLDER "/%s", files[i]->d_name);
    read_file(&c, path);
    free(files[i]);
  }
  free(files);
  print_message("%u cases in %d files; %u differ from Lua on purpose\n", c.count, count, c.differing);
  assert_int_equal(c.failures, 0);
  assert_true(c.count >= FEWEST_CASES);
  beside_close(&c.b);
  buf_free(&c.code);
  buf_free(&c.expected);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_what_is_written_and_what_lua_gives),
  };
  return cmocka_run_group_tests_name("rule/cases", tests, NULL, NULL);
}
