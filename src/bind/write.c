/* The methods of a model that write. */
#include "bind/model.h"

static shunt_write write_at(lua_State *L, bind_call *c, const bind_model *m, const node *options) {
  shunt_write w = {.where = NULL};
  bind_check_status(L, c, options_write(&c->arena, options, &w, &c->err));
  w.timeout_ms = bind_within_limit(c->session, w.timeout_ms);
  if (!w.client) w.client = m->client;
  if (!w.table) w.table = m->table;
  return w;
}

static int push_row(lua_State *L) {
  const bind_call *c = lua_touserdata(L, 1);
  bind_push_rows(L, c->rows);
  lua_rawgeti(L, -1, 1);
  return 1;
}

static int model_insert(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:insert", options_insert_keys));
  shunt_record record = {0};
  bind_check_status(L, c, bind_record(L, 2, &c->arena, &w, &record, &c->err));
  bind_busy(L, c);
  bind_done(L, c, shunt_insert(c->session->session, m->name, &record, &w, &c->rows, &c->err));
  return bind_give(L, c, push_row, bind_written(c));
}

static int insert_rows(lua_State *L, bind_call *c, const bind_model *m, const shunt_records *records,
                       const shunt_write *w) {
  bind_busy(L, c);
  bind_done(L, c, shunt_insert_rows(c->session->session, m->name, records, w, &c->rows, &c->err));
  return bind_give(L, c, bind_push_both, bind_written(c));
}

static int model_insert_bulk(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  const node *options = bind_options(L, c, 3, "model:insert_bulk", options_insert_bulk_keys);
  shunt_write w = write_at(L, c, m, options);
  bind_record_list list = {0};
  int64_t inserted = 0;
  bind_check_status(L, c, bind_records(L, 2, &c->arena, &w, &list, &c->err));
  shunt_records records = {list.items, list.count};
  if (bind_option_bool(L, c, options, "returning")) return insert_rows(L, c, m, &records, &w);
  bind_busy(L, c);
  bind_done(L, c, shunt_insert_bulk(c->session->session, m->name, &records, &w, &inserted, &c->err));
  lua_pushinteger(L, inserted);
  bind_leave(L, c);
  return 1;
}

static int model_update(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:update", options_update_keys));
  shunt_record record = {0};
  int64_t affected = 0;
  options_drop_empty_where(&w);
  bind_check_status(L, c, bind_record(L, 2, &c->arena, &w, &record, &c->err));
  bind_busy(L, c);
  bind_done(L, c, shunt_update(c->session->session, m->name, &record, &w, &affected, &c->err));
  lua_pushinteger(L, affected);
  bind_leave(L, c);
  return 1;
}

/* model:update_bulk{{id = 1, plan = "pro"}, …}: each row by its primary key. */
static int model_update_bulk(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:update_bulk", options_update_bulk_keys));
  bind_record_list list = {0};
  int64_t affected = 0;
  bind_check_status(L, c, bind_records(L, 2, &c->arena, &w, &list, &c->err));
  bind_busy(L, c);
  bind_done(L, c,
            shunt_update_bulk(c->session->session, m->name, &(shunt_records){list.items, list.count}, &w, &affected,
                              &c->err));
  lua_pushinteger(L, affected);
  bind_leave(L, c);
  return 1;
}

/* model:increment({id = 7}, {visits = 1}): the database adds. */
static int model_increment(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 4, &m);
  const node *options = bind_options(L, c, 4, "model:increment", options_increment_keys),
             *set = node_get(options, "set");
  shunt_write w = write_at(L, c, m, options);
  options_fields increments = {NULL, 0}, columns = {NULL, 0};
  node *numbers = NULL;
  int64_t affected = 0;
  w.where = bind_model_where(L, c, 2, NULL, "model:increment");
  options_drop_empty_where(&w);
  bind_check_status(L, c, lua_node_from(L, 3, &c->arena, &numbers, &c->err));
  bind_check_status(L, c, options_columns(&c->arena, numbers, "model:increment: the increments", &increments, &c->err));
  bind_check_status(L, c, options_columns(&c->arena, set, "model:increment: set", &columns, &c->err));
  w.increments = increments.list;
  w.nincrements = increments.n;
  bind_check_status(L, c, options_check_increments(&w, "model:increment", &c->err));
  const shunt_record record = {.fields = columns.list, .nfields = columns.n};
  bind_busy(L, c);
  bind_done(L, c, shunt_update(c->session->session, m->name, &record, &w, &affected, &c->err));
  lua_pushinteger(L, affected);
  bind_leave(L, c);
  return 1;
}

static int model_delete(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:delete", options_delete_keys));
  int64_t affected = 0;
  w.where = bind_model_where(L, c, 2, w.where, "model:delete");
  options_drop_empty_where(&w);
  bind_busy(L, c);
  bind_done(L, c, shunt_delete(c->session->session, m->name, &w, &affected, &c->err));
  lua_pushinteger(L, affected);
  bind_leave(L, c);
  return 1;
}

void bind_write_register(lua_State *L) {
  static const bind_taking takes[] = {{"model:insert", options_insert_keys},
                                      {"model:insert_bulk", options_insert_bulk_keys},
                                      {"model:update", options_update_keys},
                                      {"model:update_bulk", options_update_bulk_keys},
                                      {"model:increment", options_increment_keys},
                                      {"model:delete", options_delete_keys},
                                      {NULL, NULL}};
  static const luaL_Reg methods[] = {{"insert", model_insert},
                                     {"insert_bulk", model_insert_bulk},
                                     {"update", model_update},
                                     {"update_bulk", model_update_bulk},
                                     {"increment", model_increment},
                                     {"delete", model_delete},
                                     {NULL, NULL}};
  bind_methods(L, "model_methods", methods);
  bind_takes(L, takes);
}
