/* string.format as in Lua 5.4, except that it never shows an address (%p, and %s of a table or function). */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

enum { SPEC_BYTES = 32, MOST_MODIFIERS = 20, ITEM_BYTES = 128, LARGEST_FLOAT_DIGITS = 310 };

/* "%-10.3" and room for a length and the conversion, NUL-terminated after the conversion. */
typedef struct spec {
  char text[SPEC_BYTES];
  size_t size;    /* without the conversion */
  bool modified;  /* there are characters between % and the conversion */
  bool precision; /* with a '.' among them */
  char conversion;
} spec;

static const char *read_digits(const char *s) {
  for (int i = 0; i < 2 && *s >= '0' && *s <= '9'; i++) s++;
  return s;
}

/* Reads from after the '%' to after the conversion. */
static const char *read_spec(lua_State *L, const char *s, const char *end, spec *f) {
  size_t size = 0;
  f->precision = false;
  while (s + size < end && s[size] && strchr("-+#0 123456789.", s[size])) f->precision |= s[size++] == '.';
  if (size > MOST_MODIFIERS) luaL_error(L, "invalid format (too long)");
  f->modified = size > 0;
  f->size = size + 1;
  f->conversion = s + size < end ? s[size] : 0;
  f->text[0] = '%';
  memcpy(f->text + 1, s, size);
  f->text[f->size] = f->conversion;
  f->text[f->size + 1] = 0;
  if (!f->conversion || !strchr("cdiuaAfeEgGoxXpqs", f->conversion))
    luaL_error(L, "invalid conversion '%s' to 'format'", f->text);
  return s + size + 1;
}

/* Refuses modifiers that the conversion does not have. */
static void check_spec(lua_State *L, const spec *f, const char *flags, bool precision) {
  const char *s = f->text + 1;
  s += strspn(s, flags);
  if (*s != '0') { /* a width does not begin with 0 */
    s = read_digits(s);
    if (precision && *s == '.') s = read_digits(s + 1);
  }
  if (s != f->text + f->size) luaL_error(L, "invalid conversion specification: '%s'", f->text);
}

static void with_length(spec *f, const char *length) {
  snprintf(f->text + f->size, sizeof f->text - f->size, "%s%c", length, f->conversion);
}

static void add_integer(lua_State *L, int arg, spec *f, lib_text *t) {
  lua_Integer n = lib_integer(L, arg);
  const char *flags = f->conversion == 'u' ? "-0" : f->conversion == 'd' || f->conversion == 'i' ? "-+0 " : "-#0";
  check_spec(L, f, flags, true);
  with_length(f, LUA_INTEGER_FRMLEN);
  int size = snprintf(lib_text_room(t, ITEM_BYTES), ITEM_BYTES, f->text, (LUAI_UACINT)n);
  t->size += (size_t)size;
}

/* Lua checks the specification of %a and %c before the argument; the one of other numbers after it. */
static void add_float(lua_State *L, int arg, spec *f, lib_text *t) {
  size_t room = ITEM_BYTES + LARGEST_FLOAT_DIGITS;
  if (f->conversion == 'a' || f->conversion == 'A') check_spec(L, f, "-+#0 ", true);
  lua_Number n = lib_number(L, arg);
  check_spec(L, f, "-+#0 ", true);
  with_length(f, LUA_NUMBER_FRMLEN);
  t->size += (size_t)snprintf(lib_text_room(t, room), room, f->text, (LUAI_UACNUMBER)n);
}

static void add_character(lua_State *L, int arg, spec *f, lib_text *t) {
  check_spec(L, f, "-", false);
  int c = (int)lib_integer(L, arg);
  t->size += (size_t)snprintf(lib_text_room(t, ITEM_BYTES), ITEM_BYTES, f->text, c);
}

static void add_text(lua_State *L, int arg, spec *f, lib_text *t) {
  size_t size;
  int type = lua_type(L, arg);
  luaL_checkany(L, arg);
  if (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA)
    luaL_argerror(L, arg, "%s takes a text, a number, a boolean or nil: name the field that is meant");
  const char *text = lib_tostring(L, arg, &size);
  if (!f->modified) {
    lib_text_add(t, text, size);
  } else {
    luaL_argcheck(L, size == strlen(text), arg, "string contains zeros");
    check_spec(L, f, "-", true);
    if (!f->precision && size >= 100) {
      lib_text_add(t, text, size);
    } else {
      t->size += (size_t)snprintf(lib_text_room(t, ITEM_BYTES), ITEM_BYTES, f->text, text);
    }
  }
  lua_pop(L, 1);
}

/* ---- %q ---- */

static void add_quoted_text(lua_State *L, int arg, lib_text *t) {
  size_t size;
  const char *text = lua_tolstring(L, arg, &size);
  sandbox_charge(L, cost_made(size));
  lib_text_add(t, "\"", 1);
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    char escaped[8];
    if (c == '"' || c == '\\' || c == '\n') {
      escaped[0] = '\\';
      escaped[1] = (char)c;
      lib_text_add(t, escaped, 2);
    } else if (c < 32 || c == 127) {
      bool digit = i + 1 < size && text[i + 1] >= '0' && text[i + 1] <= '9';
      int length = snprintf(escaped, sizeof escaped, digit ? "\\%03d" : "\\%d", c);
      lib_text_add(t, escaped, (size_t)length);
    } else {
      lib_text_add(t, text + i, 1);
    }
  }
  lib_text_add(t, "\"", 1);
}

static void add_quoted_number(lua_State *L, int arg, lib_text *t) {
  char *to = lib_text_room(t, ITEM_BYTES);
  int size;
  if (lua_isinteger(L, arg)) {
    lua_Integer n = lua_tointeger(L, arg);
    const char *format = n == LUA_MININTEGER ? "0x%" LUA_INTEGER_FRMLEN "x" : LUA_INTEGER_FMT;
    size = snprintf(to, ITEM_BYTES, format, (LUAI_UACINT)n);
  } else {
    lua_Number n = lua_tonumber(L, arg);
    if (isnan(n))
      size = snprintf(to, ITEM_BYTES, "(0/0)");
    else if (isinf(n))
      size = snprintf(to, ITEM_BYTES, n > 0 ? "1e9999" : "-1e9999");
    else
      size = snprintf(to, ITEM_BYTES, "%a", n);
  }
  t->size += (size_t)size;
}

static void add_quoted(lua_State *L, int arg, const spec *f, lib_text *t) {
  if (f->modified) luaL_error(L, "specifier '%%q' cannot have modifiers");
  switch (lua_type(L, arg)) {
  case LUA_TSTRING:
    add_quoted_text(L, arg, t);
    break;
  case LUA_TNUMBER:
    add_quoted_number(L, arg, t);
    break;
  case LUA_TNIL:
    lib_text_add(t, "nil", 3);
    break;
  case LUA_TBOOLEAN:
    lib_text_add(t, lua_toboolean(L, arg) ? "true" : "false", lua_toboolean(L, arg) ? 4 : 5);
    break;
  default:
    luaL_argerror(L, arg, "value has no literal form");
  }
}

static void add_item(lua_State *L, int arg, spec *f, lib_text *t) {
  switch (f->conversion) {
  case 'c':
    add_character(L, arg, f, t);
    break;
  case 'd':
  case 'i':
  case 'u':
  case 'o':
  case 'x':
  case 'X':
    add_integer(L, arg, f, t);
    break;
  case 's':
    add_text(L, arg, f, t);
    break;
  case 'q':
    add_quoted(L, arg, f, t);
    break;
  case 'p':
    luaL_error(L, "'%%p' is not available, because addresses change from run to run: format a name or a number");
    break;
  default:
    add_float(L, arg, f, t);
  }
}

static int string_format(lua_State *L) {
  int top = lua_gettop(L), arg = 1;
  size_t size;
  const char *s = luaL_checklstring(L, 1, &size), *end = s + size;
  lib_text t;
  lib_text_open(L, &t);
  sandbox_charge(L, cost_read(size));
  while (s < end) {
    const char *percent = memchr(s, '%', (size_t)(end - s));
    if (!percent) percent = end;
    lib_text_add(&t, s, (size_t)(percent - s));
    if (percent == end) break;
    s = percent + 1;
    if (s < end && *s == '%') {
      lib_text_add(&t, s++, 1);
      continue;
    }
    spec f;
    if (++arg > top) luaL_argerror(L, arg, "no value");
    s = read_spec(L, s, end, &f);
    sandbox_charge(L, 1);
    add_item(L, arg, &f, &t);
  }
  lib_text_push(&t);
  return 1;
}

void lib_add_format(lua_State *L) {
  lua_pushcfunction(L, string_format);
  lua_setfield(L, -2, "format");
}
