/* For: one call of a pattern function on one state of Lua, with its results as a text that can be compared.
 * Owner: the buffers of a case are the caller's.
 * Use: pattern_run_case(plain, &c, &theirs); sandbox_start(sb, 1); pattern_run_case(sb->L, &c, &ours); */
#ifndef TESTS_UNIT_RULE_PATTERN_CASE_H
#define TESTS_UNIT_RULE_PATTERN_CASE_H

#include <lauxlib.h>

#include "base/buf.h"

typedef enum pattern_call {
  FIND,
  FIND_PLAIN,
  MATCH,
  GMATCH,
  GSUB_TEXT,
  GSUB_TABLE,
  GSUB_FUNCTION,
  PATTERN_NCALLS
} pattern_call;

typedef struct pattern_case {
  pattern_call kind;
  buf subject, pattern, replacement;
  int init;
  int most;
} pattern_case;

static inline int pattern_bracket(lua_State *L) {
  lua_pushfstring(L, "<%d>", lua_gettop(L));
  return 1;
}

static inline void pattern_push_text(lua_State *L, const buf *b) { lua_pushlstring(L, b->data, b->size); }

static inline void pattern_push_replacement(lua_State *L, const pattern_case *c) {
  if (c->kind == GSUB_TEXT) pattern_push_text(L, &c->replacement);
  if (c->kind == GSUB_FUNCTION) lua_pushcfunction(L, pattern_bracket);
  if (c->kind != GSUB_TABLE) return;
  lua_newtable(L);
  lua_pushliteral(L, "A");
  lua_setfield(L, -2, "a");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "b");
  lua_pushinteger(L, 7);
  lua_setfield(L, -2, "ab");
  lua_pushinteger(L, 3);
  lua_rawseti(L, -2, 2);
}

/* Runs gmatch to its end, and leaves what it gave, call by call. */
static inline int pattern_run_gmatch(lua_State *L) {
  lua_call(L, lua_gettop(L) - 1, 1);
  for (int calls = 0; calls < 50; calls++) {
    int top = lua_gettop(L);
    luaL_checkstack(L, 40, NULL);
    lua_pushvalue(L, 1);
    lua_call(L, 0, LUA_MULTRET);
    if (lua_gettop(L) == top || lua_isnil(L, top + 1)) break;
    lua_pushliteral(L, "|");
  }
  return lua_gettop(L) - 1;
}

static inline void pattern_describe(lua_State *L, int from, buf *out) {
  for (int i = from; i <= lua_gettop(L); i++) {
    size_t size;
    buf_printf(out, " %s:", luaL_typename(L, i));
    if (!lua_isstring(L, i)) continue;
    const char *text = lua_tolstring(L, i, &size);
    for (size_t k = 0; k < size; k++) buf_printf(out, text[k] > 32 && text[k] < 127 ? "%c" : "\\%d", text[k]);
  }
}

/* The results, each with its type, or the message. */
static inline void pattern_run_case(lua_State *L, const pattern_case *c, buf *out) {
  static const char *const names[] = {"find", "find", "match", "gmatch", "gsub", "gsub", "gsub"};
  buf_reset(out);
  lua_settop(L, 0);
  if (c->kind == GMATCH) lua_pushcfunction(L, pattern_run_gmatch);
  lua_getglobal(L, "string");
  lua_getfield(L, -1, names[c->kind]);
  lua_remove(L, -2);
  pattern_push_text(L, &c->subject);
  pattern_push_text(L, &c->pattern);
  if (c->kind >= GSUB_TEXT) {
    pattern_push_replacement(L, c);
    if (c->most >= 0) lua_pushinteger(L, c->most);
  } else {
    lua_pushinteger(L, c->init);
    if (c->kind == FIND_PLAIN) lua_pushboolean(L, 1);
  }
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  buf_printf(out, "%s", status ? "error" : "ok");
  pattern_describe(L, 1, out);
}

#endif
