/* Patterns: what they match is what Lua's own string library matches, and no pattern runs away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule/pattern.h"
#include "rule/sandbox.h"
#include "unit/random.h"
#include "unit/rule/pattern_case.h"

enum { CASES = 150000 };

/* ---- random input ---- */

static rng source;

static unsigned below(unsigned n) { return (unsigned)rng_below(&source, n); }

static void add_from(buf *b, const char *letters, unsigned count) { buf_putc(b, letters[below(count)]); }

static void add_set(buf *b) {
  buf_putc(b, '[');
  if (below(4) == 0) buf_putc(b, '^');
  if (below(8) == 0) buf_putc(b, ']');
  for (unsigned n = below(4); n > 0; n--) switch (below(6)) {
    case 0:
      buf_puts(b, "a-b");
      break;
    case 1:
      buf_putc(b, '%');
      add_from(b, "awdspA]%-z", 10);
      break;
    case 2:
      buf_putc(b, '-');
      break;
    case 3:
      add_from(b, "%-^]", 4);
      break;
    default:
      add_from(b, "ab1 .\0(", 7);
    }
  if (below(12) > 0) buf_putc(b, ']');
}

static void add_item(buf *b) {
  switch (below(12)) {
  case 0:
    add_set(b);
    break;
  case 1:
    buf_putc(b, '.');
    break;
  case 2:
    buf_putc(b, '%');
    add_from(b, "acdglpsuwxzACDGLPSUWXZ.%(e", 26);
    break;
  case 3:
    buf_puts(b, below(3) ? "(" : "()");
    return;
  case 4:
    buf_putc(b, ')');
    return;
  case 5:
    buf_puts(b, "%b");
    add_from(b, "(a1", 3);
    add_from(b, ")ab", 3);
    return;
  case 6:
    buf_puts(b, "%f");
    add_set(b);
    return;
  case 7:
    buf_putc(b, '%');
    add_from(b, "012", 3);
    return;
  case 8: /* anything at all */
    add_from(b, "%[]()^$*+-?.ab\0", 15);
    return;
  default:
    add_from(b, "aaab1 (", 7);
  }
  if (below(2)) add_from(b, "*+-?", 4);
}

static void make_pattern(buf *b) {
  buf_reset(b);
  if (below(6) == 0) buf_putc(b, '^');
  for (unsigned n = below(7); n > 0; n--) add_item(b);
  if (below(8) == 0) buf_putc(b, '$');
  buf_puts(b, "");
}

static void make_subject(buf *b) {
  buf_reset(b);
  for (unsigned n = below(16); n > 0; n--) add_from(b, "aaabbB1 ().\0_", 13);
  buf_puts(b, "");
}

static void make_replacement(buf *b) {
  buf_reset(b);
  for (unsigned n = below(4); n > 0; n--) {
    if (below(2)) {
      buf_putc(b, '%');
      add_from(b, "001122%x", 8);
    } else {
      add_from(b, "xy\0", 3);
    }
  }
  buf_puts(b, "");
}

static void gives_what_lua_gives(void **state) {
  (void)state;
  sandbox *sb;
  sandbox_limits limits = {INT64_MAX / 2000, 64 << 20, INT64_MAX / 2000};
  assert_int_equal(sandbox_new(&limits, &sb, NULL), SHUNT_OK);
  lua_State *plain = luaL_newstate();
  luaL_openlibs(plain);
  source = rng_start("patterns");
  pattern_case c = {.kind = FIND};
  buf ours = {0}, theirs = {0};
  unsigned matched = 0, failed = 0;
  sandbox_start(sb, 1);
  for (int i = 0; i < CASES; i++) {
    c.kind = (pattern_call)below(PATTERN_NCALLS);
    c.init = (int)below(8) - 3;
    c.most = below(3) ? -1 : (int)below(4);
    make_subject(&c.subject);
    make_pattern(&c.pattern);
    make_replacement(&c.replacement);
    pattern_run_case(plain, &c, &theirs);
    pattern_run_case(sb->L, &c, &ours);
    if (strcmp(ours.data, theirs.data) != 0) {
      print_message("case %d, kind %d, init %d, most %d\nsubject \"%s\"\npattern \"%s\"\nwith \"%s\"\n", i, (int)c.kind,
                    c.init, c.most, c.subject.data, c.pattern.data, c.replacement.data);
      assert_string_equal(ours.data, theirs.data);
    }
    failed += theirs.data[0] == 'e';
    matched += theirs.data[0] == 'o' && !strstr(theirs.data, "nil");
  }
  print_message("%d cases: %u errors, %u with a match\n", CASES, failed, matched);
  assert_true(matched > CASES / 10 && failed > CASES / 100);
  buf_free(&c.subject);
  buf_free(&c.pattern);
  buf_free(&c.replacement);
  buf_free(&ours);
  buf_free(&theirs);
  lua_close(plain);
  sandbox_free(sb);
}

static int64_t grant_from(void *ud) {
  int64_t *left = ud, granted = *left < 100 ? *left : 100;
  *left -= granted;
  return granted;
}

/* Matches at the first position, with so many steps. */
static pattern_result match_with(const char *written, const char *text, int64_t steps, pattern *p) {
  void *memory = malloc(pattern_bytes(written, strlen(written)));
  const char *end;
  assert_non_null(memory);
  p->steps = 0;
  p->more = grant_from;
  p->ud = &steps;
  pattern_compile(p, memory, written, strlen(written));
  pattern_subject(p, text, strlen(text));
  pattern_result result = pattern_match(p, text, &end);
  free(memory);
  return result;
}

static void stops_when_its_steps_are_used_up(void **state) {
  (void)state;
  char text[601];
  pattern p;
  memset(text, 'a', 600);
  text[600] = 0;
  assert_int_equal(match_with(".-.-.-.-b", text, 1000000, &p), PATTERN_OVER);
  assert_int_equal(match_with("a*a*a*a*b", text, 1000000, &p), PATTERN_OVER);
  assert_int_equal(match_with("a?a?a?a-$", text, 1000000, &p), PATTERN_YES);
  assert_int_equal(match_with("a", text, 0, &p), PATTERN_OVER);
}

static void tells_what_is_malformed_when_it_gets_there(void **state) {
  (void)state;
  pattern p;
  assert_int_equal(match_with("ab[", "ab", 1000, &p), PATTERN_BAD);
  assert_string_equal(p.error, "malformed pattern (missing ']')");
  assert_int_equal(match_with("ab[", "xx", 1000, &p), PATTERN_NO);
  assert_int_equal(match_with("a%", "ab", 1000, &p), PATTERN_BAD);
  assert_string_equal(p.error, "malformed pattern (ends with '%')");
  assert_int_equal(match_with("%b(", "ab", 1000, &p), PATTERN_BAD);
  assert_string_equal(p.error, "malformed pattern (missing arguments to '%b')");
  assert_int_equal(match_with("%fa", "ab", 1000, &p), PATTERN_BAD);
  assert_string_equal(p.error, "missing '[' after '%f' in pattern");
  assert_int_equal(match_with("a)", "ab", 1000, &p), PATTERN_BAD);
  assert_string_equal(p.error, "invalid pattern capture");
}

static void goes_back_through_any_number_of_repeats(void **state) {
  (void)state;
  enum { REPEATS = 5000 };
  char *written = malloc(REPEATS * 2 + 2);
  pattern p;
  assert_non_null(written);
  for (int i = 0; i < REPEATS; i++) memcpy(written + i * 2, "a?", 2);
  memcpy(written + REPEATS * 2, "b", 2);
  assert_int_equal(match_with(written, "b", 1000000, &p), PATTERN_YES);
  assert_int_equal(match_with(written, "c", 1000000, &p), PATTERN_NO);
  free(written);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_what_lua_gives),
      cmocka_unit_test(stops_when_its_steps_are_used_up),
      cmocka_unit_test(tells_what_is_malformed_when_it_gets_there),
      cmocka_unit_test(goes_back_through_any_number_of_repeats),
  };
  return cmocka_run_group_tests_name("rule/pattern", tests, NULL, NULL);
}
