/* For: code that runs in the sandbox and in stock Lua, in one process, with its results as texts that can be compared.
 * Owner: the caller of beside_open; beside_close.
 * Use: beside b; beside_open(&b); beside_run(&b, "('x'):rep(2)"); … b.ours.data and b.theirs.data are "\"xx\"" …
 *   results are separated by ", "; "()" stands for no result, "! " begins the message of an error
 *   {1, 2, +3} is a sequence of two, in a table with three more keys */
#ifndef TESTS_UNIT_RULE_BESIDE_LUA_H
#define TESTS_UNIT_RULE_BESIDE_LUA_H

#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "unit/rule/sandboxes.h"

typedef struct beside {
  sandbox *sb;
  lua_State *plain;
  buf ours, theirs;
  buf code;
} beside;

static inline void beside_open(beside *b) {
  memset(b, 0, sizeof *b);
  b->sb = open_sandbox(&usual);
  b->plain = luaL_newstate();
  assert_non_null(b->plain);
  luaL_openlibs(b->plain);
}

static inline void beside_close(beside *b) {
  sandbox_free(b->sb);
  lua_close(b->plain);
  buf_free(&b->ours);
  buf_free(&b->theirs);
  buf_free(&b->code);
}

/* ---- values as texts ---- */

static inline void beside_add_text(buf *out, const char *text, size_t size) {
  buf_putc(out, '"');
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\')
      buf_printf(out, "\\%c", c);
    else if (c == '\n')
      buf_puts(out, "\\n");
    else
      buf_printf(out, c >= 32 && c < 127 ? "%c" : "\\x%02X", c);
  }
  buf_putc(out, '"');
}

/* The shortest of two forms from which the same number is read, and never the form of an integer. */
static inline void beside_add_float(buf *out, lua_Number n) {
  char digits[64];
  if (isnan(n)) {
    buf_puts(out, "nan");
    return;
  }
  snprintf(digits, sizeof digits, "%.14g", n);
  if (strtod(digits, NULL) != n) snprintf(digits, sizeof digits, "%.17g", n);
  buf_puts(out, digits);
  if (digits[strspn(digits, "-0123456789")] == 0) buf_puts(out, ".0");
}

static inline size_t beside_count_keys(lua_State *L, int table) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) count++;
  return count;
}

static inline void beside_add_value(lua_State *L, int index, buf *out) {
  size_t size;
  index = lua_absindex(L, index);
  if (lua_type(L, index) == LUA_TSTRING) {
    const char *text = lua_tolstring(L, index, &size);
    beside_add_text(out, text, size);
  } else if (lua_isinteger(L, index)) {
    buf_printf(out, LUA_INTEGER_FMT, lua_tointeger(L, index));
  } else if (lua_type(L, index) == LUA_TNUMBER) {
    beside_add_float(out, lua_tonumber(L, index));
  } else if (lua_istable(L, index)) {
    lua_Integer i = 1;
    buf_putc(out, '{');
    for (; lua_rawgeti(L, index, i) != LUA_TNIL; i++) {
      if (i > 1) buf_puts(out, ", ");
      beside_add_value(L, -1, out);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
    size_t more = beside_count_keys(L, index) - (size_t)(i - 1);
    if (more > 0) buf_printf(out, i > 1 ? ", +%zu" : "+%zu", more);
    buf_putc(out, '}');
  } else if (lua_isboolean(L, index)) {
    buf_puts(out, lua_toboolean(L, index) ? "true" : "false");
  } else {
    buf_puts(out, luaL_typename(L, index));
  }
}

/* ---- runs ---- */

/* What is on the stack of L, which becomes empty. The place of an error is left out where it is the code's one line. */
static inline void beside_describe(lua_State *L, int status, buf *out) {
  static const char position[] = "case:1: ";
  buf_reset(out);
  if (status) buf_puts(out, "! ");
  if (status && lua_type(L, 1) == LUA_TSTRING) {
    const char *message = lua_tostring(L, 1);
    buf_puts(out, message + (strncmp(message, position, sizeof position - 1) == 0 ? sizeof position - 1 : 0));
  } else {
    int top = lua_gettop(L);
    if (top == 0) buf_puts(out, "()");
    luaL_checkstack(L, 20, NULL);
    for (int i = 1; i <= top; i++) {
      if (i > 1) buf_puts(out, ", ");
      beside_add_value(L, i, out);
    }
  }
  lua_settop(L, 0);
}

/* Whether the code, after the word return, is a chunk. */
static inline bool beside_is_expression(beside *b, const char *code) {
  buf_reset(&b->code);
  buf_printf(&b->code, "return %s", code);
  bool is = luaL_loadbufferx(b->plain, b->code.data, b->code.size, "=case", "t") == LUA_OK;
  lua_settop(b->plain, 0);
  return is;
}

/* Runs an expression, a list of them or a chunk in both. */
static inline void beside_run(beside *b, const char *code) {
  if (!beside_is_expression(b, code)) {
    buf_reset(&b->code);
    buf_puts(&b->code, code);
  }
  int status = luaL_loadbufferx(b->plain, b->code.data, b->code.size, "=case", "t");
  beside_describe(b->plain, status ? status : lua_pcall(b->plain, 0, LUA_MULTRET, 0), &b->theirs);
  lua_State *L = b->sb->L;
  sandbox_start(b->sb, 1);
  status = sandbox_load(b->sb, "=case", b->code.data, b->code.size);
  beside_describe(L, status ? status : lua_pcall(L, 0, LUA_MULTRET, 0), &b->ours);
}

#endif
