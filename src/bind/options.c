#include <string.h>

#include "base/suggest.h"
#include "bind/bind.h"
#include "catalog/catalog.h"
#include "catalog/table_name.h"

shunt_status bind_unknown_key(const char *key, const char *of, const char *const *known, shunt_error *err) {
  for (const char *const *k = known; *k; k++)
    if (strcmp(*k, key) == 0) return SHUNT_OK;
  suggest s = suggest_for(key);
  for (const char *const *k = known; *k; k++) suggest_try(&s, *k);
  return error_set(err, SHUNT_E_USAGE, "%s: unknown option '%s'%s", of, key, suggest_text(&s));
}

const node *bind_options(lua_State *L, bind_call *c, int index, const char *of, const char *const *known) {
  if (lua_isnoneornil(L, index)) return NULL;
  if (!lua_istable(L, index)) bind_usage(L, "%s: options must be a table, not a %s", of, luaL_typename(L, index));
  node *options = NULL;
  if (lua_node_from(L, index, &c->arena, &options, &c->err)) bind_fail(L, c);
  if (options->kind != NODE_MAP) {
    error_set(&c->err, SHUNT_E_USAGE, "%s: options must be a table of names, not a list", of);
    bind_fail(L, c);
  }
  for (size_t i = 0; i < options->count; i++)
    if (bind_unknown_key(options->entries[i].key, of, known, &c->err)) bind_fail(L, c);
  return options;
}

shunt_status bind_as_text(const node *n, const char *what, const char **out, shunt_error *err) {
  if (!n) return SHUNT_OK;
  if (!node_is_text(n)) return error_set(err, SHUNT_E_USAGE, "%s must be text, not %s", what, node_kind_name(n));
  if (strlen(n->value.as.bytes) != n->value.size) return error_set(err, SHUNT_E_USAGE, "%s holds a NUL byte", what);
  *out = n->value.as.bytes;
  return SHUNT_OK;
}

shunt_status bind_as_table(arena *a, const node *n, const char **out, shunt_error *err) {
  return n ? table_name_from(a, n, out, err) : SHUNT_OK;
}

shunt_status bind_as_bool(const node *n, const char *what, bool *out, shunt_error *err) {
  if (!n) return SHUNT_OK;
  if (n->kind != NODE_VALUE || n->value.type != SHUNT_BOOL)
    return error_set(err, SHUNT_E_USAGE, "%s must be true or false, not %s", what, node_kind_name(n));
  *out = n->value.as.boolean;
  return SHUNT_OK;
}

/* A whole number, written 5 or 5.0. */
static bool as_integer(const node *n, int64_t *out) {
  if (n->kind != NODE_VALUE) return false;
  if (n->value.type == SHUNT_INTEGER) {
    *out = n->value.as.integer;
    return true;
  }
  double d = n->value.type == SHUNT_FLOAT ? n->value.as.number : 0.5;
  if (!(d >= -9007199254740992.0 && d <= 9007199254740992.0) || (double)(int64_t)d != d) return false;
  *out = (int64_t)d;
  return true;
}

shunt_status bind_as_count(const node *n, const char *what, int64_t *out, shunt_error *err) {
  if (!n) return SHUNT_OK;
  if (!as_integer(n, out) || *out < 0)
    return error_set(err, SHUNT_E_USAGE, "%s must be a whole number from 0 on, not %s", what,
                     n->kind == NODE_VALUE && n->value.type == SHUNT_INTEGER ? "a negative one" : node_kind_name(n));
  return SHUNT_OK;
}

/* As in the app config: text with its unit. */
shunt_status bind_duration(const node *n, const char *what, int64_t *out_ms, shunt_error *err) {
  static const char like[] = "such as 500ms, 5s, 2m or 1h";
  const char *text = NULL;
  if (!n) return SHUNT_OK;
  if (n->kind == NODE_VALUE && (n->value.type == SHUNT_INTEGER || n->value.type == SHUNT_FLOAT))
    return error_set(err, SHUNT_E_USAGE, "%s needs a duration with a unit, %s; a number has none", what, like);
  if (!node_is_text(n))
    return error_set(err, SHUNT_E_USAGE, "%s must be a duration, %s, not %s", what, like, node_kind_name(n));
  shunt_status st = bind_as_text(n, what, &text, err);
  if (!st && !cat_parse_duration_ms(text, out_ms))
    st = error_set(err, SHUNT_E_USAGE, "%s: '%.100s' is not a duration %s", what, text, like);
  return st;
}

shunt_status bind_session_timeout(const node *options, int64_t *out_ms, shunt_error *err) {
  return bind_duration(node_get(options, "timeout"), "timeout", out_ms, err);
}

shunt_status bind_call_timeout(const node *options, int64_t *out_ms, shunt_error *err) {
  const node *n = node_get(options, "timeout");
  shunt_status st = bind_duration(n, "timeout", out_ms, err);
  if (st || !n || *out_ms > 0) return st;
  return error_set(err, SHUNT_E_USAGE,
                   "timeout: '%s' leaves a call no time; only a session's timeout may be 0s: no limit",
                   n->value.as.bytes);
}

const char *bind_option_text(lua_State *L, bind_call *c, const node *options, const char *key) {
  const char *text = NULL;
  if (bind_as_text(node_get(options, key), key, &text, &c->err)) bind_fail(L, c);
  return text;
}

bool bind_option_bool(lua_State *L, bind_call *c, const node *options, const char *key) {
  bool yes = false;
  if (bind_as_bool(node_get(options, key), key, &yes, &c->err)) bind_fail(L, c);
  return yes;
}

bool bind_option_integer(lua_State *L, bind_call *c, const node *options, const char *key, int64_t *out) {
  const node *n = node_get(options, key);
  if (!n) return false;
  if (!as_integer(n, out)) {
    error_set(&c->err, SHUNT_E_USAGE, "%s must be a whole number, not %s", key, node_kind_name(n));
    bind_fail(L, c);
  }
  return true;
}

/* hint(name, names): "; did you mean 'NAME'?", or "" if no name is near. */
static int hint(lua_State *L) {
  suggest s = suggest_for(luaL_checkstring(L, 1));
  luaL_checktype(L, 2, LUA_TTABLE);
  for (lua_Integer i = 1; lua_rawgeti(L, 2, i) == LUA_TSTRING; i++) {
    suggest_try(&s, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_pushstring(L, suggest_text(&s));
  return 1;
}

void bind_takes(lua_State *L, const bind_taking *list) {
  lua_getfield(L, -1, "options");
  for (; list->of; list++) {
    lua_newtable(L);
    for (lua_Integer i = 0; list->keys[i]; i++) {
      lua_pushstring(L, list->keys[i]);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, list->of);
  }
  lua_pop(L, 1);
}

void bind_options_register(lua_State *L) {
  lua_newtable(L);
  lua_setfield(L, -2, "options");
  lua_pushcfunction(L, hint);
  lua_setfield(L, -2, "hint");
}
