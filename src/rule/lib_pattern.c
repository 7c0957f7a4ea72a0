/* string.find, match, gmatch and gsub as in Lua 5.4, over rule/pattern.h, with charges. */
#include <lauxlib.h>
#include <string.h>

#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/pattern.h"
#include "rule/sandbox_inner.h"

enum { STEPS_GRANTED = 1024 /* at a time */ };

/* A compiled pattern. A short one lies on the C stack. */
typedef struct matcher {
  pattern p;
  lua_State *L;
  _Alignas(max_align_t) char small[2048];
} matcher;

static int64_t grant(void *ud) { return sandbox_spend(ud, STEPS_GRANTED / COST_STEPS) ? STEPS_GRANTED : 0; }

static void prepare(lua_State *L, pattern *p, void *memory, const char *source, size_t size) {
  p->steps = 0;
  p->more = grant;
  p->ud = sandbox_inner_of(L);
  pattern_compile(p, memory, source, size);
}

/* Gives back the steps granted and not used, so that short matches cost little. */
static void settle(lua_State *L, pattern *p) {
  sandbox_charge(L, p->steps > 0 ? -(p->steps / COST_STEPS) : 0);
  p->steps = 0;
}

static void open_matcher(lua_State *L, matcher *m, const char *source, size_t size) {
  m->L = L;
  sandbox_charge(L, cost_compiled(size));
  size_t bytes = pattern_bytes(source, size);
  void *memory = m->small;
  if (bytes > sizeof m->small)
    memory = lua_newuserdatauv(L, bytes, 0);
  else
    lua_pushnil(L);
  prepare(L, &m->p, memory, source, size);
}

/* Whether the pattern matches at `at`. Raises if it is malformed or a limit is hit. */
static bool match_at(lua_State *L, pattern *p, const char *at, const char **end) {
  switch (pattern_match(p, at, end)) {
  case PATTERN_YES:
    return true;
  case PATTERN_NO:
    return false;
  case PATTERN_BAD:
    return luaL_error(L, "%s", p->error);
  case PATTERN_OVER:
    break;
  }
  return sandbox_raise(L);
}

/* Pushes the capture at index; without captures, the first is the whole match. */
static void push_capture(lua_State *L, const pattern *p, unsigned index, const char *start, const char *end) {
  if (index >= p->ncaptures) {
    if (index > 0) luaL_error(L, "invalid capture index %%%d", (int)index + 1);
    lua_pushlstring(L, start, (size_t)(end - start));
    return;
  }
  const pattern_capture *capture = &p->captures[index];
  if (capture->size == PATTERN_OPEN) luaL_error(L, "unfinished capture");
  if (capture->size == PATTERN_POSITION)
    lua_pushinteger(L, (lua_Integer)(capture->start - p->text) + 1);
  else
    lua_pushlstring(L, capture->start, (size_t)capture->size);
}

/* Pushes all captures or, if there are no captures and it is wanted, the whole match. */
static int push_captures(lua_State *L, const pattern *p, bool whole, const char *start, const char *end) {
  unsigned count = p->ncaptures == 0 && whole ? 1 : p->ncaptures;
  sandbox_room(L, (int)count, "too many captures");
  for (unsigned i = 0; i < count; i++) push_capture(L, p, i, start, end);
  return (int)count;
}

/* ---- find and match ---- */

/* The start position, from 0; beyond the text if nothing can match. */
static size_t begin_at(lua_State *L, int arg, size_t size) {
  lua_Integer at = lib_opt_integer(L, arg, 1);
  if (at > 0) return (size_t)at - 1;
  if (at == 0 || at < -(lua_Integer)size) return 0;
  return size + (size_t)at;
}

static int find_plain(lua_State *L, const char *text, size_t size, size_t at, const char *wanted, size_t wanted_size) {
  const char *found = text + at;
  size_t left = size - at;
  if (wanted_size > 0) {
    const char *end = text + size;
    for (;; found++) {
      left = (size_t)(end - found);
      found = left >= wanted_size ? memchr(found, wanted[0], left - wanted_size + 1) : NULL;
      if (!found || memcmp(found, wanted, wanted_size) == 0) break;
      sandbox_charge(L, 1 + cost_copied(wanted_size));
    }
  }
  sandbox_charge(L, cost_copied(found ? (size_t)(found - text) - at : size - at));
  if (!found) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, (lua_Integer)(found - text) + 1);
  lua_pushinteger(L, (lua_Integer)((size_t)(found - text) + wanted_size));
  return 2;
}

static int find_or_match(lua_State *L, bool find) {
  size_t size, source_size;
  const char *text = luaL_checklstring(L, 1, &size);
  const char *source = luaL_checklstring(L, 2, &source_size);
  size_t at = begin_at(L, 3, size);
  if (at > size) {
    lua_pushnil(L);
    return 1;
  }
  if (find) sandbox_charge(L, cost_read(source_size));
  if (find && (lua_toboolean(L, 4) || pattern_is_plain(source, source_size)))
    return find_plain(L, text, size, at, source, source_size);
  bool anchored = source_size > 0 && source[0] == '^';
  matcher m;
  open_matcher(L, &m, source + anchored, source_size - anchored);
  pattern_subject(&m.p, text, size);
  const char *end;
  for (const char *s = text + at; s <= m.p.end; s++) {
    if (match_at(L, &m.p, s, &end)) {
      settle(L, &m.p);
      if (!find) return push_captures(L, &m.p, true, s, end);
      lua_pushinteger(L, (lua_Integer)(s - text) + 1);
      lua_pushinteger(L, (lua_Integer)(end - text));
      return 2 + push_captures(L, &m.p, false, s, end);
    }
    if (anchored || s == m.p.end) break;
  }
  settle(L, &m.p);
  lua_pushnil(L);
  return 1;
}

static int string_find(lua_State *L) { return find_or_match(L, true); }
static int string_match(lua_State *L) { return find_or_match(L, false); }

/* ---- gmatch ---- */

typedef struct gmatch_state {
  pattern p;
  size_t at;        /* beyond the text when it is over */
  const char *last; /* end of the previous match: an empty match may not follow it */
  _Alignas(max_align_t) char memory[];
} gmatch_state;

int lib_gmatch_next(lua_State *L) {
  gmatch_state *g = lua_touserdata(L, lua_upvalueindex(3));
  size_t size = (size_t)(g->p.end - g->p.text);
  const char *end;
  sandbox_charge(L, 1);
  while (g->at <= size) {
    const char *s = g->p.text + g->at;
    if (match_at(L, &g->p, s, &end) && end != g->last) {
      g->last = end;
      g->at = (size_t)(end - g->p.text);
      settle(L, &g->p);
      return push_captures(L, &g->p, true, s, end);
    }
    g->at++;
  }
  settle(L, &g->p);
  return 0;
}

static int string_gmatch(lua_State *L) {
  size_t size, source_size;
  const char *text = luaL_checklstring(L, 1, &size);
  const char *source = luaL_checklstring(L, 2, &source_size);
  size_t at = begin_at(L, 3, size);
  lua_settop(L, 2);
  sandbox_charge(L, cost_compiled(source_size));
  gmatch_state *g = lua_newuserdatauv(L, sizeof *g + pattern_bytes(source, source_size), 0);
  prepare(L, &g->p, g->memory, source, source_size);
  pattern_subject(&g->p, text, size);
  g->at = at > size ? size + 1 : at;
  g->last = NULL;
  lua_pushcclosure(L, lib_gmatch_next, 3);
  return 1;
}

/* ---- gsub ---- */

typedef struct substitution {
  lua_State *L;
  pattern *p;
  lib_text result;
  int type; /* of the replacement, argument 3 */
  const char *with;
  size_t with_size;
} substitution;

static void add_template(substitution *sub, const char *start, const char *end) {
  lua_State *L = sub->L;
  const char *at = sub->with, *last = sub->with + sub->with_size;
  sandbox_charge(L, cost_read(sub->with_size));
  for (const char *escape; (escape = memchr(at, '%', (size_t)(last - at))); at = escape + 2) {
    lib_text_add(&sub->result, at, (size_t)(escape - at));
    char c = escape + 1 < last ? escape[1] : 0;
    if (c == '%') {
      lib_text_add(&sub->result, "%", 1);
    } else if (c == '0') {
      lib_text_add(&sub->result, start, (size_t)(end - start));
    } else if (c >= '1' && c <= '9') {
      size_t size;
      push_capture(L, sub->p, (unsigned)(c - '1'), start, end);
      const char *text = lua_tolstring(L, -1, &size);
      lib_text_add(&sub->result, text, size);
      lua_pop(L, 1);
    } else {
      luaL_error(L, "invalid use of '%%' in replacement string");
    }
  }
  lib_text_add(&sub->result, at, (size_t)(last - at));
}

/* Adds the replacement for the match from start to end. */
static void add_replacement(substitution *sub, const char *start, const char *end) {
  lua_State *L = sub->L;
  size_t size;
  if (sub->type == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(L, sub->p, true, start, end), 1);
  } else if (sub->type == LUA_TTABLE) {
    push_capture(L, sub->p, 0, start, end);
    lua_gettable(L, 3);
  } else {
    add_template(sub, start, end);
    return;
  }
  if (!lua_toboolean(L, -1)) {
    lib_text_add(&sub->result, start, (size_t)(end - start));
  } else if (!lua_isstring(L, -1)) {
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  } else {
    const char *text = lua_tolstring(L, -1, &size);
    lib_text_add(&sub->result, text, size);
  }
  lua_pop(L, 1);
}

static int string_gsub(lua_State *L) {
  size_t size, source_size;
  const char *text = luaL_checklstring(L, 1, &size);
  const char *source = luaL_checklstring(L, 2, &source_size);
  substitution sub = {.L = L, .type = lua_type(L, 3), .with = ""};
  luaL_argexpected(
      L, sub.type == LUA_TNUMBER || sub.type == LUA_TSTRING || sub.type == LUA_TFUNCTION || sub.type == LUA_TTABLE, 3,
      "string/function/table");
  if (sub.type == LUA_TNUMBER || sub.type == LUA_TSTRING) sub.with = lua_tolstring(L, 3, &sub.with_size);
  lua_Integer most = lib_opt_integer(L, 4, (lua_Integer)size + 1);
  bool anchored = source_size > 0 && source[0] == '^';
  lua_settop(L, 3);
  matcher m;
  open_matcher(L, &m, source + anchored, source_size - anchored);
  pattern_subject(&m.p, text, size);
  sub.p = &m.p;
  lib_text_open(L, &sub.result);
  const char *s = text, *last = NULL, *end;
  lua_Integer count = 0;
  while (count < most) {
    if (match_at(L, &m.p, s, &end) && end != last) {
      count++;
      add_replacement(&sub, s, end);
      s = last = end;
    } else if (s < m.p.end) {
      lib_text_add(&sub.result, s++, 1);
    } else {
      break;
    }
    if (anchored) break;
  }
  settle(L, &m.p);
  lib_text_add(&sub.result, s, (size_t)(m.p.end - s));
  lib_text_push(&sub.result);
  lua_pushinteger(L, count);
  return 2;
}

void lib_add_pattern(lua_State *L) {
  static const luaL_Reg own[] = {
      {"find", string_find}, {"match", string_match}, {"gmatch", string_gmatch}, {"gsub", string_gsub}, {NULL, NULL}};
  luaL_setfuncs(L, own, 0);
}
