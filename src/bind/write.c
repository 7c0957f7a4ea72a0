/* The methods of a model that write. */
#include "bind/model.h"

static const char *const insert_keys[] = {"client", "table", "include", "timeout", "on_conflict", NULL};
static const char *const insert_bulk_keys[] = {"client",      "table",     "include", "timeout",
                                               "on_conflict", "returning", NULL};
static const char *const update_keys[] = {"where",   "all",       "client",  "table", "include",
                                          "timeout", "increment", "deleted", NULL};
static const char *const update_bulk_keys[] = {"client", "table", "timeout", NULL};
static const char *const delete_keys[] = {"where", "all", "client", "table", "include", "timeout", "purge", NULL};
static const char *const conflict_keys[] = {"columns", "update", "nothing", NULL};

static shunt_status conflict_of(arena *a, const node *n, const shunt_conflict **out, shunt_error *err) {
  if (!n) return SHUNT_OK;
  shunt_conflict *made = arena_new(a, shunt_conflict);
  if (!made) return error_memory(err);
  if (n->kind != NODE_MAP)
    return error_set(err, SHUNT_E_USAGE,
                     "on_conflict must be a table such as {columns = \"email\"}, with update = {…} or nothing = true, "
                     "not %s",
                     node_kind_name(n));
  shunt_status st = SHUNT_OK;
  for (size_t i = 0; i < n->count && !st; i++)
    st = bind_unknown_key(n->entries[i].key, "on_conflict", conflict_keys, err);
  const node *update = node_get(n, "update");
  if (!st) st = bind_text_list(a, node_get(n, "columns"), "on_conflict.columns", &made->columns, &made->ncolumns, err);
  if (!st) st = bind_text_list(a, update, "on_conflict.update", &made->update, &made->nupdate, err);
  if (!st) st = bind_as_bool(node_get(n, "nothing"), "on_conflict.nothing", &made->nothing, err);
  if (!st && update && made->nupdate == 0)
    st = error_set(err, SHUNT_E_USAGE,
                   "on_conflict.update names no column; leave it out to update all, or say nothing = true");
  *out = made;
  return st;
}

/* increment = {n = 1} as fields. */
static shunt_status increments_of(arena *a, const node *n, shunt_write *w, shunt_error *err) {
  if (!n) return SHUNT_OK;
  if (n->kind != NODE_MAP)
    return error_set(err, SHUNT_E_USAGE, "increment must be a table of columns and numbers, as in {visits = 1}, not %s",
                     node_kind_name(n));
  shunt_field *list = arena_array(a, shunt_field, n->count);
  if (!list) return error_memory(err);
  for (size_t i = 0; i < n->count; i++) {
    if (n->entries[i].value->kind != NODE_VALUE)
      return error_set(err, SHUNT_E_USAGE, "increment: '%s' takes a number, not %s", n->entries[i].key,
                       node_kind_name(n->entries[i].value));
    list[i] = (shunt_field){n->entries[i].key, n->entries[i].value->value};
  }
  w->increments = list;
  w->nincrements = n->count;
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
  bind_check_status(L, c, conflict_of(&c->arena, node_get(options, "on_conflict"), &w.on_conflict, &c->err));
  bind_check_status(L, c, increments_of(&c->arena, node_get(options, "increment"), &w, &c->err));
  if (!w.client) w.client = m->client;
  if (!w.table) w.table = m->table;
  return w;
}

/* An empty where counts as missing: it must not write to all rows. */
static void drop_empty_where(shunt_write *w) {
  if (w->where && w->where->op == SHUNT_AND && w->where->nitems == 0) w->where = NULL;
}

static int model_insert(lua_State *L) {
  bind_model *m;
  bind_call *c = bind_model_enter(L, 3, &m);
  shunt_write w = write_at(L, c, m, bind_options(L, c, 3, "model:insert", insert_keys));
  shunt_record record = {0};
  bind_check_status(L, c, bind_record(L, 2, &c->arena, &w, &record, &c->err));
  bind_busy(L, c);
  bind_done(L, c, shunt_insert(c->session->session, m->name, &record, &w, &c->rows, &c->err));
  bind_push_rows(L, c->rows);
  lua_rawgeti(L, -1, 1);
  bind_leave(L, c);
  return 1;
}

static int insert_rows(lua_State *L, bind_call *c, const bind_model *m, const shunt_records *records,
                       const shunt_write *w) {
  bind_busy(L, c);
  bind_done(L, c, shunt_insert_rows(c->session->session, m->name, records, w, &c->rows, &c->err));
  bind_push_rows(L, c->rows);
  bind_push_meta(L, c->rows);
  bind_leave(L, c);
  return 2;
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
  static const bind_taking takes[] = {{"model:insert", insert_keys}, {"model:insert_bulk", insert_bulk_keys},
                                      {"model:update", update_keys}, {"model:update_bulk", update_bulk_keys},
                                      {"model:delete", delete_keys}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"insert", model_insert}, {"insert_bulk", model_insert_bulk},
                                     {"update", model_update}, {"update_bulk", model_update_bulk},
                                     {"delete", model_delete}, {NULL, NULL}};
  bind_methods(L, "model_methods", methods);
  bind_takes(L, takes);
}
