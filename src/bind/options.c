#include "base/suggest.h"
#include "bind/bind.h"

const node *bind_options(lua_State *L, bind_call *c, int index, const char *of, const char *const *known) {
  if (lua_isnoneornil(L, index)) return NULL;
  if (!lua_istable(L, index)) bind_usage(L, "%s: options must be a table, not a %s", of, luaL_typename(L, index));
  node *options = NULL;
  if (lua_node_from(L, index, &c->arena, &options, &c->err)) bind_fail(L, c);
  if (options_all_known(options, of, known, &c->err)) bind_fail(L, c);
  return options;
}

const char *bind_option_text(lua_State *L, bind_call *c, const node *options, const char *key) {
  const char *text = NULL;
  if (options_text(node_get(options, key), key, &text, &c->err)) bind_fail(L, c);
  return text;
}

bool bind_option_bool(lua_State *L, bind_call *c, const node *options, const char *key) {
  bool yes = false;
  if (options_bool(node_get(options, key), key, &yes, &c->err)) bind_fail(L, c);
  return yes;
}

bool bind_option_integer(lua_State *L, bind_call *c, const node *options, const char *key, int64_t *out) {
  const node *n = node_get(options, key);
  if (options_integer(n, key, out, &c->err)) bind_fail(L, c);
  return n != NULL;
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
