#include <limits.h>
#include <string.h>

#include "bind/bind.h"

/* What a condition says of equality is what rules see as req.where; the rest of it is left out. */
static void equalities(lua_State *L, bind_call *c, const node *where, shunt_request *out) {
  if (!where) return;
  if (where->kind != NODE_MAP) {
    error_set(&c->err, SHUNT_E_USAGE, "where must be a table of columns and values, not %s", node_kind_name(where));
    bind_fail(L, c);
  }
  shunt_field *fields = arena_array(&c->arena, shunt_field, where->count);
  if (!fields) bind_memory(L);
  for (size_t i = 0; i < where->count; i++) {
    const node *value = where->entries[i].value;
    if (value->kind == NODE_MAP) value = node_get(value, "eq");
    if (!value || value->kind != NODE_VALUE || where->entries[i].key[0] == '_') continue;
    fields[out->nwhere++] = (shunt_field){where->entries[i].key, value->value};
  }
  out->where = fields;
}

static void request_of(lua_State *L, bind_call *c, const node *options, shunt_request *out) {
  const char *op = bind_option_text(L, c, options, "op");
  int now = shunt_session_level(c->session->session);
  int64_t level = now;
  out->explicit_client = bind_option_text(L, c, options, "client");
  out->explicit_table = bind_option_text(L, c, options, "table");
  out->relation = bind_option_text(L, c, options, "relation");
  out->relation_client = bind_option_text(L, c, options, "relation_client");
  out->parent = bind_option_text(L, c, options, "parent");
  out->current = bind_option_text(L, c, options, "current");
  out->every_rule = bind_option_bool(L, c, options, "every_rule");
  if (op && strcmp(op, "write") == 0) {
    out->op = SHUNT_WRITE;
  } else if (op && strcmp(op, "read") != 0) {
    error_set(&c->err, SHUNT_E_USAGE, "op is \"read\" or \"write\", not \"%.40s\"", op);
    bind_fail(L, c);
  }
  bind_option_integer(L, c, options, "level", &level);
  if (level < now || level > INT16_MAX) {
    error_set(&c->err, SHUNT_E_USAGE, "level must be from the session's (%d) to %d", now, INT16_MAX);
    bind_fail(L, c);
  }
  out->level_up = (int)level - now;
  equalities(L, c, node_get(options, "where"), out);
}

static void set_text(lua_State *L, const char *key, const char *text) {
  if (!text) return;
  lua_pushstring(L, text);
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

static void push_trace(lua_State *L, const shunt_decision *d) {
  lua_createtable(L, (int)d->ntrace, 0);
  for (size_t i = 0; i < d->ntrace; i++) {
    lua_createtable(L, 0, 4);
    set_text(L, "stage", d->trace[i].stage);
    set_text(L, "rule", d->trace[i].rule);
    set_text(L, "source", d->trace[i].source);
    push_result(L, &d->trace[i]);
    lua_setfield(L, -2, "result");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void push_decision(lua_State *L, const shunt_decision *d) {
  lua_createtable(L, 0, 18);
  set_text(L, "model", d->model);
  set_text(L, "relation", d->relation);
  set_text(L, "client", d->denied ? NULL : d->client);
  set_text(L, "engine", d->denied ? NULL : d->engine);
  set_text(L, "table", d->table);
  set_text(L, "op", d->op == SHUNT_WRITE ? "write" : "read");
  set_text(L, "role", d->role);
  set_text(L, "rule", d->rule);
  set_text(L, "source", d->source);
  set_text(L, "denied", d->denied);
  set_text(L, "uncacheable", d->uncacheable);
  set_text(L, "not_remembered", d->not_remembered);
  set_text(L, "pinned_by", d->pinned_by);
  lua_pushboolean(L, d->remembered);
  lua_setfield(L, -2, "remembered");
  lua_pushinteger(L, d->level);
  lua_setfield(L, -2, "level");
  lua_pushinteger(L, (lua_Integer)d->generation);
  lua_setfield(L, -2, "generation");
  lua_createtable(L, (int)d->ndepends_on, 0);
  for (size_t i = 0; i < d->ndepends_on; i++) {
    lua_pushstring(L, d->depends_on[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "depends_on");
  push_trace(L, d);
  lua_setfield(L, -2, "trace");
}

static int session_resolve(lua_State *L) {
  static const char *const known[] = {"op",     "client",  "table", "relation", "relation_client",
                                      "parent", "current", "where", "level",    "every_rule",
                                      NULL};
  lua_settop(L, 3);
  bind_call *c = bind_enter(L, 1);
  shunt_request request = {.model = bind_opt_text(L, 2, "the model")};
  request_of(L, c, bind_options(L, c, 3, "session:resolve", known), &request);
  if (!request.model && !request.relation) {
    error_set(&c->err, SHUNT_E_USAGE,
              "session:resolve needs a model's name, or a relation as in {relation = \"user.orders\"}");
    return bind_fail(L, c);
  }
  const shunt_decision *decision = NULL;
  bind_busy(L, c);
  shunt_status st = shunt_resolve(c->session->session, &request, &decision, &c->err);
  bind_done(L, c, st == SHUNT_E_DENIED && decision ? SHUNT_OK : st);
  push_decision(L, decision);
  bind_leave(L, c);
  return 1;
}

void bind_resolve_register(lua_State *L) {
  static const luaL_Reg methods[] = {{"resolve", session_resolve}, {NULL, NULL}};
  bind_methods(L, "session_methods", methods);
}
