#include "query/site.h"

#include <string.h>

#include "base/suggest.h"
#include "query/sql.h"
#include "query/table.h"

static bool same_table(const table_info *a, const table_info *b) {
  return a == b || (a->parts && b->parts && strcmp(a->parts, b->parts) == 0);
}

bool site_same(const site *a, const site *b) {
  return a->client == b->client && a->level == b->level && same_table(a->table, b->table);
}

/* Adds the model to the driver's message. */
shunt_status site_without_table(call *c, const site *at) {
  char why[sizeof c->err->message];
  if (!c->err) return SHUNT_E_NOT_FOUND;
  memcpy(why, c->err->message, sizeof why);
  error_set(c->err, SHUNT_E_NOT_FOUND, "model '%s': %s", at->model->name, why);
  error_client(c->err, at->client->name);
  return SHUNT_E_NOT_FOUND;
}

static shunt_status no_column(call *c, const site *at, const char *name) {
  suggest near = suggest_for(name);
  for (size_t i = 0; i < at->table->shape->count; i++) suggest_try(&near, at->table->columns.list[i]);
  error_set(c->err, SHUNT_E_NOT_FOUND, "model '%s' has no column '%.128s' (table %s on %s)%s", at->model->name, name,
            at->table->name, at->client->name, suggest_text(&near));
  error_client(c->err, at->client->name);
  return SHUNT_E_NOT_FOUND;
}

shunt_status site_column(call *c, const site *at, const char *name, const driver_column **out) {
  if (!name || !name[0]) return error_set(c->err, SHUNT_E_USAGE, "model '%s': a column has no name", at->model->name);
  *out = driver_table_column(at->table->shape, name);
  if (*out) return SHUNT_OK;
  table_info *t = at->table;
  shunt_status status = table_find(c, at->client, at->level, t->name, true, &t);
  if (status == SHUNT_E_NOT_FOUND) return site_without_table(c, at);
  if (status) return status;
  *out = driver_table_column(t->shape, name);
  return *out ? SHUNT_OK : no_column(c, at, name);
}

void site_table(sql_text *sql, const site *at) {
  const driver_table *shape = at->table->shape;
  if (shape->schema) {
    sql_name(sql, at->engine, shape->schema);
    sql_puts(sql, ".");
  }
  sql_name(sql, at->engine, shape->schema ? shape->name : at->table->name);
}

void site_from(sql_text *sql, const site *at) {
  sql_puts(sql, " FROM ");
  if (at->table->parts)
    sql_puts(sql, at->table->parts);
  else
    site_table(sql, at);
}

shunt_status site_key_columns(call *c, const site *at, const key_names *names, key_columns *out) {
  shunt_status status = SHUNT_OK;
  out->n = names->n;
  for (size_t i = 0; i < names->n && !status; i++) status = site_column(c, at, names->list[i], &out->list[i]);
  return status;
}

size_t site_order_key(const site *at, const driver_column *key[KEY_MOST]) {
  size_t n = 0;
  for (size_t i = 0; i < KEY_MOST && at->model->primary_key[i]; i++) {
    key[n] = driver_table_column(at->table->shape, at->model->primary_key[i]);
    n += key[n] != NULL;
  }
  return n;
}

bool site_unique(const site *at, const key_columns *key) {
  return !at->table->parts && driver_table_unique(at->table->shape, key->list, key->n);
}

/* Every statement needs it, so it is looked up once. The name belongs to the catalog: its address is enough. */
static shunt_status instance_column(call *c, const site *at, const driver_column **out) {
  const char *name = at->model->instance_column;
  table_info *t = at->table;
  if (t->instance_name != name) {
    shunt_status status = site_column(c, at, name, &t->instance);
    if (status) return status;
    t->instance_name = name;
  }
  *out = t->instance;
  return SHUNT_OK;
}

shunt_status site_instance(call *c, const site *at, const driver_column **column, shunt_value *value) {
  *column = NULL;
  if (!at->model->instance_column) return SHUNT_OK;
  if (!c->s->instance->has_number)
    return error_set(c->err, SHUNT_E_USAGE,
                     "model '%s' keeps instances apart by column '%s', and instance '%s' has no id to compare it with; "
                     "give the instance an id",
                     at->model->name, at->model->instance_column, c->s->instance->name);
  *value = shunt_integer(c->s->instance->number);
  return instance_column(c, at, column);
}

shunt_status site_check_key(call *c, const site *at) {
  const driver_column *key[KEY_MOST];
  const driver_table *t = at->table->shape;
  key_names names = key_names_of(at->model->primary_key), unique = {.n = 0};
  if (site_order_key(at, key) < names.n || !driver_table_ambiguous(t, key, names.n)) return SHUNT_OK;
  for (size_t i = 0; i < t->count; i++)
    if (t->columns[i].key && unique.n < KEY_MOST) unique.list[unique.n++] = t->columns[i].name;
  error_set(
      c->err, SHUNT_E_USAGE,
      "model '%s': its primary key '%s' is not unique in table %s%s%s; give primary_key the columns of a unique key",
      at->model->name, key_names_text(c->arena, &names), at->table->name, unique.n ? ", whose key is " : "",
      unique.n ? key_names_text(c->arena, &unique) : "");
  error_client(c->err, at->client->name);
  return SHUNT_E_USAGE;
}
