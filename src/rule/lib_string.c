/* string: the functions without patterns. Letters are ASCII letters in every locale. */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/ascii.h"
#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

size_t lib_from_start(lua_Integer at, size_t size) {
  if (at > 0) return (size_t)at;
  if (at == 0 || at < -(lua_Integer)size) return 1;
  return size + (size_t)at + 1;
}

size_t lib_from_end(lua_Integer at, size_t size) {
  if (at > (lua_Integer)size) return size;
  if (at >= 0) return (size_t)at;
  if (at < -(lua_Integer)size) return 0;
  return size + (size_t)at + 1;
}

static int string_len(lua_State *L) {
  size_t size;
  luaL_checklstring(L, 1, &size);
  lua_pushinteger(L, (lua_Integer)size);
  return 1;
}

static int string_sub(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  size_t first = lib_from_start(lib_integer(L, 2), size);
  size_t last = lib_from_end(lib_opt_integer(L, 3, -1), size);
  if (first > last) {
    lua_pushliteral(L, "");
    return 1;
  }
  sandbox_charge(L, cost_copied(last - first));
  lua_pushlstring(L, text + first - 1, last - first + 1);
  return 1;
}

static int change_case(lua_State *L, char (*change)(char)) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  sandbox_charge(L, cost_made(size));
  lib_text t;
  lib_text_open(L, &t);
  char *to = lib_text_room(&t, size);
  for (size_t i = 0; i < size; i++) to[i] = change(text[i]);
  t.size = size;
  lib_text_push(&t);
  return 1;
}

static int string_lower(lua_State *L) { return change_case(L, ascii_lower); }
static int string_upper(lua_State *L) { return change_case(L, ascii_upper); }

static int string_reverse(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  sandbox_charge(L, cost_made(size));
  lib_text t;
  lib_text_open(L, &t);
  char *to = lib_text_room(&t, size);
  for (size_t i = 0; i < size; i++) to[i] = text[size - 1 - i];
  t.size = size;
  lib_text_push(&t);
  return 1;
}

static int string_rep(lua_State *L) {
  size_t size, separator_size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer n = lib_integer(L, 2);
  const char *separator = luaL_optlstring(L, 3, "", &separator_size);
  if (n <= 0 || size + separator_size == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  sandbox_check_text(L, size);
  size_t once = size + separator_size;
  if ((lua_Unsigned)n > SANDBOX_TEXT_BYTES / once + 1) sandbox_check_text(L, SIZE_MAX);
  size_t total = once * (size_t)n - separator_size;
  sandbox_check_text(L, total);
  sandbox_charge(L, cost_copied(total));
  lib_text t;
  lib_text_open(L, &t);
  char *to = lib_text_room(&t, total);
  memcpy(to, text, size);
  memcpy(to + size, separator, total > size ? separator_size : 0);
  /* appends a copy of the text so far, which doubles it */
  for (size_t done = once; done < total;) {
    size_t more = done < total - done ? done : total - done;
    memcpy(to + done, to, more);
    done += more;
  }
  t.size = total;
  lib_text_push(&t);
  return 1;
}

static int string_byte(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer at = lib_opt_integer(L, 2, 1);
  size_t first = lib_from_start(at, size);
  size_t last = lib_from_end(lib_opt_integer(L, 3, at), size);
  if (first > last) return 0;
  size_t count = last - first + 1;
  lib_values(L, count, "string slice too long");
  for (size_t i = 0; i < count; i++) lua_pushinteger(L, (unsigned char)text[first - 1 + i]);
  return (int)count;
}

static int string_char(lua_State *L) {
  int count = lua_gettop(L);
  sandbox_charge(L, cost_values((size_t)count));
  lib_text t;
  lib_text_open(L, &t);
  char *to = lib_text_room(&t, (size_t)count);
  for (int i = 1; i <= count; i++) {
    lua_Unsigned byte = (lua_Unsigned)lib_integer(L, i);
    luaL_argcheck(L, byte <= 255, i, "value out of range");
    to[i - 1] = (char)byte;
  }
  t.size = (size_t)count;
  lib_text_push(&t);
  return 1;
}

void lib_add_string(lua_State *L) {
  static const luaL_Reg own[] = {{"byte", string_byte},       {"char", string_char},   {"len", string_len},
                                 {"lower", string_lower},     {"rep", string_rep},     {"sub", string_sub},
                                 {"reverse", string_reverse}, {"upper", string_upper}, {NULL, NULL}};
  luaL_setfuncs(L, own, 0);
  lib_add_pattern(L);
  lib_add_format(L);
}
