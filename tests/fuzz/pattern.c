/* string.find, match, gmatch and gsub of the sandbox give what stock Lua gives. The input: which call and with which
 * numbers, a line each with the pattern and what replaces it, and the text. What might take stock Lua too long runs in
 * the sandbox alone, which ends it. */
#include <lualib.h>

#include "fuzz/fuzz.h"
#include "rule/sandbox.h"
#include "unit/rule/pattern_case.h"

enum { LONGEST_TEXT = 24, MOST_REPEATS = 4, LONGEST_PATTERN = 128 };

static const sandbox_limits limits = {.instructions = 20000, .memory_bytes = 16 << 20, .timeout_ns = INT64_MAX / 2000};

/* Each item that repeats may stop at every place of the text. */
static bool is_quick(const pattern_case *c) {
  size_t repeats = 0;
  for (size_t i = 0; i < c->pattern.size; i++) repeats += c->pattern.data[i] && strchr("*+-?", c->pattern.data[i]);
  return c->subject.size <= LONGEST_TEXT && repeats <= MOST_REPEATS && c->pattern.size <= LONGEST_PATTERN;
}

static void fill(buf *to, fuzz_input from) {
  buf_add(to, (const char *)from.data, from.size);
  buf_puts(to, ""); /* so that it has bytes even if there are none */
}

static pattern_case read_case(fuzz_input in) {
  pattern_case c = {.kind = FIND};
  const fuzz_input numbers = fuzz_until(&in, '\n');
  c.kind = (pattern_call)((numbers.size > 0 ? numbers.data[0] : 0) % PATTERN_NCALLS);
  c.init = numbers.size > 1 ? numbers.data[1] % 16 - 5 : 1;
  c.most = numbers.size > 2 ? numbers.data[2] % 8 - 1 : -1;
  fill(&c.pattern, fuzz_until(&in, '\n'));
  fill(&c.replacement, fuzz_until(&in, '\n'));
  fill(&c.subject, in);
  return c;
}

static sandbox *sb;
static lua_State *plain;

/* They take longer to make than most calls: so they are kept, and swept after each. */
static void make_states(void) {
  if (plain) return;
  plain = luaL_newstate();
  if (!plain || sandbox_new(&limits, &sb, NULL)) abort();
  luaL_openlibs(plain);
}

static void compare(const pattern_case *c, const buf *ours) {
  buf theirs = {0};
  pattern_run_case(plain, c, &theirs);
  FUZZ_HOLDS(strcmp(ours->data, theirs.data) == 0, "the sandbox gives\n%s\nand Lua\n%s", ours->data, theirs.data);
  buf_free(&theirs);
}

int shunt_fuzz_pattern(const uint8_t *data, size_t size) {
  pattern_case c = read_case((fuzz_input){data, size});
  buf ours = {0};
  make_states();
  sandbox_start(sb, 1);
  pattern_run_case(sb->L, &c, &ours);
  if (sb->hit == SANDBOX_WITHIN && is_quick(&c)) compare(&c, &ours);
  FUZZ_HOLDS(sb->hit == SANDBOX_WITHIN || sb->hit == SANDBOX_INSTRUCTIONS || sb->hit == SANDBOX_MEMORY, "limit %d",
             (int)sb->hit);
  lua_settop(sb->L, 0);
  sandbox_start(sb, 1);
  lua_gc(sb->L, LUA_GCCOLLECT);
  buf_free(&c.subject);
  buf_free(&c.pattern);
  buf_free(&c.replacement);
  buf_free(&ours);
  return 0;
}
