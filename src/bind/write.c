/* The methods of a model that write. */
#include "bind/model.h"

static const char *const insert_keys[] = {"client", "table", "include", "timeout", "on_conflict", "update", NULL};
static const char *const insert_bulk_keys[] = {"client",      "table",  "include",   "timeout",
                                               "on_conflict", "update", "returning", NULL};
static const char *const update_keys[] = {"where", "all", "client", "table", "include", "timeout", "deleted", NULL};
static const char *const increment_keys[] = {"all", "client", "table", "timeout", "deleted", "set", NULL};
static const char *const update_bulk_keys[] = {"client", "table", "timeout", NULL};
static const char *const delete_keys[] = {"where", "all", "client", "table", "include", "timeout", "purge", NULL};

/* on_conflict = "email" or a list, and update = true, a column or a list. */
static shunt_status conflict_of(arena *a, const node *options, const shunt_conflict **out, shunt_error *err) {
  const node *n = node_get(options, "on_conflict"), *update = node_get(options, "update");
  if (!n && update) return error_set(err, SHUNT_E_USAGE, "update needs on_conflict, the columns of a unique key");
  if (!n) return SHUNT_OK;
  shunt_conflict *made = arena_new(a, shunt_conflict);
  if (!made) return error_memory(err);
  *out = made;
  shunt_status st = bind_text_list(a, n, "on_conflict", &made->columns, &made->ncolumns, err);
  if (st || !update) return st;
  if (update->kind == NODE_VALUE && update->value.type == SHUNT_BOOL && update->value.as.boolean) {
    made->update_all = true;
    return SHUNT_OK;
  }
  st = bind_text_list(a, update, "update", &made->update, &made->nupdate, err);
  if (st || made->nupdate) return st;
  return error_set(err, SHUNT_E_USAGE, "update names no column; leave it out to leave the other row as it is");
}

/* {n = 1} as fields. */
static shunt_status fields_of(arena *a, const node *n, const char *what, const shunt_field **out, size_t *count,
                              shunt_error *err) {
  if (n->kind != NODE_MAP)
    return error_set(err, SHUNT_E_USAGE, "model:increment: %s must be a table of columns, as in {visits = 1}, not %s",
                     what, node_kind_name(n));
  shunt_field *list = arena_array(a, shunt_field, n->count);
  if (!list) return error_memory(err);
  for (size_t i = 0; i < n->count; i++) {
    if (n->entries[i].value->kind != NODE_VALUE)
      return error_set(err, SHUNT_E_USAGE, "model:increment: '%s' takes a value, not %s", n->entries[i].key,
                       node_kind_name(n->entries[i].value));
    list[i] = (shunt_field){n->entries[i].key, n->entries[i].value->value};
  }
  *out = list;
  *count = n->count;
  return SHUNT_OK;
}

static shunt_write write_at(lua_State *L, bind_call *c, const bind_model *m, const node *options) {
  shunt_write w = {.client = bind_option_text(L, c, options, "client"),
                   .all = bind_option_bool(L, c, options, "all"),
                   .deleted = bind_option_bool(L, c, options, "deleted"),
                   .purge = bind_option_bool(L, c, options, "purge")};
  bind_check_status(L, c, bind_as_table(&c->arena, node_get(options, "table"), &w.table, &c->err));
  bind_check_status(L, c, bind_call_timeout(options, &w.timeout_ms, &c->err));
  w.timeout_ms = bind_within_limit(c->session, w.timeout_ms);
  bind_check_status(L, c, bind_where(&c->arena, node_get(options, "where"), &w.where, &c->err));
  bind_check_status(L, c,
                    bind_includes(&c->arena, node_get(options, "include"), NULL, &w.include, &w.ninclude, &c->err));
  bind_check_status(L, c, conflict_of(&c->arena, options, &w.on_conflict, &c->err));
  if (!w.client) w.client = m->client;
  if (!w.table) w.table = m->table;
  return w;
}

/* An empty where counts as missing: it must not write to all rows. */
static void drop_empty_where(shunt_write *w) {
  if (w->where && w->where->op == SHUNT_AND && w->where->nitems == 0) w->where = NULL;
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
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:insert", insert_keys));
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
  const node *options = bind_options(L, c, 3, "model:insert_bulk", insert_bulk_keys);
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
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:update", update_keys));
  shunt_record record = {0};
  int64_t affected = 0;
  drop_empty_where(&w);
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
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:update_bulk", update_bulk_keys));
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

static shunt_status check_increments(bind_call *c, const shunt_write *w) {
  if (!w->where && !w->all)
    return error_set(&c->err, SHUNT_E_USAGE,
                     "model:increment without where changes every row; give one, or say all = true if that is meant");
  if (w->nincrements) return SHUNT_OK;
  return error_set(&c->err, SHUNT_E_USAGE, "model:increment needs columns and numbers to add, as in {visits = 1}");
}

/* model:increment({id = 7}, {visits = 1}): the database adds. */
static int model_increment(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 4, &m);
  const node *options = bind_options(L, c, 4, "model:increment", increment_keys), *set = node_get(options, "set");
  shunt_write w = write_at(L, c, m, options);
  shunt_record record = {0};
  node *numbers = NULL;
  int64_t affected = 0;
  w.where = bind_model_where(L, c, 2, NULL, "model:increment");
  drop_empty_where(&w);
  bind_check_status(L, c, lua_node_from(L, 3, &c->arena, &numbers, &c->err));
  bind_check_status(L, c, fields_of(&c->arena, numbers, "the increments", &w.increments, &w.nincrements, &c->err));
  if (set) bind_check_status(L, c, fields_of(&c->arena, set, "set", &record.fields, &record.nfields, &c->err));
  bind_check_status(L, c, check_increments(c, &w));
  bind_busy(L, c);
  bind_done(L, c, shunt_update(c->session->session, m->name, &record, &w, &affected, &c->err));
  lua_pushinteger(L, affected);
  bind_leave(L, c);
  return 1;
}

static int model_delete(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:delete", delete_keys));
  int64_t affected = 0;
  w.where = bind_model_where(L, c, 2, w.where, "model:delete");
  drop_empty_where(&w);
  bind_busy(L, c);
  bind_done(L, c, shunt_delete(c->session->session, m->name, &w, &affected, &c->err));
  lua_pushinteger(L, affected);
  bind_leave(L, c);
  return 1;
}

void bind_write_register(lua_State *L) {
  static const bind_taking takes[] = {{"model:insert", insert_keys},
                                      {"model:insert_bulk", insert_bulk_keys},
                                      {"model:update", update_keys},
                                      {"model:update_bulk", update_bulk_keys},
                                      {"model:increment", increment_keys},
                                      {"model:delete", delete_keys},
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
