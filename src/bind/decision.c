#include "bind/bind.h"

#include <string.h>

#include "base/text.h"

/* Idea: a decision outlives its session, its generation and its app, so its bytes lie behind it in the userdata. To be
 * given again it must be found again: `from` is the library's struct, whose pointers are only compared. Those of a
 * decision from the cache stay the same while its generation lives, and another generation has another number. */
typedef struct decision {
  shunt_decision as;   /* what it points to lies in bytes */
  shunt_decision from; /* where it came from */
  char bytes[];
} decision;

/* ---- making one ---- */

/* Two passes over the same code: the first one counts bytes, the second one copies. */
typedef struct packing {
  char *to; /* NULL: they are counted */
  size_t size;
} packing;

/* Room for an array, before any text: everything stays aligned. */
static void *take(packing *p, size_t bytes) {
  void *at = p->to ? p->to + p->size : NULL;
  p->size += bytes;
  return at;
}

static const char *pack(packing *p, const char *text) {
  if (!text) return NULL;
  const size_t size = strlen(text) + 1;
  char *to = take(p, size);
  return to ? memcpy(to, text, size) : NULL;
}

static void pack_lists(packing *p, const shunt_decision *d, shunt_decision *to) {
  shunt_trace *trace = take(p, d->ntrace * sizeof *trace);
  const char **depends_on = take(p, d->ndepends_on * sizeof *depends_on);
  for (size_t i = 0; i < d->ntrace; i++) {
    const shunt_trace *s = &d->trace[i];
    const shunt_trace step = {pack(p, s->stage), pack(p, s->rule), pack(p, s->source), s->verdict, pack(p, s->detail)};
    if (trace) trace[i] = step;
  }
  for (size_t i = 0; i < d->ndepends_on; i++) {
    const char *field = pack(p, d->depends_on[i]);
    if (depends_on) depends_on[i] = field;
  }
  to->trace = trace;
  to->depends_on = depends_on;
}

#define PACK_TEXT(member) to->member = pack(p, d->member);
#define PACK_INTEGER(member)
#define PACK_COUNT(member)
#define PACK_OP(member)
#define PACK_FLAG(member)
#define PACK_FIELDS(member)
#define PACK_STEPS(member)
#define PACK(kind, member) PACK_##kind(member)

static void pack_all(packing *p, const shunt_decision *d, shunt_decision *to) {
  *to = *d;
  pack_lists(p, d, to);
  SHUNT_DECISION_MAP(PACK)
}

static decision *push_new(lua_State *L, const shunt_decision *d) {
  shunt_decision counted;
  packing p = {NULL, 0};
  pack_all(&p, d, &counted);
  decision *made = lua_newuserdatauv(L, sizeof *made + p.size, 0);
  p = (packing){made->bytes, 0};
  pack_all(&p, d, &made->as);
  made->from = *d;
  luaL_setmetatable(L, BIND_DECISION);
  return made;
}

/* ---- giving it again ---- */

#define EQUAL_TEXT(member) &&a->member == b->member
#define EQUAL_INTEGER(member) &&a->member == b->member
#define EQUAL_COUNT(member) &&a->member == b->member
#define EQUAL_OP(member) &&a->member == b->member
#define EQUAL_FLAG(member) &&a->member == b->member
#define EQUAL_FIELDS(member) &&a->member == b->member && a->n##member == b->n##member
#define EQUAL_STEPS(member) &&a->member == b->member && a->n##member == b->n##member
#define EQUAL(kind, member) EQUAL_##kind(member)

/* Whether both have the same pointers and numbers. */
static bool is_from(const shunt_decision *a, const shunt_decision *b) { return true SHUNT_DECISION_MAP(EQUAL); }

/* The texts of a decision that is not from the cache, or that a transaction has changed, may lie where those of another
 * one lay. */
static bool lasts(const shunt_decision *d) { return d->remembered && !d->pinned_by; }

enum { KEPT = 32 /* decisions of a session */ };

static lua_Integer place_of(const shunt_decision *d) {
  const uint64_t sum = (uintptr_t)d->trace + 3 * (uint64_t)(uintptr_t)d->model + 5 * (uint64_t)d->op;
  return (lua_Integer)(sum * 0x9E3779B97F4A7C15u >> 32) % KEPT + 1;
}

/* Pushes the list of the session's decisions, which is made for the first one. */
static void push_kept(lua_State *L, int session_index) {
  if (lua_getiuservalue(L, session_index, SESSION_DECISIONS) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_createtable(L, KEPT, 0);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, session_index, SESSION_DECISIONS);
}

void bind_push_decision(lua_State *L, int session_index, const shunt_decision *d) {
  if (!lasts(d)) {
    push_new(L, d);
    return;
  }
  const lua_Integer at = place_of(d);
  push_kept(L, session_index);
  lua_rawgeti(L, -1, at);
  const decision *kept = lua_touserdata(L, -1);
  if (!kept || !is_from(&kept->from, d)) {
    lua_pop(L, 1);
    push_new(L, d);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, at);
  }
  lua_remove(L, -2);
}

/* ---- its fields ---- */

static void push_text(lua_State *L, const char *text) {
  if (text)
    lua_pushstring(L, text);
  else
    lua_pushnil(L);
}

static void set_text(lua_State *L, const char *key, const char *text) {
  push_text(L, text);
  lua_setfield(L, -2, key);
}

static void push_result(lua_State *L, const shunt_trace *t) {
  const char *verdict = shunt_verdict_text(t->verdict);
  if (!t->detail)
    lua_pushstring(L, verdict);
  else if (t->verdict == SHUNT_VERDICT_CHOSE || t->verdict == SHUNT_VERDICT_CHANGED ||
           t->verdict == SHUNT_VERDICT_PINNED)
    lua_pushfstring(L, "%s %s", verdict, t->detail);
  else
    lua_pushfstring(L, "%s: %s", verdict, t->detail);
}

/* result is the verdict and its detail as one text. */
static void push_steps(lua_State *L, const shunt_trace *steps, size_t n) {
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_createtable(L, 0, 6);
    set_text(L, "stage", steps[i].stage);
    set_text(L, "rule", steps[i].rule);
    set_text(L, "source", steps[i].source);
    set_text(L, "verdict", shunt_verdict_text(steps[i].verdict));
    set_text(L, "detail", steps[i].detail);
    push_result(L, &steps[i]);
    lua_setfield(L, -2, "result");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void push_texts(lua_State *L, const char *const *texts, size_t n) {
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_pushstring(L, texts[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

enum {
#define FIELD_ENUM(kind, member) FIELD_##member,
  SHUNT_DECISION_MAP(FIELD_ENUM)
#undef FIELD_ENUM
      NFIELDS
};

static const char *const names[] = {
#define FIELD_NAME(kind, member) #member,
    SHUNT_DECISION_MAP(FIELD_NAME)
#undef FIELD_NAME
};

#define PUSH_TEXT(member) push_text(L, d->member)
#define PUSH_INTEGER(member) lua_pushinteger(L, d->member)
#define PUSH_COUNT(member) lua_pushinteger(L, (lua_Integer)d->member)
#define PUSH_OP(member) lua_pushstring(L, d->member == SHUNT_WRITE ? "write" : "read")
#define PUSH_FLAG(member) lua_pushboolean(L, d->member)
#define PUSH_FIELDS(member) push_texts(L, d->member, d->n##member)
#define PUSH_STEPS(member) push_steps(L, d->member, d->n##member)
#define PUSH(kind, member)                                                                                             \
  case FIELD_##member:                                                                                                 \
    PUSH_##kind(member);                                                                                               \
    break;

/* Lists are made each time: otherwise a change of one would be seen by all that get the same decision. */
static void push_field(lua_State *L, const shunt_decision *d, lua_Integer field) {
  switch (field) { SHUNT_DECISION_MAP(PUSH) }
}

/* The methods' first upvalue is a table of the fields' numbers by name. */
static bool find_field(lua_State *L, int name, lua_Integer *field) {
  lua_pushvalue(L, name);
  const bool known = lua_rawget(L, lua_upvalueindex(1)) == LUA_TNUMBER;
  *field = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return known;
}

static const shunt_decision *check(lua_State *L) {
  return &((const decision *)luaL_checkudata(L, 1, BIND_DECISION))->as;
}

static int decision_index(lua_State *L) {
  const shunt_decision *d = check(L);
  lua_Integer field;
  lua_settop(L, 2);
  if (!find_field(L, 2, &field)) return 0;
  push_field(L, d, field);
  return 1;
}

static int decision_newindex(lua_State *L) {
  return bind_usage(L, "a decision can't be changed: copy its fields, for name, value in pairs(decision)");
}

/* The field after the one of that name that is not nil. */
static int decision_next(lua_State *L) {
  const shunt_decision *d = check(L);
  lua_Integer field = -1;
  lua_settop(L, 2);
  if (!lua_isnil(L, 2) && !find_field(L, 2, &field)) return bind_usage(L, "a decision has no such field");
  while (++field < NFIELDS) {
    lua_pushstring(L, names[field]);
    push_field(L, d, field);
    if (!lua_isnil(L, -1)) return 2;
    lua_settop(L, 2);
  }
  lua_pushnil(L);
  return 1;
}

static int decision_pairs(lua_State *L) {
  (void)check(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, decision_next, 1);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

static bool same_texts(const char *const *a, const char *const *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!text_same(a[i], b[i])) return false;
  return true;
}

static bool same_steps(const shunt_trace *a, const shunt_trace *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!text_same(a[i].stage, b[i].stage) || !text_same(a[i].rule, b[i].rule) ||
        !text_same(a[i].source, b[i].source) || a[i].verdict != b[i].verdict || !text_same(a[i].detail, b[i].detail))
      return false;
  return true;
}

#define SAME_TEXT(member) &&text_same(a->member, b->member)
#define SAME_INTEGER(member) &&a->member == b->member
#define SAME_COUNT(member) &&a->member == b->member
#define SAME_OP(member) &&a->member == b->member
#define SAME_FLAG(member) &&a->member == b->member
#define SAME_FIELDS(member) &&a->n##member == b->n##member &&same_texts(a->member, b->member, a->n##member)
#define SAME_STEPS(member) &&a->n##member == b->n##member &&same_steps(a->member, b->member, a->n##member)
#define SAME(kind, member) SAME_##kind(member)

/* Whether all fields are the same, as with busted's assert.same. */
static int decision_eq(lua_State *L) {
  const decision *x = luaL_testudata(L, 1, BIND_DECISION), *y = luaL_testudata(L, 2, BIND_DECISION);
  if (!x || !y) return 0;
  const shunt_decision *a = &x->as, *b = &y->as;
  lua_pushboolean(L, true SHUNT_DECISION_MAP(SAME));
  return 1;
}

/* "write of order: client shop, table orders, level 0, by 'rule' (rules/a.lua:3)" */
static int decision_tostring(lua_State *L) {
  const shunt_decision *d = check(L);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  lua_pushfstring(L, "%s%s%s: ", d->op == SHUNT_WRITE ? "write" : "read", d->model ? " of " : "",
                  d->model ? d->model : "");
  luaL_addvalue(&b);
  if (d->denied)
    lua_pushfstring(L, "denied, %s", d->denied);
  else
    lua_pushfstring(L, "client %s%s%s, level %d", d->client, d->table ? ", table " : "", d->table ? d->table : "",
                    d->level);
  luaL_addvalue(&b);
  if (d->rule) {
    lua_pushfstring(L, ", by '%s' (%s)", d->rule, d->source);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  return 1;
}

int bind_decision_table(lua_State *L) {
  const shunt_decision *d = check(L);
  lua_createtable(L, 0, NFIELDS);
  for (lua_Integer field = 0; field < NFIELDS; field++) {
    push_field(L, d, field);
    lua_setfield(L, -2, names[field]);
  }
  return 1;
}

void bind_decision_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__index", decision_index},       {"__newindex", decision_newindex},
                                         {"__pairs", decision_pairs},       {"__eq", decision_eq},
                                         {"__tostring", decision_tostring}, {NULL, NULL}};
  luaL_newmetatable(L, BIND_DECISION);
  lua_createtable(L, 0, NFIELDS);
  for (lua_Integer field = 0; field < NFIELDS; field++) {
    lua_pushinteger(L, field);
    lua_setfield(L, -2, names[field]);
  }
  luaL_setfuncs(L, metamethods, 1);
  lua_pop(L, 1);
  push_texts(L, names, NFIELDS);
  lua_setfield(L, -2, "decision_fields");
}
