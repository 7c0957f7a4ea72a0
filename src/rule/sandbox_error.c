/* The message, place and traceback of an error in a rule. They are collected before the stack is unwound, in memory
 * that the sandbox already has. */
#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rule/sandbox_inner.h"

/* The number of levels in a deep recursion depends on where a limit was hit, and takes long to count. */
enum { FIRST_LEVELS = 10, LAST_LEVELS = 3, MOST_LEVELS = 1000 };

static void copy(char *to, size_t room, const char *from, size_t size) {
  if (size >= room) size = room - 1;
  for (size_t i = 0; i < size; i++) to[i] = from[i] ? from[i] : ' ';
  to[size] = 0;
}

static const char *full_name(const lua_Debug *ar) {
  return ar->source[0] == '@' || ar->source[0] == '=' ? ar->source + 1 : ar->short_src;
}

/* ---- tracebacks ---- */

static int count_levels(lua_State *L) {
  lua_Debug ar;
  int low = 0, high = 1;
  while (lua_getstack(L, high, &ar)) {
    if (high >= MOST_LEVELS) return high;
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    int middle = low + (high - low) / 2;
    if (lua_getstack(L, middle, &ar))
      low = middle;
    else
      high = middle;
  }
  return high;
}

__attribute__((format(printf, 3, 4))) static size_t put(char *text, size_t at, const char *format, ...) {
  size_t room = sizeof((sandbox_inner *)0)->traceback;
  if (at + 1 >= room) return at;
  va_list args;
  va_start(args, format);
  int size = vsnprintf(text + at, room - at, format, args);
  va_end(args);
  if (size < 0) return at;
  return (size_t)size < room - at ? at + (size_t)size : room - 1;
}

static size_t put_level(char *text, size_t at, const lua_Debug *ar) {
  if (ar->currentline > 0)
    at = put(text, at, "%s:%d: in ", full_name(ar), ar->currentline);
  else
    at = put(text, at, "in ");
  if (ar->what[0] == 'm') return put(text, at, "the file itself\n");
  if (ar->name && ar->namewhat[0]) return put(text, at, "%s '%s'\n", ar->namewhat, ar->name);
  if (ar->what[0] == 'C') return put(text, at, "a built-in function\n");
  return put(text, at, "the function of line %d\n", ar->linedefined);
}

void sandbox_describe_place(sandbox_inner *in, lua_State *L, int level) {
  lua_Debug ar;
  int levels = count_levels(L);
  size_t at = 0;
  in->file[0] = in->traceback[0] = 0;
  in->line = 0;
  bool placed = false;
  for (int i = level; i < levels && lua_getstack(L, i, &ar); i++) {
    bool shown = i - level < FIRST_LEVELS || i >= levels - LAST_LEVELS;
    if (!shown && placed && levels >= MOST_LEVELS) {
      at = put(in->traceback, at, "... (many more)\n");
      break;
    }
    if (!shown && placed) {
      at = put(in->traceback, at, "... (%d more)\n", levels - LAST_LEVELS - i);
      i = levels - LAST_LEVELS - 1;
      continue;
    }
    if (!lua_getinfo(L, "Sln", &ar)) continue;
    if (!placed && ar.currentline > 0) {
      const char *name = full_name(&ar);
      copy(in->file, sizeof in->file, name, strlen(name));
      in->line = ar.currentline;
      placed = true;
    }
    if (shown) at = put_level(in->traceback, at, &ar);
  }
  if (at > 0 && in->traceback[at - 1] == '\n') in->traceback[at - 1] = 0;
}

void sandbox_describe_file(sandbox_inner *in, const char *chunkname) {
  const char *name = chunkname[0] == '@' || chunkname[0] == '=' ? chunkname + 1 : chunkname;
  copy(in->file, sizeof in->file, name, strlen(name));
  in->line = 0;
  in->traceback[0] = 0;
  in->load_failed = true;
}

/* ---- messages ---- */

/* The length of "file:line: " at the beginning of text, or 0. */
static size_t prefix_length(const char *text, size_t *file_length, int *line) {
  for (const char *colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
    const char *digit = colon + 1;
    int n = 0;
    while (*digit >= '0' && *digit <= '9' && n < 100000000) n = n * 10 + (*digit++ - '0');
    if (digit == colon + 1 || digit[0] != ':' || digit[1] != ' ' || colon == text) continue;
    *file_length = (size_t)(colon - text);
    *line = n;
    return (size_t)(digit + 2 - text);
  }
  return 0;
}

/* A prefix is a place only where it names a chunk that is running, or looks like a file of Lua. The place is in->file
 * then. */
static bool set_file(sandbox_inner *in, lua_State *L, const char *name, size_t length) {
  lua_Debug ar;
  for (int i = 0; lua_getstack(L, i, &ar) && i < 100; i++) {
    if (!lua_getinfo(L, "S", &ar) || strlen(ar.short_src) != length || memcmp(ar.short_src, name, length) != 0)
      continue;
    if (ar.what[0] == 'C') continue;
    copy(in->file, sizeof in->file, full_name(&ar), strlen(full_name(&ar)));
    return true;
  }
  if (length <= 4 || memcmp(name + length - 4, ".lua", 4) != 0 || memchr(name, '\n', length)) return false;
  copy(in->file, sizeof in->file, name, length);
  return true;
}

static void take_prefix(sandbox_inner *in, lua_State *L) {
  size_t file_length = 0;
  int line = 0;
  size_t length = prefix_length(in->message, &file_length, &line);
  if (length == 0 || !set_file(in, L, in->message, file_length)) return;
  in->line = line;
  memmove(in->message, in->message + length, strlen(in->message + length) + 1);
}

static void describe_value(sandbox_inner *in, lua_State *L, int index) {
  size_t size;
  const char *text;
  switch (lua_type(L, index)) {
  case LUA_TSTRING:
    text = lua_tolstring(L, index, &size);
    copy(in->message, sizeof in->message, text, size);
    break;
  case LUA_TNUMBER:
    snprintf(in->message, sizeof in->message, "%.14g", (double)lua_tonumber(L, index));
    break;
  default:
    snprintf(in->message, sizeof in->message, "the error object is a %s: give error() a text",
             lua_typename(L, lua_type(L, index)));
  }
}

void sandbox_describe_error(sandbox_inner *in, lua_State *L, int index) {
  describe_value(in, L, index);
  take_prefix(in, L);
}

int sandbox_handler(lua_State *L) {
  sandbox_inner *in = sandbox_inner_of(L);
  if (in->s.hit || in->out_of_memory || in->described) return 1;
  sandbox_describe_place(in, L, 1); /* 0 is this handler */
  sandbox_describe_error(in, L, 1);
  in->described = true;
  return 1;
}
