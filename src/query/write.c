#include "query/write.h"

#include <inttypes.h>
#include <string.h>

#include "query/load.h"
#include "query/select.h"
#include "query/statement.h"
#include "query/value.h"

/* ---- fields ---- */

/* The columns to write, and the instance's own, which nobody else sets. */
typedef struct targets {
  const driver_column **columns;
  size_t n;
  const driver_column *instance; /* NULL: the model has none */
  const driver_column *stamp;    /* to be added; NULL: there is none, or it is among the columns */
  shunt_value stamped;
} targets;

/* By name: a table that changed under the session is described anew in the middle of a call, in other structs. */
static bool same_column(const driver_column *a, const driver_column *b) {
  return a == b || (a && b && strcmp(a->name, b->name) == 0);
}

/* Who names the instance must name the session's. */
static shunt_status check_instance(shunt_session *s, const access *a, const targets *t, const shunt_field *fields,
                                   shunt_error *err) {
  for (size_t i = 0; t->instance && i < t->n; i++) {
    if (!same_column(t->columns[i], t->instance)) continue;
    shunt_value v = value_canonical(&fields[i].value, true);
    if (!value_equal(&v, &t->stamped, DRIVER_BINARY))
      return error_set(err, SHUNT_E_USAGE,
                       "model '%s': column '%s' is set to the session's instance ('%s') by shunt; leave it out",
                       a->model->name, t->instance->name, s->instance->name);
  }
  return SHUNT_OK;
}

static shunt_status find_targets(shunt_session *s, const access *a, const shunt_field *fields, size_t n, targets *t,
                                 shunt_error *err) {
  *t = (targets){.n = n};
  shunt_status status = access_instance(s, a, &t->stamp, &t->stamped, err);
  if (status) return status;
  t->columns = arena_array(&s->call, const driver_column *, n);
  if (!t->columns) return error_memory(err);
  t->instance = t->stamp;
  for (size_t i = 0; i < n && !status; i++) {
    status = access_column(s, a, fields[i].name, &t->columns[i], err);
    for (size_t k = 0; k < i && !status; k++)
      if (same_column(t->columns[k], t->columns[i]))
        status = error_set(err, SHUNT_E_USAGE, "model '%s': column '%s' is given twice", a->model->name,
                           t->columns[i]->name);
    if (!status && same_column(t->columns[i], t->instance)) t->stamp = NULL;
  }
  return status ? status : check_instance(s, a, t, fields, err);
}

static bool is_rounded_float(const driver_column *column, const shunt_value *v) {
  return column->kind == DRIVER_NUMBERS && !column->exact && v->type == SHUNT_INTEGER &&
         !driver_float_holds(v->as.integer, column->single);
}

static bool is_from_zero(const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_NULL:
  case SHUNT_BOOL:
    return true;
  case SHUNT_INTEGER:
    return v->as.integer >= 0;
  case SHUNT_FLOAT:
    return v->as.number >= 0 && v->as.number < 9223372036854775808.0;
  case SHUNT_TEXT: /* ends in a NUL */
    return v->size && strspn(v->as.bytes, "0123456789") == v->size;
  case SHUNT_BLOB:
    break;
  }
  return false;
}

/* What the engine would bend to fit without a word can't be held by it. */
static shunt_status check_value(const access *a, const driver_column *column, const shunt_value *v, shunt_error *err) {
  const char *model = a->model->name;
  if (column->rounds && value_digits(v) > column->digits)
    return error_set(err, SHUNT_E_CONSTRAINT,
                     "model '%s': column '%s' (%s) keeps %d digits after the point, and is given more", model,
                     column->name, column->type, column->digits);
  if (is_rounded_float(column, v))
    return error_set(err, SHUNT_E_CONSTRAINT,
                     "model '%s': column '%s' (%s) holds floating-point numbers, and %" PRId64 " is none", model,
                     column->name, column->type, v->as.integer);
  if (column->digits_type && !is_from_zero(v))
    return error_set(err, SHUNT_E_CONSTRAINT,
                     "model '%s': column '%s' (%s) takes whole numbers from 0, or their digits", model, column->name,
                     column->type);
  return SHUNT_OK;
}

static shunt_status check_values(const access *a, const targets *t, const shunt_field *fields, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < t->n && !status; i++) status = check_value(a, t->columns[i], &fields[i].value, err);
  if (status) error_client(err, a->client->name);
  return status;
}

/* ---- insert ---- */

static void write_into(shunt_session *s, const access *a, const targets *t) {
  sql_reset(&s->sql);
  sql_puts(&s->sql, "INSERT INTO ");
  sql_name(&s->sql, a->engine, a->table->name);
  if (t->n == 0 && !t->stamp) return;
  sql_puts(&s->sql, " (");
  for (size_t i = 0; i < t->n; i++) {
    if (i) sql_puts(&s->sql, ", ");
    sql_name(&s->sql, a->engine, t->columns[i]->name);
  }
  if (t->stamp) {
    if (t->n) sql_puts(&s->sql, ", ");
    sql_name(&s->sql, a->engine, t->stamp->name);
  }
  sql_puts(&s->sql, ") VALUES ");
}

static void write_value(sql_text *q, const driver_column *column, const shunt_value *v) {
  bool cast = column->digits_type && v->type == SHUNT_TEXT;
  if (cast) sql_puts(q, "CAST(CONCAT("); /* MySQL takes a parameter that is cast itself for a signed number */
  sql_param(q, v);
  if (!cast) return;
  sql_puts(q, ") AS ");
  sql_puts(q, column->digits_type);
  sql_puts(q, ")");
}

static void write_values(shunt_session *s, const targets *t, const shunt_field *fields) {
  sql_puts(&s->sql, "(");
  for (size_t i = 0; i < t->n; i++) {
    if (i) sql_puts(&s->sql, ", ");
    write_value(&s->sql, t->columns[i], &fields[i].value);
  }
  if (t->stamp) {
    if (t->n) sql_puts(&s->sql, ", ");
    sql_param(&s->sql, &t->stamped);
  }
  sql_puts(&s->sql, ")");
}

static shunt_status check_room(const shunt_session *s, const access *a, size_t nparams, shunt_error *err) {
  size_t max = filter_max_params(s, a);
  if (nparams <= max) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "model '%s': %zu values are more than the %zu that a statement of %s takes",
                   a->model->name, nparams, max, a->engine->name);
}

static shunt_status run(shunt_session *s, const access *a, shunt_rows *rows, int64_t *affected, shunt_error *err) {
  int64_t written = 0;
  shunt_status status = sql_status(&s->sql, err);
  if (!status) status = statement_run(s, a->client, a->level, rows, &written, err);
  if (affected) *affected += written;
  return status;
}

static void write_empty(shunt_session *s, const access *a) {
  sql_puts(&s->sql, a->engine->empty_list ? " () VALUES ()" : " DEFAULT VALUES");
}

static void write_one(shunt_session *s, const access *a, const targets *t, const shunt_field *fields) {
  write_into(s, a, t);
  if (t->n == 0 && !t->stamp)
    write_empty(s, a);
  else
    write_values(s, t, fields);
}

/* ---- the row that was inserted, where INSERT gives none back ---- */

static const shunt_value *given(const targets *t, const shunt_field *fields, const driver_column *column) {
  if (same_column(column, t->stamp)) return &t->stamped;
  for (size_t i = 0; i < t->n; i++)
    if (same_column(t->columns[i], column) && fields[i].value.type != SHUNT_NULL) return &fields[i].value;
  return NULL;
}

static shunt_status not_found_again(const access *a, const char *why, const char *column, shunt_error *err) {
  return error_set(
      err, SHUNT_E_USAGE,
      "model '%s': the server of '%s' gives no row back when it takes one, and table %s has no primary key "
      "to find it by%s%s; insert_bulk asks for none",
      a->model->name, a->client->name, a->table->name, why, column);
}

/* The primary key as conditions. The value of the one column that the database fills comes later, to generated. */
static shunt_status find_key(shunt_session *s, const access *a, const targets *t, const shunt_field *fields,
                             const shunt_value *generated, shunt_where *key, shunt_error *err) {
  const driver_table *shape = a->table->shape;
  shunt_where *items = arena_array(&s->call, shunt_where, shape->count);
  if (!items) return error_memory(err);
  *key = (shunt_where){.op = SHUNT_AND, .items = items};
  bool used = false;
  for (size_t i = 0; i < shape->count; i++) {
    const driver_column *column = &shape->columns[i];
    if (!column->key) continue;
    const shunt_value *value = given(t, fields, column);
    if (!value && (!column->generated || used))
      return not_found_again(a, " unless the row says its ", column->name, err);
    used = used || !value;
    items[key->nitems++] =
        (shunt_where){.op = SHUNT_EQ, .column = column->name, .values = value ? value : generated, .nvalues = 1};
  }
  return key->nitems ? SHUNT_OK : not_found_again(a, "", "", err);
}

static shunt_status insert_and_read(shunt_session *s, const access *a, const targets *t, const shunt_field *fields,
                                    shunt_rows *rows, shunt_error *err) {
  shunt_value generated = shunt_integer(0);
  shunt_where key;
  shunt_status status = find_key(s, a, t, fields, &generated, &key, err);
  if (status) return status;
  write_one(s, a, t, fields);
  status = sql_status(&s->sql, err);
  if (!status) status = statement_insert(s, a->client, a->level, &generated.as.integer, err);
  select_spec q = {.filter = {.where = {&key}}};
  return status ? status : select_run(s, a, &q, rows, err);
}

shunt_status write_insert(shunt_session *s, const access *a, const shunt_field *fields, size_t n, shunt_rows *rows,
                          shunt_error *err) {
  targets t;
  shunt_status status = find_targets(s, a, fields, n, &t, err);
  if (!status) status = check_room(s, a, n + 1, err);
  if (!status) status = check_values(a, &t, fields, err);
  if (status) return status;
  if (rows && !rows_set_names(rows, &a->table->columns)) return error_memory(err);
  if (rows && !a->engine->returning && !a->table->shape->returning) return insert_and_read(s, a, &t, fields, rows, err);
  write_one(s, a, &t, fields);
  if (rows) {
    sql_puts(&s->sql, " RETURNING ");
    sql_names(&s->sql, a->engine, rows->columns, rows->ncolumns);
  }
  return run(s, a, rows, NULL, err);
}

/* ---- many ---- */

bool write_alike(const shunt_record *a, const shunt_record *b) {
  if (a->nfields != b->nfields) return false;
  for (size_t i = 0; i < a->nfields; i++)
    if (!a->fields[i].name || !b->fields[i].name || strcmp(a->fields[i].name, b->fields[i].name) != 0) return false;
  return true;
}

/* Without columns there is no INSERT of several rows. */
static shunt_status insert_empty(shunt_session *s, const access *a, const targets *t, size_t n, int64_t *inserted,
                                 shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < n && !status; i++) {
    write_into(s, a, t);
    write_empty(s, a);
    status = run(s, a, NULL, inserted, err);
  }
  return status;
}

static size_t bytes_of(const shunt_record *r) {
  size_t bytes = 0;
  for (size_t i = 0; i < r->nfields; i++) {
    const shunt_value *v = &r->fields[i].value;
    bytes += v->type == SHUNT_TEXT || v->type == SHUNT_BLOB ? v->size : sizeof v->as;
  }
  return bytes;
}

static size_t bulk_params(const shunt_session *s, const access *a) {
  size_t most = filter_max_params(s, a), bulk = a->engine->bulk_params;
  return bulk && bulk < most ? bulk : most;
}

/* How many of the first n records go into one statement: at least one. */
static size_t fit(const shunt_session *s, const access *a, const shunt_record *records, size_t n, size_t width) {
  size_t most = bulk_params(s, a) / width, count = 1, bytes = bytes_of(&records[0]);
  while (count < n && count < most) {
    bytes += bytes_of(&records[count]);
    if (a->engine->max_bytes && bytes > a->engine->max_bytes) break;
    count++;
  }
  return count;
}

static shunt_status insert_rows(shunt_session *s, const access *a, const targets *t, const shunt_record *records,
                                size_t n, int64_t *inserted, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (size_t from = 0, count; from < n && !status; from += count) {
    count = fit(s, a, records + from, n - from, t->n + (t->stamp ? 1 : 0));
    write_into(s, a, t);
    for (size_t i = from; i < from + count; i++) {
      if (i > from) sql_puts(&s->sql, ", ");
      write_values(s, t, records[i].fields);
    }
    status = run(s, a, NULL, inserted, err);
  }
  return status;
}

shunt_status write_insert_many(shunt_session *s, const access *a, const shunt_record *records, size_t n,
                               int64_t *inserted, shunt_error *err) {
  targets t;
  shunt_status status = find_targets(s, a, records[0].fields, records[0].nfields, &t, err);
  size_t width = t.n + (t.stamp ? 1 : 0);
  if (!status) status = check_room(s, a, width, err);
  if (status) return status;
  if (width == 0) return insert_empty(s, a, &t, n, inserted, err);
  for (size_t i = 0; i < n && !status; i++) {
    if (i) status = check_instance(s, a, &t, records[i].fields, err);
    if (!status) status = check_values(a, &t, records[i].fields, err);
  }
  load l = {a, t.columns, t.n, t.stamp, t.stamped, records, n};
  bool done = false;
  if (!status) status = load_run(s, &l, &done, inserted, err);
  return status || done ? status : insert_rows(s, a, &t, records, n, inserted, err);
}

/* ---- update and delete ---- */

/* The statement without its keys; called again for each part of them. */
static shunt_status begin_update(shunt_session *s, const access *a, const targets *t, const shunt_field *fields,
                                 const filter *f, shunt_error *err) {
  sql_reset(&s->sql);
  sql_puts(&s->sql, "UPDATE ");
  sql_name(&s->sql, a->engine, a->table->name);
  sql_puts(&s->sql, " SET ");
  for (size_t i = 0; i < t->n; i++) {
    if (i) sql_puts(&s->sql, ", ");
    sql_name(&s->sql, a->engine, t->columns[i]->name);
    sql_puts(&s->sql, " = ");
    write_value(&s->sql, t->columns[i], &fields[i].value);
  }
  return filter_conditions(s, a, f, err);
}

static shunt_status begin_delete(shunt_session *s, const access *a, const filter *f, shunt_error *err) {
  sql_reset(&s->sql);
  sql_puts(&s->sql, "DELETE FROM ");
  sql_name(&s->sql, a->engine, a->table->name);
  return filter_conditions(s, a, f, err);
}

/* With the keys from *from on that it takes. */
static shunt_status run_part(shunt_session *s, const access *a, const filter *f, size_t *from, int64_t *affected,
                             shunt_error *err) {
  size_t room, left = f->nkeys - *from;
  shunt_status status = filter_room(s, a, f, 0, &room, err);
  if (status) return status;
  size_t count = left < room ? left : room;
  filter_keys(s, a, f, *from, count);
  *from += count;
  return run(s, a, NULL, affected, err);
}

shunt_status write_update(shunt_session *s, const access *a, const shunt_field *fields, size_t n, const filter *f,
                          int64_t *affected, shunt_error *err) {
  targets t;
  size_t from = 0;
  shunt_status status = find_targets(s, a, fields, n, &t, err);
  if (!status) status = check_values(a, &t, fields, err);
  if (f->key && f->nkeys == 0) return status;
  do {
    if (!status) status = begin_update(s, a, &t, fields, f, err);
    if (!status) status = run_part(s, a, f, &from, affected, err);
  } while (!status && f->key && from < f->nkeys);
  return status;
}

shunt_status write_delete(shunt_session *s, const access *a, const filter *f, int64_t *affected, shunt_error *err) {
  size_t from = 0;
  shunt_status status = SHUNT_OK;
  if (f->key && f->nkeys == 0) return SHUNT_OK;
  do {
    status = begin_delete(s, a, f, err);
    if (!status) status = run_part(s, a, f, &from, affected, err);
  } while (!status && f->key && from < f->nkeys);
  return status;
}
