/* For: running chunks of rules in a sandbox.
 * Use: sandbox *sb = open_sandbox(&usual); status = run(sb, "return 1", &err); … still_works(sb); sandbox_free(sb); */
#ifndef TESTS_UNIT_RULE_SANDBOXES_H
#define TESTS_UNIT_RULE_SANDBOXES_H

#include <string.h>

#include "rule/sandbox.h"

static const sandbox_limits usual = {.instructions = 3000000, .memory_bytes = 64 << 20, .timeout_ns = 5000000000};

static inline sandbox *open_sandbox(const sandbox_limits *limits) {
  sandbox *sb;
  shunt_error err;
  assert_int_equal(sandbox_new(limits, &sb, &err), SHUNT_OK);
  return sb;
}

/* Runs a chunk, which leaves one value on the stack when all is well. */
static inline shunt_status run(sandbox *sb, const char *code, shunt_error *err) {
  sandbox_start(sb, 1);
  int status = sandbox_load(sb, "@rules/x.lua", code, strlen(code));
  return status ? sandbox_error(sb, status, err) : sandbox_call(sb, 0, 1, err);
}

static inline void still_works(sandbox *sb) {
  shunt_error err;
  assert_int_equal(run(sb, "return 1+1", &err), SHUNT_OK);
  assert_int_equal(lua_tointeger(sb->L, -1), 2);
  lua_pop(sb->L, 1);
  assert_int_equal(lua_gettop(sb->L), 0);
}

static inline int freeze_first(lua_State *L) {
  sandbox_freeze(L, 1);
  return 1;
}

/* Runs code, freezes what it returns, and leaves it on the stack. */
static inline shunt_status run_and_freeze(sandbox *sb, const char *code, shunt_error *err) {
  shunt_status status = run(sb, code, err);
  if (status) return status;
  lua_pushcfunction(sb->L, freeze_first);
  lua_insert(sb->L, -2);
  return sandbox_call(sb, 1, 1, err);
}

#endif
