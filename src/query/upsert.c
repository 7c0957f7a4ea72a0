#include "query/upsert.h"

#include <string.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "query/value.h"

/* ---- its columns ---- */

static bool is_among(const driver_column *column, const driver_column *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (write_same_column(column, list[i])) return true;
  return false;
}

/* The place of a column among the targets, their number for the stamp, more if the row does not give it. */
static size_t place_of(const targets *t, const driver_column *column) {
  for (size_t i = 0; i < t->n; i++)
    if (write_same_column(t->columns[i], column)) return i;
  return write_same_column(t->stamp, column) ? t->n : t->n + 1;
}

static shunt_status find_key(call *c, const site *at, const shunt_conflict *conflict, const targets *t, upsert *u) {
  size_t most = conflict->ncolumns + 1;
  size_t *fields = arena_array(c->arena, size_t, most);
  u->key = arena_array(c->arena, const driver_column *, most);
  if (!u->key || !fields) return error_memory(c->err);
  if (conflict->ncolumns == 0)
    return error_set(c->err, SHUNT_E_USAGE, "model '%s': on_conflict needs the columns of a unique key",
                     at->model->name);
  for (size_t i = 0; i < conflict->ncolumns; i++) {
    const driver_column *column;
    shunt_status status = site_column(c, at, conflict->columns[i], &column);
    if (status) return status;
    if (!is_among(column, u->key, u->nkey)) u->key[u->nkey++] = column;
  }
  if (t->instance && !is_among(t->instance, u->key, u->nkey)) u->key[u->nkey++] = t->instance;
  u->complete = true;
  for (size_t i = 0; i < u->nkey; i++) {
    fields[i] = place_of(t, u->key[i]);
    if (fields[i] > t->n) u->complete = false;
  }
  u->key_fields = fields;
  return SHUNT_OK;
}

static shunt_status find_named(call *c, const site *at, const shunt_conflict *conflict, const targets *t, upsert *u) {
  for (size_t i = 0; i < conflict->nupdate; i++) {
    const driver_column *column;
    shunt_status status = site_column(c, at, conflict->update[i], &column);
    if (status) return status;
    if (write_same_column(column, t->instance))
      return error_set(c->err, SHUNT_E_USAGE, "model '%s': on_conflict can't update '%s', the row's instance",
                       at->model->name, column->name);
    if (place_of(t, column) > t->n)
      return error_set(c->err, SHUNT_E_USAGE, "model '%s': on_conflict updates '%s', and the row gives no value for it",
                       at->model->name, column->name);
    if (!is_among(column, u->update, u->nupdate)) u->update[u->nupdate++] = column;
  }
  return SHUNT_OK;
}

static bool is_named(const char *name, const driver_column *column) {
  return name && cat_same_column(name, column->name);
}

/* The columns that shunt sets, beside those that the caller names. */
static bool is_shunts(const site *at, const driver_column *column) {
  return is_named(at->model->updated, column) || is_named(at->model->soft_delete, column);
}

static bool is_updated(const site *at, const shunt_conflict *conflict, const upsert *u, const driver_column *column) {
  if (is_among(column, u->key, u->nkey) || is_named(at->model->created, column)) return false;
  return conflict->update_all || is_shunts(at, column);
}

static shunt_status find_update(call *c, const site *at, const shunt_conflict *conflict, const targets *t, upsert *u) {
  u->update = arena_array(c->arena, const driver_column *, t->n + conflict->nupdate);
  if (!u->update) return error_memory(c->err);
  if (conflict->update_all && conflict->nupdate)
    return error_set(c->err, SHUNT_E_USAGE,
                     "model '%s': on_conflict says both update_all and columns to update; leave one of them out",
                     at->model->name);
  if (!conflict->update_all && conflict->nupdate == 0) return SHUNT_OK;
  shunt_status status = find_named(c, at, conflict, t, u);
  for (size_t i = 0; i < t->n && !status; i++)
    if (is_updated(at, conflict, u, t->columns[i]) && !is_among(t->columns[i], u->update, u->nupdate))
      u->update[u->nupdate++] = t->columns[i];
  if (status || u->nupdate) return status;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': on_conflict has nothing to update, because the row gives only the key; leave out "
                   "'update' to leave the other row as it is",
                   at->model->name);
}

/* ---- engines whose upsert acts on every unique key ---- */

static bool has_all(const driver_unique *unique, const upsert *u) {
  for (size_t i = 0; i < u->nkey; i++)
    if (!is_among(u->key[i], unique->columns, unique->n)) return false;
  return !unique->partial;
}

/* A number that the database generates is a new one. */
static bool is_new(const driver_unique *unique, const targets *t) {
  for (size_t i = 0; i < unique->n; i++)
    if (unique->columns[i]->generated && place_of(t, unique->columns[i]) > t->n) return true;
  return false;
}

static const char *key_text(call *c, const upsert *u) {
  const char *text = u->key[0]->name;
  for (size_t i = 1; i < u->nkey && text; i++) text = arena_printf(c->arena, "%s, %s", text, u->key[i]->name);
  return text ? text : "";
}

static shunt_status check_keys(call *c, const site *at, const targets *t, const upsert *u) {
  const driver_table *shape = at->table->shape;
  bool found = false;
  for (size_t i = 0; i < shape->nuniques; i++) {
    const driver_unique *unique = &shape->uniques[i];
    if (has_all(unique, u)) { /* a row that meets this key meets the one of on_conflict, too */
      found = found || unique->n == u->nkey;
    } else if (!is_new(unique, t)) {
      return error_set(c->err, SHUNT_E_USAGE,
                       "model '%s': on_conflict names (%s), but %s acts on every unique key, and the row might meet "
                       "another row by '%s' of table %s; use update and insert in a transaction",
                       at->model->name, key_text(c, u), at->engine->name, unique->name, at->table->name);
    }
  }
  if (found) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE, "model '%s': table %s on %s has no unique key of the columns (%s)",
                   at->model->name, at->table->name, at->client->name, key_text(c, u));
}

shunt_status upsert_find(call *c, const site *at, const shunt_conflict *conflict, const targets *t, upsert *u) {
  *u = (upsert){.nkey = 0};
  shunt_status status = find_key(c, at, conflict, t, u);
  if (!status) status = find_update(c, at, conflict, t, u);
  if (!status && at->engine->is_duplicate) status = check_keys(c, at, t, u);
  if (status) error_client(c->err, at->client->name);
  return status;
}

/* ---- its SQL ---- */

static void write_names(sql_text *sql, const site *at, const upsert *u) {
  sql_puts(sql, " ON CONFLICT (");
  for (size_t i = 0; i < u->nkey; i++) {
    if (i) sql_puts(sql, ", ");
    sql_name(sql, at->engine, u->key[i]->name);
  }
  sql_puts(sql, u->nupdate ? ") DO UPDATE SET " : ") DO NOTHING");
}

void upsert_write(sql_text *sql, const site *at, const upsert *u) {
  bool duplicate = at->engine->is_duplicate != NULL;
  if (upsert_is_tried(at, u)) return;
  if (duplicate)
    sql_puts(sql, " ON DUPLICATE KEY UPDATE ");
  else
    write_names(sql, at, u);
  for (size_t i = 0; i < u->nupdate; i++) {
    if (i) sql_puts(sql, ", ");
    sql_name(sql, at->engine, u->update[i]->name);
    sql_puts(sql, duplicate ? " = VALUES(" : " = excluded.");
    sql_name(sql, at->engine, u->update[i]->name);
    if (duplicate) sql_puts(sql, ")");
  }
}

bool upsert_is_tried(const site *at, const upsert *u) { return at->engine->is_duplicate && u->nupdate == 0; }

static const shunt_value *key_value(const upsert *u, const targets *t, const shunt_field *fields, size_t i) {
  return u->key_fields[i] == t->n ? &t->stamped : &fields[u->key_fields[i]].value;
}

bool upsert_finds(const upsert *u, const targets *t, const shunt_field *fields, shunt_where *items, size_t *n) {
  *n = 0;
  for (size_t i = 0; u->complete && i < u->nkey; i++) {
    const shunt_value *v = key_value(u, t, fields, i);
    if (v->type == SHUNT_NULL) return false;
    items[(*n)++] = (shunt_where){.op = SHUNT_EQ, .column = u->key[i]->name, .values = v, .nvalues = 1};
  }
  return u->complete;
}

/* ---- rows that may be the same ---- */

upsert_seen upsert_seen_of(const site *at, const upsert *u) {
  return (upsert_seen){.u = u && at->engine->meets_once && u->nupdate && u->complete ? u : NULL};
}

/* Without case and blanks at the end: texts that differ in no more may be equal keys. */
static void add_text(buf *b, const shunt_value *v) {
  size_t size = v->size;
  while (size && v->as.bytes[size - 1] == ' ') size--;
  for (size_t i = 0; i < size; i++) buf_putc(b, ascii_lower(v->as.bytes[i]));
}

static void add_value(buf *b, const shunt_value *value) {
  char number[VALUE_TEXT_BYTES];
  shunt_value v = value_canonical(value, true);
  if (v.type == SHUNT_INTEGER || v.type == SHUNT_FLOAT)
    buf_add(b, number, value_as_text(&v, number));
  else if (v.type == SHUNT_TEXT || v.type == SHUNT_BLOB)
    add_text(b, &v);
  buf_putc(b, 0);
}

shunt_status upsert_see(call *c, upsert_seen *seen, const targets *t, const shunt_field *fields, bool *again) {
  *again = false;
  if (!seen->u) return SHUNT_OK;
  buf b = {0};
  for (size_t i = 0; i < seen->u->nkey; i++) add_value(&b, key_value(seen->u, t, fields, i));
  *again = !b.failed && map_get_n(&seen->keys, b.data, b.size);
  char *key = b.failed || *again ? NULL : arena_strndup(c->arena, b.data, b.size);
  bool fine = *again || (key && map_put_n(&seen->keys, key, b.size, seen));
  buf_free(&b);
  return fine ? SHUNT_OK : error_memory(c->err);
}

void upsert_next(upsert_seen *seen) { map_reset(&seen->keys); }

void upsert_seen_free(upsert_seen *seen) { map_free(&seen->keys); }
