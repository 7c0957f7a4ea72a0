/* The length of a table.
 *
 * Lua finds the end of a list in the parts in which the table lies, which depend on how it grew, and that on the hash
 * seed of the state. A list without holes has one end. With holes it has several, and Lua gives one or the other: a
 * rule's answer would depend on the thread. So all lengths come from here, and depend on the contents alone.
 *
 * No Lua code can replace the operator # of a plain table. But # binds in every expression exactly as MARK ^ does: ^ is
 * the one binary operator above the unary ones, and takes a unary expression on its right. So sandbox_load reads the
 * one as the other, and the ^ of texts, for this text, is the length. */
#include <lauxlib.h>
#include <string.h>

#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

static bool has(lua_State *L, int index, lua_Integer i) {
  const bool there = lua_rawgeti(L, index, i) != LUA_TNIL;
  lua_pop(L, 1);
  return there;
}

/* Invariant: low is 0 or there, high is not. */
lua_Integer lib_length(lua_State *L, int index) {
  index = lua_absindex(L, index);
  sandbox_charge(L, COST_LENGTH);
  lua_Integer low = 0, high = 1;
  while (has(L, index, high)) {
    low = high;
    if (high < LUA_MAXINTEGER / 2) {
      high *= 2;
      continue;
    }
    high = LUA_MAXINTEGER;
    if (has(L, index, high)) return high;
    break;
  }
  while (high - low > 1) {
    const lua_Integer middle = low + (high - low) / 2;
    if (has(L, index, middle))
      low = middle;
    else
      high = middle;
  }
  return low;
}

static int length_of(lua_State *L, int index) {
  switch (lua_type(L, index)) {
  case LUA_TSTRING:
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, index));
    return 1;
  case LUA_TTABLE:
    sandbox_contents(L, index);
    lua_pushinteger(L, lib_length(L, -1));
    return 1;
  default:
    break;
  }
  const bool named = luaL_getmetafield(L, index, "__name") == LUA_TSTRING;
  return luaL_error(L, "attempt to get length of a %s value", named ? lua_tostring(L, -1) : luaL_typename(L, index));
}

/* upvalue: Lua's own, which converts texts to numbers */
int lib_text_power(lua_State *L) {
  size_t size;
  const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &size) : NULL;
  if (text && size == LIB_LENGTH_MARK_BYTES && memcmp(text, LIB_LENGTH_MARK, size) == 0) return length_of(L, 2);
  return lib_borrowed(L);
}

/* ---- finding the operator in a text ---- */

/* If a long bracket opens at s, its end. */
static const char *after_long(const char *s, const char *end) {
  const char *second = s + 1;
  while (second < end && *second == '=') second++;
  if (second == end || *second != '[') return NULL;
  const size_t level = (size_t)(second - s - 1);
  for (const char *close = second + 1; (close = memchr(close, ']', (size_t)(end - close))); close++) {
    const char *other = close + 1;
    while (other < end && *other == '=') other++;
    if (other < end && *other == ']' && (size_t)(other - close - 1) == level) return other + 1;
  }
  return end;
}

static const char *after_quoted(const char *s, const char *end) {
  const char quote = *s++;
  while (s < end && *s != quote) s += *s == '\\' && s + 1 < end ? 2 : 1;
  return s < end ? s + 1 : end;
}

static const char *after_comment(const char *s, const char *end) {
  const char *after = s + 2 < end && s[2] == '[' ? after_long(s + 2, end) : NULL;
  if (after) return after;
  while (s < end && *s != '\n' && *s != '\r') s++;
  return s;
}

const char *lib_next_length(const char *s, const char *end) {
  while (s < end && *s != '#') {
    const char *after = NULL;
    if (*s == '"' || *s == '\'')
      after = after_quoted(s, end);
    else if (*s == '[')
      after = after_long(s, end);
    else if (*s == '-' && s + 1 < end && s[1] == '-')
      after = after_comment(s, end);
    s = after ? after : s + 1;
  }
  return s;
}
