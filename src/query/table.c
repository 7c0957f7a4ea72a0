#include "query/table.h"

#include <string.h>

#include "session/scope.h"
#include "session/variables.h"

static bool fill(call *c, table_info *t, const driver_table *shape) {
  const char **names = arena_array(c->arena, const char *, shape->count);
  if (!names) return false;
  for (size_t i = 0; i < shape->count; i++) names[i] = shape->columns[i].name;
  if (!rows_names_init(&t->columns, &c->s->tables.memory, names, shape->count)) return false;
  t->shape = shape;
  t->parts = NULL;
  t->select = NULL;
  t->instance_name = NULL;
  return true;
}

/* A new one, or one whose shape has changed. The key is the client's id and the table's name. */
static shunt_status remember(call *c, const cat_client *client, const char *key, size_t size, const driver_table *shape,
                             table_info **out) {
  table_info *t = *out;
  if (t) return t->shape == shape || fill(c, t, shape) ? SHUNT_OK : error_memory(c->err);
  t = arena_new(&c->s->tables.memory, table_info);
  char *kept = arena_strndup(&c->s->tables.memory, key, size);
  if (!t || !kept || !fill(c, t, shape)) return error_memory(c->err);
  t->client = client;
  t->name = kept + sizeof client->id;
  if (!map_put_n(&c->s->tables.by_name, kept, size, t)) return error_memory(c->err);
  *out = t;
  return SHUNT_OK;
}

static shunt_status describe(call *c, const cat_client *client, int level, const char *name, const driver_table **out) {
  driver_conn *conn;
  shunt_status status = transaction_conn(c, client, level, &conn);
  if (status) return status;
  if (conn) return pool_describe(conn, name, out, c->err);
  status = call_connect(c, client, level, &conn);
  if (status) return status;
  status = pool_describe(conn, name, out, c->err);
  pool_release(conn, level);
  return status;
}

shunt_status table_find(call *c, const cat_client *client, int level, const char *name, bool again, table_info **out) {
  table_info *t = c->s->tables.latest;
  if (!again && t && t->client == client && strcmp(t->name, name) == 0) {
    *out = t;
    return SHUNT_OK;
  }
  size_t size = strlen(name) + sizeof client->id;
  char on_stack[128], *key = size <= sizeof on_stack ? on_stack : arena_alloc(c->arena, size);
  if (!key) return error_memory(c->err);
  memcpy(key, &client->id, sizeof client->id);
  memcpy(key + sizeof client->id, name, size - sizeof client->id);
  t = map_get_n(&c->s->tables.by_name, key, size);
  shunt_status status = SHUNT_OK;
  if (!t || again) {
    driver_variables *variables;
    const driver_table *shape = NULL;
    status = session_variables(c->s, client, &variables, c->err);
    if (!status && !again && !c->s->tables.stale) shape = pool_table(c->s->generation.pools, client, variables, name);
    if (!status && !shape) status = describe(c, client, level, name, &shape);
    if (!status) status = remember(c, client, key, size, shape, &t);
  }
  if (status) {
    error_client(c->err, client->name);
    return status;
  }
  *out = c->s->tables.latest = t;
  return SHUNT_OK;
}

void table_forget_all(shunt_session *s) {
  s->tables.stale = s->tables.forgotten = true;
  s->tables.latest = NULL;
  map_reset(&s->tables.by_name);
}
