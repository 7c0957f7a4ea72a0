#include "bind/model.h"

#include <string.h>

#include "catalog/table_name.h"

/* From the values at the given stack positions; pushes the model. */
static void push_model(lua_State *L, int session, int name, int client, int table) {
  bind_model *m = lua_newuserdatauv(L, sizeof *m, MODEL_NVALUES);
  memset(m, 0, sizeof *m);
  luaL_setmetatable(L, BIND_MODEL);
  m->name = bind_text(L, name, "the model");
  m->client = bind_opt_text(L, client, "the client");
  m->table = bind_opt_text(L, table, "the table");
  const int from[] = {session, name, client, table};
  for (int i = 0; i < MODEL_NVALUES; i++) {
    lua_pushvalue(L, from[i]);
    lua_setiuservalue(L, -2, i + 1);
  }
}

static int session_model(lua_State *L) {
  lua_settop(L, 2);
  bind_session *s = bind_check(L, 1, BIND_SESSION, "a session");
  if (!s->session) return bind_usage(L, "the session is closed");
  lua_settop(L, 4);
  push_model(L, 1, 2, 3, 4);
  return 1;
}

/* Puts the text of {schema, name} in its place. */
static void name_table(lua_State *L, int index) {
  if (!lua_istable(L, index)) return;
  lua_getfield(L, index, "schema");
  lua_getfield(L, index, "name");
  const char *wrong = table_name_wrong(lua_tostring(L, -2), lua_tostring(L, -1));
  if (wrong) bind_usage(L, "a table is a name, or {schema = ..., name = ...}: %s", wrong);
  lua_pushfstring(L, "%s.%s", lua_tostring(L, -2), lua_tostring(L, -1));
  lua_replace(L, index);
  lua_pop(L, 2);
}

/* model:new_instance(client, table): the same model with an explicit client or table. */
static int model_new_instance(lua_State *L) {
  lua_settop(L, 3);
  bind_check(L, 1, BIND_MODEL, "a model");
  name_table(L, 3);
  lua_getiuservalue(L, 1, MODEL_SESSION);
  lua_getiuservalue(L, 1, MODEL_NAME);
  if (lua_isnil(L, 2)) {
    lua_getiuservalue(L, 1, MODEL_CLIENT);
    lua_replace(L, 2);
  }
  if (lua_isnil(L, 3)) {
    lua_getiuservalue(L, 1, MODEL_TABLE);
    lua_replace(L, 3);
  }
  push_model(L, 4, 5, 2, 3);
  return 1;
}

static int model_tostring(lua_State *L) {
  const bind_model *m = luaL_checkudata(L, 1, BIND_MODEL);
  lua_pushfstring(L, "shunt model %s", m->name);
  if (m->client) {
    lua_pushfstring(L, " on %s", m->client);
    lua_concat(L, 2);
  }
  return 1;
}

bind_call *bind_model_enter(lua_State *L, int nargs, bind_model **m) {
  lua_settop(L, nargs);
  *m = bind_check(L, 1, BIND_MODEL, "a model");
  lua_getiuservalue(L, 1, MODEL_SESSION);
  return bind_enter(L, nargs + 1);
}

void bind_check_status(lua_State *L, bind_call *c, shunt_status status) {
  if (status) bind_fail(L, c);
}

/* ---- reads ---- */

typedef struct reading {
  const char *name; /* "model:select" */
  const char *const *takes;
} reading;

static const reading of_select = {"model:select", options_select_keys}, of_get = {"model:get", options_get_keys},
                     of_mget = {"model:mget", options_get_keys}, of_each = {"model:each", options_select_keys},
                     of_count = {"model:count", options_count_keys};

static shunt_query query_at(lua_State *L, bind_call *c, const bind_model *m, int index, const reading *r) {
  shunt_query q = {0};
  bind_check_status(L, c, options_query(&c->arena, bind_options(L, c, index, r->name, r->takes), &q, &c->err));
  q.timeout_ms = bind_within_limit(c->session, q.timeout_ms);
  if (!q.client) q.client = m->client;
  if (!q.table) q.table = m->table;
  return q;
}

static int model_select(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 2, &m);
  shunt_query q = query_at(L, c, m, 2, &of_select);
  bind_busy(L, c);
  bind_done(L, c, shunt_select(c->session->session, m->name, &q, &c->rows, &c->err));
  bind_push_rows(L, c->rows);
  bind_push_meta(L, c->rows);
  bind_leave(L, c);
  return 2;
}

/* for row in model:each{…} do: the rows one by one. */
static int model_each(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 2, &m);
  shunt_query q = query_at(L, c, m, 2, &of_each);
  bind_stream *s = bind_stream_new(L, c->index);
  bind_busy(L, c);
  bind_done(L, c, shunt_each(c->session->session, m->name, &q, bind_stream_place(s), &c->err));
  bind_leave(L, c);
  return bind_stream_loop(L);
}

const shunt_where *bind_model_where(lua_State *L, bind_call *c, int index, const shunt_where *other, const char *of) {
  node *from = NULL;
  const shunt_where *where = NULL;
  if (lua_isnil(L, index)) return other;
  if (other) {
    error_set(&c->err, SHUNT_E_USAGE, "%s: where is given twice, as an argument and as an option", of);
    bind_fail(L, c);
  }
  bind_check_status(L, c, lua_node_from(L, index, &c->arena, &from, &c->err));
  bind_check_status(L, c, options_where(&c->arena, from, &where, &c->err));
  return where;
}

/* A key that is nil by accident would select another row. With an order, the caller wants the first row. */
static void check_wanted(lua_State *L, bind_call *c, const shunt_query *q) {
  const shunt_where *w = q->where;
  if ((w && (w->op != SHUNT_AND || w->nitems > 0)) || q->norder > 0) return;
  error_set(&c->err, SHUNT_E_USAGE, "model:get needs a primary key, a where, or an order (for the first row)");
  bind_fail(L, c);
}

/* model:get(7) and model:get{id = 7}: the first row, or nil. */
static int model_get(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  shunt_query q = query_at(L, c, m, 3, &of_get);
  shunt_status st;
  if (lua_istable(L, 2) || lua_isnil(L, 2)) {
    q.where = bind_model_where(L, c, 2, q.where, "model:get");
    check_wanted(L, c, &q);
    q.limit = 1;
    bind_busy(L, c);
    st = shunt_select(c->session->session, m->name, &q, &c->rows, &c->err);
  } else {
    shunt_value id;
    bind_check_status(L, c, bind_to_value(L, 2, &c->arena, "the primary key", &id, &c->err));
    bind_busy(L, c);
    st = shunt_mget(c->session->session, m->name, &(shunt_keys){.values = &id, .n = 1, .ncolumns = 1}, &q, &c->rows,
                    &c->err);
  }
  bind_done(L, c, st);
  bind_push_rows(L, c->rows);
  lua_rawgeti(L, -1, 1);
  bind_leave(L, c);
  return 1;
}

/* The list of n keys at index 2. */
static shunt_keys keys_at(lua_State *L, bind_call *c, size_t n) {
  options_keys keys = {.most = n, .of = "model:mget"};
  for (size_t i = 0; i < n; i++) {
    node *key = NULL;
    shunt_value *value;
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    if (lua_istable(L, -1)) {
      bind_check_status(L, c, lua_node_from(L, lua_gettop(L), &c->arena, &key, &c->err));
      bind_check_status(L, c, options_add_tuple(&c->arena, &keys, key, &c->err));
    } else {
      bind_check_status(L, c, options_add_key(&c->arena, &keys, &value, &c->err));
      bind_check_status(L, c, bind_to_value(L, -1, &c->arena, "a primary key", value, &c->err));
    }
    lua_pop(L, 1);
  }
  return keys.keys;
}

static int model_mget(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  size_t n = 0;
  lua_shape shape = lua_istable(L, 2) ? lua_node_shape(L, 2, &n) : LUA_SHAPE_MAP;
  if (shape != LUA_SHAPE_LIST && shape != LUA_SHAPE_EMPTY)
    return bind_usage(L, "model:mget takes a list of primary keys without holes");
  shunt_keys keys = keys_at(L, c, n);
  shunt_query q = query_at(L, c, m, 3, &of_mget);
  bind_busy(L, c);
  bind_done(L, c, shunt_mget(c->session->session, m->name, &keys, &q, &c->rows, &c->err));
  bind_push_rows(L, c->rows);
  bind_push_meta(L, c->rows);
  bind_leave(L, c);
  return 2;
}

static int model_count(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 2, &m);
  shunt_query q = query_at(L, c, m, 2, &of_count);
  int64_t count = 0;
  bind_busy(L, c);
  bind_done(L, c, shunt_count(c->session->session, m->name, &q, &count, &c->err));
  lua_pushinteger(L, count);
  bind_leave(L, c);
  return 1;
}

/* ---- aggregates ---- */

static int model_aggregate(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 2, &m);
  const node *options = bind_options(L, c, 2, "model:aggregate", options_aggregate_keys);
  shunt_query q = {0};
  bind_check_status(L, c, options_query(&c->arena, options, &q, &c->err));
  q.timeout_ms = bind_within_limit(c->session, q.timeout_ms);
  if (!q.client) q.client = m->client;
  if (!q.table) q.table = m->table;
  shunt_aggregates what = {0};
  bind_check_status(L, c, options_aggregates(&c->arena, options, "model:aggregate", &what, &c->err));
  bind_busy(L, c);
  bind_done(L, c, shunt_aggregate(c->session->session, m->name, &what, &q, &c->rows, &c->err));
  bind_push_rows(L, c->rows);
  if (what.ngroup == 0) lua_rawgeti(L, -1, 1);
  bind_leave(L, c);
  return 1;
}

void bind_model_register(lua_State *L) {
  static const bind_taking takes[] = {{"model:select", options_select_keys},
                                      {"model:get", options_get_keys},
                                      {"model:each", options_select_keys},
                                      {"model:mget", options_get_keys},
                                      {"model:count", options_count_keys},
                                      {"model:aggregate", options_aggregate_keys},
                                      {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__tostring", model_tostring}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"new_instance", model_new_instance},
                                     {"select", model_select},
                                     {"each", model_each},
                                     {"get", model_get},
                                     {"mget", model_mget},
                                     {"count", model_count},
                                     {"aggregate", model_aggregate},
                                     {NULL, NULL}};
  static const luaL_Reg of_session[] = {{"model", session_model}, {NULL, NULL}};
  bind_class(L, BIND_MODEL, metamethods, methods, "model_methods");
  bind_methods(L, "session_methods", of_session);
  bind_takes(L, takes);
}
