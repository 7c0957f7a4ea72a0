#include "query/access.h"

#include <string.h>

#include "base/suggest.h"
#include "query/transaction.h"

int level_of(const cat_client *client, int level) { return cat_engine_of(client->engine)->levels ? level : 0; }

/* ---- tables ---- */

static bool fill(shunt_session *s, table_info *t, const driver_table *shape) {
  const char **names = arena_array(&s->call, const char *, shape->count);
  if (!names) return false;
  for (size_t i = 0; i < shape->count; i++) names[i] = shape->columns[i].name;
  if (!rows_names_init(&t->columns, &s->known, names, shape->count)) return false;
  t->shape = shape;
  t->select = NULL;
  return true;
}

/* A new one, or one that looks otherwise than it did. */
static shunt_status remember(shunt_session *s, const cat_client *client, const char *key, size_t size, const char *name,
                             const driver_table *shape, table_info **out, shunt_error *err) {
  table_info *t = *out;
  if (t) return t->shape == shape || fill(s, t, shape) ? SHUNT_OK : error_memory(err);
  t = arena_new(&s->known, table_info);
  char *kept = arena_strndup(&s->known, key, size);
  if (!t || !kept || !fill(s, t, shape)) return error_memory(err);
  t->client = client;
  t->name = arena_strdup(&s->known, name);
  if (!t->name || !map_put_n(&s->tables, kept, size, t)) return error_memory(err);
  *out = t;
  return SHUNT_OK;
}

static shunt_status describe(shunt_session *s, const cat_client *client, int level, const char *name,
                             const driver_table **out, shunt_error *err) {
  driver_conn *conn = transaction_conn(s, client, level);
  if (conn) return pool_describe(conn, name, out, err);
  shunt_status status = session_acquire(s, client, level, &conn, err);
  if (status) return status;
  status = pool_describe(conn, name, out, err);
  pool_release(conn, level);
  return status;
}

shunt_status table_find(shunt_session *s, const cat_client *client, int level, const char *name, bool again,
                        table_info **out, shunt_error *err) {
  table_info *t = s->latest;
  if (!again && t && t->client == client && strcmp(t->name, name) == 0) {
    *out = t;
    return SHUNT_OK;
  }
  size_t size = strlen(name) + sizeof client->id;
  char on_stack[128], *key = size <= sizeof on_stack ? on_stack : arena_alloc(&s->call, size);
  if (!key) return error_memory(err);
  memcpy(key, &client->id, sizeof client->id);
  memcpy(key + sizeof client->id, name, size - sizeof client->id);
  t = map_get_n(&s->tables, key, size);
  shunt_status status = SHUNT_OK;
  if (!t || again) {
    const driver_table *shape = again || s->schema_stale ? NULL : pool_table(s->home.pools, client, name);
    if (!shape) status = describe(s, client, level, name, &shape, err);
    if (!status) status = remember(s, client, key, size, name, shape, &t, err);
  }
  if (status) {
    error_client(err, client->name);
    return status;
  }
  *out = s->latest = t;
  return SHUNT_OK;
}

/* ---- decisions ---- */

/* The driver's words, with the model whose table it should be. */
static shunt_status no_table(const access *a, shunt_error *err) {
  char why[sizeof err->message];
  if (!err) return SHUNT_E_NOT_FOUND;
  memcpy(why, err->message, sizeof why);
  error_set(err, SHUNT_E_NOT_FOUND, "model '%s': %s", a->model->name, why);
  error_client(err, a->client->name);
  return SHUNT_E_NOT_FOUND;
}

shunt_status access_find(shunt_session *s, const route_request *request, access *out, shunt_error *err) {
  shunt_status status = route_decide(s->home.route, request, &s->decision, err);
  if (status) return status;
  const route_decision *d = &s->decision;
  *out = (access){request->model, d->client, driver_for(d->client->engine), level_of(d->client, d->as.level), NULL};
  status = table_find(s, out->client, out->level, d->as.table, false, &out->table, err);
  return status == SHUNT_E_NOT_FOUND ? no_table(out, err) : status;
}

bool access_same(const access *a, const access *b) {
  return a->client == b->client && a->level == b->level && a->table == b->table;
}

/* ---- columns ---- */

static shunt_status no_column(const access *a, const char *name, shunt_error *err) {
  suggest near = suggest_for(name);
  for (size_t i = 0; i < a->table->shape->count; i++) suggest_try(&near, a->table->columns.list[i]);
  error_set(err, SHUNT_E_NOT_FOUND, "model '%s' has no column '%.128s' (table %s on %s)%s", a->model->name, name,
            a->table->name, a->client->name, suggest_text(&near));
  error_client(err, a->client->name);
  return SHUNT_E_NOT_FOUND;
}

shunt_status access_column(shunt_session *s, const access *a, const char *name, const driver_column **out,
                           shunt_error *err) {
  if (!name || !name[0]) return error_set(err, SHUNT_E_USAGE, "model '%s': a column has no name", a->model->name);
  *out = driver_table_column(a->table->shape, name);
  if (*out) return SHUNT_OK;
  table_info *t = a->table;
  shunt_status status = table_find(s, a->client, a->level, t->name, true, &t, err);
  if (status == SHUNT_E_NOT_FOUND) return no_table(a, err);
  if (status) return status;
  *out = driver_table_column(t->shape, name);
  return *out ? SHUNT_OK : no_column(a, name, err);
}

shunt_status access_order(shunt_session *s, const access *a, const char *term, const driver_column **out,
                          bool *descending, shunt_error *err) {
  *descending = term && term[0] == '-';
  return access_column(s, a, *descending ? term + 1 : term, out, err);
}

shunt_status access_key(shunt_session *s, const access *a, const driver_column **out, shunt_error *err) {
  return access_column(s, a, a->model->primary_key, out, err);
}

bool access_unique(const access *a, const driver_column *column) { return column == a->table->shape->sole_key; }

shunt_status access_instance(shunt_session *s, const access *a, const driver_column **column, shunt_value *value,
                             shunt_error *err) {
  *column = NULL;
  if (!a->model->instance_column) return SHUNT_OK;
  if (!s->instance->has_number)
    return error_set(err, SHUNT_E_USAGE,
                     "model '%s' keeps instances apart by column '%s', and instance '%s' has no id to compare it with; "
                     "give the instance an id",
                     a->model->name, a->model->instance_column, s->instance->name);
  *value = shunt_integer(s->instance->number);
  return access_column(s, a, a->model->instance_column, column, err);
}
