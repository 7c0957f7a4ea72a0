#include <string.h>

#include "bind/bind.h"
#include "rule/request.h"

/* ---- the decision ---- */

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

#define PUSH_TEXT(member) push_text(L, d->member)
#define PUSH_INTEGER(member) lua_pushinteger(L, d->member)
#define PUSH_COUNT(member) lua_pushinteger(L, (lua_Integer)d->member)
#define PUSH_OP(member) lua_pushstring(L, d->member == SHUNT_WRITE ? "write" : "read")
#define PUSH_FLAG(member) lua_pushboolean(L, d->member)
#define PUSH_FIELDS(member) push_texts(L, d->member, d->n##member)
#define PUSH_STEPS(member) push_steps(L, d->member, d->n##member)
#define PUSH(kind, member)                                                                                             \
  PUSH_##kind(member);                                                                                                 \
  lua_setfield(L, -2, #member);

static void push_decision(lua_State *L, const shunt_decision *d) {
#define ONE(kind, member) +1
  lua_createtable(L, 0, 0 SHUNT_DECISION_MAP(ONE));
#undef ONE
  SHUNT_DECISION_MAP(PUSH)
}

static int session_resolve(lua_State *L) {
  lua_settop(L, 3);
  bind_call *c = bind_enter(L, 1);
  shunt_request request = {.model = bind_opt_text(L, 2, "the model")};
  const node *options = bind_options(L, c, 3, "session:resolve", options_request_keys);
  const int level = shunt_session_level(c->session->session);
  if (options_request(&c->arena, options, level, &request, &c->err)) return bind_fail(L, c);
  const shunt_decision *decision = NULL;
  bind_busy(L, c);
  shunt_status st = shunt_resolve(c->session->session, &request, &decision, &c->err);
  bind_done(L, c, st == SHUNT_E_DENIED && decision ? SHUNT_OK : st);
  push_decision(L, decision);
  bind_leave(L, c);
  return 1;
}

/* ---- for the module's own Lua files ---- */

/* bucket(value, n): the part that req:bucket gives for the whole number. */
static int bucket(lua_State *L) {
  const shunt_value value = shunt_integer(luaL_checkinteger(L, 1));
  const rule_read read = {.predicate = RULE_BUCKET, .of = {.parts = luaL_checkinteger(L, 2)}};
  int64_t part = 0;
  rule_tell(&read, &value, &part);
  lua_pushinteger(L, part);
  return 1;
}

/* request_options: {kind=, field= as rules see it, option=} for each but the model; decision_fields: names. */
void bind_resolve_register(lua_State *L) {
  static const bind_taking takes[] = {{"session:resolve", options_request_keys}, {NULL, NULL}};
  static const struct {
    const char *kind, *field, *option;
  } options[] = {
#define OPTION(kind, id, member, name, option) {#kind, name, option},
      SHUNT_REQUEST_MAP(OPTION)
#undef OPTION
  };
#define NAME(kind, member) #member,
  static const char *const names[] = {SHUNT_DECISION_MAP(NAME)};
#undef NAME
  static const luaL_Reg methods[] = {{"resolve", session_resolve}, {NULL, NULL}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    if (strcmp(options[i].kind, "MODEL") == 0) continue;
    lua_createtable(L, 0, 3);
    set_text(L, "kind", options[i].kind);
    set_text(L, "field", options[i].field);
    set_text(L, "option", options[i].option);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  lua_setfield(L, -2, "request_options");
  push_texts(L, names, sizeof names / sizeof *names);
  lua_setfield(L, -2, "decision_fields");
  lua_pushcfunction(L, bucket);
  lua_setfield(L, -2, "bucket");
  bind_methods(L, "session_methods", methods);
  bind_takes(L, takes);
}
