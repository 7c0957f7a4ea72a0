#include "rule/host.h"

#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/table_name.h"
#include "rule/cost.h"
#include "rule/host_inner.h"
#include "rule/lua_link.h"
#include "rule/lua_node.h"

static int open_all(lua_State *L) {
  rule_host *h = lua_touserdata(L, 1);
  lua_settop(L, 0);
  host_open_words(L, h);
  host_open_answers(L, h);
  host_open_require(L, h);
  host_open_request(L, h);
  return 0;
}

shunt_status rule_host_new(const sandbox_limits *limits, rule_host **out, shunt_error *err) {
  shunt_status status = lua_link_check(err);
  if (status) return status;
  rule_host *h = base_zalloc(sizeof *h);
  if (!h) return error_memory(err);
  h->program = base_zalloc(sizeof *h->program);
  status = h->program ? sandbox_new(limits, &h->sb, err) : error_memory(err);
  if (!status) {
    h->sb->owner = h;
    sandbox_start(h->sb, 1);
    sandbox_push_work(h->sb->L, open_all, h);
    status = sandbox_call(h->sb, 1, 0, err);
  }
  if (status) {
    rule_host_free(h);
    return status;
  }
  *out = h;
  return SHUNT_OK;
}

void rule_host_free(rule_host *h) {
  if (!h) return;
  sandbox_free(h->sb);
  base_free(h->functions);
  base_free(h->pending);
  base_free(h->reads);
  arena_free(&h->names);
  map_free(&h->columns);
  map_free(&h->attrs);
  map_free(&h->transaction);
  map_free(&h->wrote);
  map_free(&h->parts);
  map_free(&h->lists);
  map_free(&h->prefixes);
  buf_free(&h->scratch);
  if (!h->cloning) host_program_free(h->program);
  base_free(h);
}

static int run_body(lua_State *L) {
  rule_host *h = lua_touserdata(L, 1);
  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->request_ref); /* stays at index 1 for the whole run */
  h->body_status = h->body(h->ud);
  return 0;
}

shunt_status rule_host_run(rule_host *h, const rule_view *view, shunt_status (*body)(void *ud), void *ud,
                           shunt_error *err) {
  lua_State *L = h->sb->L;
  h->view = view;
  h->nreads = h->nnamed = h->npassing = 0;
  h->missed = false;
  h->read_mask = 0;
  h->uncacheable[0] = 0;
  h->model_at = (place){NULL, 0, 0};
  h->body = body;
  h->ud = ud;
  sandbox_start(h->sb, 1);
  sandbox_push_work(L, run_body, h);
  shunt_status status = sandbox_call(h->sb, 1, 0, err);
  h->view = NULL;
  return status ? status : h->body_status;
}

const char *rule_host_uncacheable(const rule_host *h) { return h->uncacheable[0] ? h->uncacheable : NULL; }

bool rule_host_passing(const rule_host *h) { return h->npassing > 0; }

/* Calls the kept function with the request; its one result is on top. */
static void call(rule_host *h, int function) {
  lua_State *L = h->sb->L;
  h->model_function = CATALOG_NO_FUNCTION;
  h->model_at = (place){NULL, 0, 0};
  lua_settop(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
}

bool rule_host_when(rule_host *h, int function) {
  call(h, function);
  return lua_toboolean(h->sb->L, -1);
}

/* The model's function has given the answer: it is to blame for one that makes no sense. */
static void blame_model(rule_host *h, int function) {
  lua_State *L = h->sb->L;
  lua_Debug ar;
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  lua_getinfo(L, ">S", &ar);
  h->model_at = (place){ar.source[0] == '@' ? ar.source + 1 : ar.source, ar.linedefined, 0};
}

/* Whether the answer at index is the one of the model's function, passed on as it is. */
static bool is_of_model(rule_host *h, int index) {
  lua_State *L = h->sb->L;
  if (h->model_function == CATALOG_NO_FUNCTION) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, h);
  const bool same = lua_rawequal(L, index, -1);
  lua_pop(L, 1);
  return same;
}

place rule_host_model_at(const rule_host *h) { return h->model_at; }

/* {schema = "audit", name = "log"} at index as text, which is left on the stack. */
static const char *qualified(lua_State *L, int index, const char *what) {
  index = lua_absindex(L, index);
  lua_getfield(L, index, "schema");
  lua_getfield(L, index, "name");
  const char *schema = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  if (schema) host_text_of(L, -2, what, "the schema");
  if (name) host_text_of(L, -1, what, "the table's name");
  const char *wrong = table_name_wrong(schema, name);
  if (wrong) luaL_error(L, "%s: a table is a name, or {schema = ..., name = ...}, and %s here", what, wrong);
  return lua_pushfstring(L, "%s.%s", schema, name);
}

const char *rule_host_table(rule_host *h, int function, const char *what) {
  lua_State *L = h->sb->L;
  call(h, function);
  blame_model(h, function);
  if (lua_type(L, -1) == LUA_TTABLE) return qualified(L, -1, what);
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "%s: the table function returns %s: return the table's name, a text", what, host_shown(L, -1));
  return host_name_of(L, -1, what, "the table's name");
}

/* The table's name in an answer's table at index, or NULL. The name is left on the stack. */
static const char *table_of(lua_State *L, int index, const char *what) {
  int type = lua_getfield(L, index, "table");
  if (type == LUA_TTABLE) return qualified(L, -1, what);
  if (type != LUA_TSTRING && type != LUA_TNIL)
    luaL_error(L, "%s: table in the answer is %s: give its name, a text", what, host_shown(L, -1));
  return type == LUA_TNIL ? NULL : host_name_of(L, -1, what, "the table in the answer");
}

static bool is_no_answer_key(lua_State *L, const void *ud) {
  (void)ud;
  sandbox_charge(L, cost_slots(1));
  const char *key = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  return !key || (strcmp(key, "client") != 0 && strcmp(key, "table") != 0 && strcmp(key, "level") != 0);
}

static void check_answer_keys(lua_State *L, int index, const char *what) {
  sandbox_contents(L, index); /* a frozen constant keeps its fields elsewhere */
  lua_node_first_key(L, -1, is_no_answer_key, NULL);
  if (!lua_isnil(L, -1))
    luaL_error(L, "%s: the answer has the key %s: an answer has client, table and level", what, host_shown(L, -1));
  lua_pop(L, 2);
}

static void read_pick(lua_State *L, int index, const char *what, rule_answer *answer) {
  lua_getiuservalue(L, index, 1);
  int t = lua_gettop(L);
  answer->kind = RULE_ANSWER_PICK;
  lua_getfield(L, t, "policy");
  answer->policy = (rule_policy)lua_tointeger(L, -1);
  lua_getfield(L, t, "key");
  shunt_value key;
  answer->key_hash = 0; /* without a key all choices are equal */
  if (answer->policy == RULE_HASH) {
    if (!host_value(L, -1, &key))
      luaL_error(L, "%s: the key of pick with policy \"hash\" is %s: give a text, a number or a boolean", what,
                 host_shown(L, -1));
    answer->key_hash = host_hash(&key);
  }
  lua_pop(L, 2);
  answer->npicks = (size_t)lua_rawlen(L, t);
  for (size_t i = 0; i < answer->npicks; i++) {
    lua_rawgeti(L, t, (lua_Integer)i + 1);
    answer->picks[i] = lua_tostring(L, -1); /* pick has checked that these are texts */
    lua_pop(L, 1);
  }
}

/* Reads the answer at index, which stays on the stack and keeps the strings alive. */
static void read_answer(lua_State *L, int index, const char *what, rule_answer *answer) {
  switch (lua_type(L, index)) {
  case LUA_TNIL:
    return;
  case LUA_TSTRING:
    answer->kind = RULE_ANSWER_CLIENT;
    answer->client = host_name_of(L, index, what, "the client's name");
    return;
  case LUA_TUSERDATA:
    if (luaL_testudata(L, index, HOST_DENY)) {
      answer->kind = RULE_ANSWER_DENY;
      lua_getiuservalue(L, index, 1);
      answer->deny = lua_tostring(L, -1);
      return;
    }
    if (luaL_testudata(L, index, HOST_PICK)) {
      read_pick(L, index, what, answer);
      return;
    }
    break;
  default:
    break;
  }
  luaL_error(
      L,
      "%s: the function returns %s: return a client's name, nil, a table {client=, table=, level=}, deny \"why\" "
      "or pick{…}",
      what, host_shown(L, index));
}

void rule_host_ask(rule_host *h, int function, const char *what, rule_answer *answer) {
  lua_State *L = h->sb->L;
  answer->kind = RULE_ANSWER_NONE;
  answer->client = answer->table = answer->deny = NULL;
  answer->level = -1;
  call(h, function);
  int index = lua_gettop(L);
  if (is_of_model(h, index)) blame_model(h, h->model_function);
  if (lua_type(L, index) != LUA_TTABLE) {
    read_answer(L, index, what, answer);
    return;
  }
  check_answer_keys(L, index, what);
  answer->table = table_of(L, index, what);
  if (lua_getfield(L, index, "level") != LUA_TNIL) {
    int is_integer = 0;
    lua_Integer level = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || level < 0 || level > CATALOG_MOST_LEVELS)
      luaL_error(L, "%s: level in the answer is %s: give a whole number from 0 to %d", what, host_shown(L, -1),
                 CATALOG_MOST_LEVELS);
    answer->level = (int)level;
  }
  lua_getfield(L, index, "client");
  read_answer(L, lua_gettop(L), what, answer);
  if (answer->kind == RULE_ANSWER_NONE && (answer->table || answer->level >= 0)) answer->kind = RULE_ANSWER_CLIENT;
}
