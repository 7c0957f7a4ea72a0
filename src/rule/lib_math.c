/* math without random numbers, and utf8: Lua's own functions, with charges. */
#include <lauxlib.h>
#include <lualib.h>

#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

void lib_add_math(lua_State *L) {
  static const char *const names[] = {"abs", "acos",  "asin", "atan",       "ceil", "cos", "deg",
                                      "exp", "floor", "fmod", "huge",       "log",  "max", "maxinteger",
                                      "min", "modf",  "pi",   "mininteger", "rad",  "sin", "sqrt",
                                      "tan", "type",  "ult",  "tointeger",  NULL};
  lua_pushcfunction(L, luaopen_math);
  lua_call(L, 0, 1);
  lua_pushvalue(L, -2);
  lib_borrow(L, -2, names);
  lua_pop(L, 2);
}

static void add_code(lib_text *t, lua_Unsigned code) {
  char bytes[8];
  size_t size = 0;
  if (code < 0x80) {
    bytes[size++] = (char)code;
  } else {
    /* the number of continuation bytes: each holds six bits, and costs the first byte one bit */
    unsigned more = 1;
    while (code >> (6 * more) >= (lua_Unsigned)1 << (6 - more)) more++;
    unsigned mark = (0xFF00u >> (more + 1)) & 0xFF;
    bytes[size++] = (char)(mark | (unsigned)(code >> (6 * more)));
    while (more-- > 0) bytes[size++] = (char)(0x80 | ((code >> (6 * more)) & 0x3F));
  }
  lib_text_add(t, bytes, size);
}

static int utf8_char(lua_State *L) {
  int count = lua_gettop(L);
  sandbox_charge(L, cost_slots((size_t)count));
  lib_text t;
  lib_text_open(L, &t);
  for (int i = 1; i <= count; i++) {
    lua_Unsigned code = (lua_Unsigned)lib_integer(L, i);
    luaL_argcheck(L, code <= 0x7FFFFFFFu, i, "value out of range");
    add_code(&t, code);
  }
  lib_text_push(&t);
  return 1;
}

/* Upvalue: Lua's iterator, which skips all continuation bytes, however many there are. */
static int codes_next(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Unsigned at = (lua_Unsigned)lua_tointeger(L, 2);
  const lua_Unsigned from = at;
  while (at < size && ((unsigned char)text[at] & 0xC0) == 0x80) at++;
  sandbox_charge(L, cost_read(at - from));
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* upvalues: Lua's own, and the iterators for strict and for lax decoding */
static int utf8_codes(lua_State *L) {
  const bool lax = lua_toboolean(L, 2);
  const int n = lua_tocfunction(L, lua_upvalueindex(1))(L);
  lua_pushvalue(L, lua_upvalueindex(lax ? 3 : 2));
  lua_replace(L, -1 - n);
  return n;
}

static void push_codes_next(lua_State *L, int library, bool lax) {
  lua_getfield(L, library, "codes");
  lua_pushliteral(L, "");
  lua_pushboolean(L, lax);
  lua_call(L, 2, 1);
  lua_pushcclosure(L, codes_next, 1);
}

/* Upvalue: Lua's own. It may give as many values as there are bytes. */
static int utf8_codepoint(lua_State *L) {
  size_t size;
  luaL_checklstring(L, 1, &size);
  const lua_Integer from = lib_opt_integer(L, 2, 1);
  const size_t first = lib_from_start(from, size), last = lib_from_end(lib_opt_integer(L, 3, from), size);
  if (last >= first) lib_values(L, last - first + 1, "string slice too long");
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void lib_add_utf8(lua_State *L) {
  static const char *const names[] = {"charpattern", "len", "offset", NULL};
  const int table = lua_gettop(L);
  lua_pushcfunction(L, luaopen_utf8);
  lua_call(L, 0, 1);
  lua_pushvalue(L, table);
  lib_borrow(L, table + 1, names);
  lua_getfield(L, table + 1, "codepoint");
  lua_pushcclosure(L, utf8_codepoint, 1);
  lua_setfield(L, table, "codepoint");
  lua_getfield(L, table + 1, "codes");
  push_codes_next(L, table + 1, false);
  push_codes_next(L, table + 1, true);
  lua_pushcclosure(L, utf8_codes, 3);
  lua_setfield(L, table, "codes");
  lua_pushcfunction(L, utf8_char);
  lua_setfield(L, table, "char");
  lua_settop(L, table);
}
