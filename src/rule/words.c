/* The words of rule files: datasource, instance, model, rule, and has_one, has_many, belongs_to, belongs_to_many.
 * Declarations are copied to the catalog_source's arena; functions stay in the state, and have a number. */
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "rule/cost.h"
#include "rule/host_inner.h"
#include "rule/lua_node.h"
#include "rule/sandbox_inner.h"

/* The catalog_source's copy of the name: many declarations in a row are in one file. */
static const char *file_of(lua_State *L, rule_host *h, const char *name) {
  if (!h->last_file || strcmp(h->last_file, name) != 0) h->last_file = arena_strdup(&h->source->arena, name);
  if (!h->last_file) sandbox_raise_memory(L);
  return h->last_file;
}

/* The line of Lua code that called the running C function. */
static place caller_of(lua_State *L, rule_host *h) {
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline > 0)
      return (place){file_of(L, h, ar.source[0] == '@' ? ar.source + 1 : ar.source), ar.currentline, 0};
  }
  return (place){"", 0, 0};
}

/* Keeps the function at index; returns its reference. Raises. */
static int keep_function(lua_State *L, rule_host *h, int index, place at) {
  if (!base_grow(&h->functions, &h->functions_capacity, h->nfunctions + 1, sizeof *h->functions))
    sandbox_raise_memory(L);
  lua_pushvalue(L, index);
  int ref = luaL_ref(L, LUA_REGISTRYINDEX);
  h->functions[h->nfunctions++] = (host_function){ref, at};
  return ref;
}

typedef struct keeper {
  rule_host *host;
  place at;
} keeper;

static int keep(lua_State *L, int index, void *ud) {
  keeper *k = ud;
  return keep_function(L, k->host, index, k->at);
}

/* Whether the body's env allows the declaration in this environment. Removes the key, so that the catalog need not know
 * it. */
static bool for_this_env(rule_host *h, const host_pending *p, node *body) {
  const node *env = node_get(body, "env");
  if (!env) return true;
  bool wanted = false, right = node_is_text(env) || env->kind == NODE_LIST;
  if (node_is_text(env)) wanted = strcmp(env->value.as.bytes, h->source->env) == 0;
  for (size_t i = 0; env->kind == NODE_LIST && i < env->count; i++) {
    right = right && node_is_text(env->items[i]);
    wanted = wanted || (node_is_text(env->items[i]) && strcmp(env->items[i]->value.as.bytes, h->source->env) == 0);
  }
  if (!right)
    problems_add(h->problems, SHUNT_E_CONFIG, p->at,
                 "%s \"%s\": env is %s: write the name of an environment or a list of names", p->word, p->name,
                 env->kind == NODE_LIST ? "a list with other values than texts" : node_kind_name(env));
  node_remove(body, "env");
  return wanted;
}

bool host_over_memory(const rule_host *h) {
  const size_t bytes = h->source->arena.total_bytes - h->bytes_before + h->program->arena.total_bytes +
                       h->program->text_bytes + h->pending_capacity * sizeof *h->pending +
                       h->functions_capacity * sizeof *h->functions;
  return bytes > (size_t)h->sb->limits.memory_bytes;
}

void host_check_memory(lua_State *L, const rule_host *h) {
  if (!host_over_memory(h)) return;
  sandbox_stop(sandbox_inner_of(L), SANDBOX_MEMORY);
  sandbox_raise(L);
}

static cat_declarations *list_of(catalog_source *source, const char *word) {
  switch (word[0]) {
  case 'd':
    return &source->datasources;
  case 'i':
    return &source->instances;
  case 'm':
    return &source->models;
  default:
    return &source->rules;
  }
}

/* A function under this key lists values when the declaration is read; it is called once, without arguments. */
static void list_now(lua_State *L, const char *key) {
  lua_pushstring(L, key);
  if (lua_rawget(L, 1) == LUA_TFUNCTION) {
    lua_call(L, 0, 1);
    lua_pushstring(L, key);
    lua_insert(L, -2);
    lua_rawset(L, 1);
  } else {
    lua_pop(L, 1);
  }
}

/* The call with { … } after word "name". The upvalue is the position in pending. */
static int declare(lua_State *L) {
  rule_host *h = host_of(L);
  size_t position = (size_t)lua_tointeger(L, lua_upvalueindex(1));
  if (!h->loading || position >= h->npending)
    return luaL_error(L, "a declaration gets its body after its rule file has run: write both together");
  const host_pending pending = h->pending[position], *p = &pending; /* functions in the body may declare, too */
  sandbox_charge(L, COST_LOOK);
  if (p->done) return luaL_error(L, "%s \"%s\" has two bodies: write one table", p->word, p->name);
  h->pending[position].done = true;
  host_check_memory(L, h);
  if (lua_type(L, 1) != LUA_TTABLE)
    return luaL_error(L, "%s \"%s\" is given %s: write %s \"%s\" { … }", p->word, p->name, host_shown(L, 1), p->word,
                      p->name);
  if (p->word[0] == 'm') list_now(L, "parts");
  cat_declaration what = {.name = p->name, .at = p->at, .standard = h->standard_file};
  keeper k = {h, p->at};
  shunt_error err;
  lua_node_rules rules = {.at = p->at, .function_ref = keep, .ud = &k};
  shunt_status status = lua_node_declared(L, 1, &h->source->arena, &rules, &what.body, &err);
  if (status == SHUNT_E_MEMORY) sandbox_raise_memory(L);
  if (status) return luaL_error(L, "%s \"%s\": %s", p->word, p->name, err.message);
  if (what.body->kind != NODE_MAP)
    return luaL_error(L, "%s \"%s\" is given a list: name its fields, { key = …, … }", p->word, p->name);
  if (for_this_env(h, p, what.body) && !cat_declare(list_of(h->source, p->word), what)) sandbox_raise_memory(L);
  return 0;
}

/* The call word "name". The upvalue is the word. */
static int word(lua_State *L) {
  rule_host *h = host_of(L);
  const char *the_word = lua_tostring(L, lua_upvalueindex(1));
  sandbox_charge(L, COST_LOOK);
  if (h->loading) host_check_memory(L, h);
  if (!h->loading)
    return luaL_error(L, "%s is called while a rule is asked: declare at the top of a rule file", the_word);
  if (lua_type(L, 1) != LUA_TSTRING)
    return luaL_error(L, "%s is given %s as its name: write %s \"name\" { … }", the_word, host_shown(L, 1), the_word);
  size_t size;
  const char *name = lua_tolstring(L, 1, &size);
  if (strlen(name) != size)
    return luaL_error(L, "%s \"%s\": the name contains a NUL character after this: remove it", the_word, name);
  if (!base_grow(&h->pending, &h->pending_capacity, h->npending + 1, sizeof *h->pending)) sandbox_raise_memory(L);
  const char *copy = arena_strdup(&h->source->arena, name);
  if (!copy) sandbox_raise_memory(L);
  h->pending[h->npending] = (host_pending){the_word, copy, caller_of(L, h), false};
  lua_pushinteger(L, (lua_Integer)h->npending++);
  lua_pushcclosure(L, declare, 1);
  return 1;
}

void host_check_pending(rule_host *h) {
  for (size_t i = 0; i < h->npending; i++) {
    const host_pending *p = &h->pending[i];
    if (!p->done)
      problems_add(h->problems, SHUNT_E_CONFIG, p->at, "%s \"%s\" has no body: %s \"%s\" { … }", p->word, p->name,
                   p->word, p->name);
  }
  h->npending = 0;
}

/* has_many(target, foreign_key, options) and the other kinds: returns a table that describes the relation. The upvalue
 * is the kind. */
static int relation(lua_State *L) {
  static const char *const direct[] = {"target", "foreign_key"};
  static const char *const through[] = {"through", "target", "foreign_key", "through_key"};
  const char *kind = lua_tostring(L, lua_upvalueindex(1));
  if (!host_of(L)->loading)
    return luaL_error(L, "%s is called while a rule is asked: declare at the top of a rule file", kind);
  bool many_to_many = strcmp(kind, "belongs_to_many") == 0;
  int n = many_to_many ? 4 : 2;
  const char *const *names = many_to_many ? through : direct;
  for (int i = 1; i <= n; i++)
    if (lua_type(L, i) != LUA_TSTRING && !(lua_istable(L, i) && strstr(names[i - 1], "key")))
      return luaL_error(L, "%s: argument %d (%s) is %s: write a name", kind, i, names[i - 1],
                        lua_isnoneornil(L, i) ? "missing" : host_shown(L, i));
  if (!lua_isnoneornil(L, n + 1)) luaL_checktype(L, n + 1, LUA_TTABLE);
  lua_settop(L, n + 1);
  lua_newtable(L);
  if (!lua_isnil(L, n + 1)) {
    sandbox_contents(L, n + 1);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
      sandbox_charge(L, cost_slots(1));
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, n + 2);
    }
    lua_pop(L, 1);
  }
  for (int i = 1; i <= n; i++) {
    lua_pushvalue(L, i);
    lua_setfield(L, n + 2, names[i - 1]);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setfield(L, n + 2, "kind");
  return 1;
}

void host_open_words(lua_State *L, rule_host *h) {
  static const char *const words[] = {"datasource", "instance", "model", "rule"};
  static const char *const kinds[] = {"has_one", "has_many", "belongs_to", "belongs_to_many"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    lua_pushstring(L, words[i]);
    lua_pushcclosure(L, word, 1);
    sandbox_define(h->sb, words[i]);
  }
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    lua_pushstring(L, kinds[i]);
    lua_pushcclosure(L, relation, 1);
    sandbox_define(h->sb, kinds[i]);
  }
}
