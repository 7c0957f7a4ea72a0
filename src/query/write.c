#include "query/write.h"

#include <string.h>

#include "query/bulk.h"
#include "query/keeps.h"
#include "query/select.h"
#include "query/statement.h"
#include "query/triggers.h"
#include "query/types.h"
#include "query/value.h"

/* ---- fields ---- */

/* The columns to write, and the instance column, which only shunt sets. */
typedef struct targets {
  const driver_column **columns;
  size_t n;
  const driver_column *instance; /* NULL: the model has no such column */
  const driver_column *stamp;    /* the instance column, if the row does not name it */
  shunt_value stamped;
} targets;

/* By name: if the table changes during a call, it is described again, in other structs. */
static bool same_column(const driver_column *a, const driver_column *b) {
  return a == b || (a && b && strcmp(a->name, b->name) == 0);
}

/* A row that names the instance column must give the session's instance. */
static shunt_status check_instance(call *c, const site *at, const targets *t, const shunt_field *fields) {
  for (size_t i = 0; t->instance && i < t->n; i++) {
    if (!same_column(t->columns[i], t->instance)) continue;
    shunt_value v = value_canonical(&fields[i].value, true);
    if (!value_equal(&v, &t->stamped, DRIVER_BINARY))
      return error_set(c->err, SHUNT_E_USAGE,
                       "model '%s': column '%s' is set to the session's instance ('%s') by shunt; leave it out",
                       at->model->name, t->instance->name, c->s->instance->name);
  }
  return SHUNT_OK;
}

static shunt_status find_targets(call *c, const site *at, const shunt_field *fields, size_t n, targets *t) {
  *t = (targets){.n = n};
  shunt_status status = site_instance(c, at, &t->stamp, &t->stamped);
  if (status) return status;
  t->columns = arena_array(c->arena, const driver_column *, n);
  if (!t->columns) return error_memory(c->err);
  t->instance = t->stamp;
  for (size_t i = 0; i < n && !status; i++) {
    status = site_column(c, at, fields[i].name, &t->columns[i]);
    for (size_t k = 0; k < i && !status; k++)
      if (same_column(t->columns[k], t->columns[i]))
        status = error_set(c->err, SHUNT_E_USAGE, "model '%s': column '%s' is given twice", at->model->name,
                           t->columns[i]->name);
    if (!status && same_column(t->columns[i], t->instance)) t->stamp = NULL;
  }
  return status ? status : check_instance(c, at, t, fields);
}

static shunt_status check_values(call *c, const site *at, const targets *t, const shunt_field *fields) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < t->n && !status; i++) status = keeps_check(c, at, t->columns[i], &fields[i].value);
  return status;
}

/* ---- insert ---- */

static void write_into(sql_text *sql, const site *at, const targets *t) {
  sql_puts(sql, "INSERT INTO ");
  sql_name(sql, at->engine, at->table->name);
  if (t->n == 0 && !t->stamp) return;
  sql_puts(sql, " (");
  for (size_t i = 0; i < t->n; i++) {
    if (i) sql_puts(sql, ", ");
    sql_name(sql, at->engine, t->columns[i]->name);
  }
  if (t->stamp) {
    if (t->n) sql_puts(sql, ", ");
    sql_name(sql, at->engine, t->stamp->name);
  }
  sql_puts(sql, ") VALUES ");
}

static void write_values(sql_text *sql, const targets *t, const shunt_field *fields) {
  sql_puts(sql, "(");
  for (size_t i = 0; i < t->n; i++) {
    if (i) sql_puts(sql, ", ");
    keeps_write(sql, t->columns[i], &fields[i].value);
  }
  if (t->stamp) {
    if (t->n) sql_puts(sql, ", ");
    sql_param(sql, &t->stamped);
  }
  sql_puts(sql, ")");
}

static shunt_status check_room(call *c, const site *at, size_t nparams) {
  size_t max = site_max_params(c->s, at);
  if (nparams <= max) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': the row has %zu values, and one statement takes at most %zu on %s", at->model->name,
                   nparams, max, at->engine->name);
}

/* Gives the statement back. */
static shunt_status run(call *c, sql_text *sql, const site *at, shunt_rows *rows, int64_t *affected) {
  int64_t written = 0;
  bool counted = !at->table->shape->uncounted;
  shunt_status status =
      counted ? statement_run(c, sql, at, rows, &written) : triggers_count(c, sql, at, rows, &written);
  if (affected) *affected += written;
  call_end_sql(c, sql);
  return status;
}

static void write_empty(sql_text *sql, const site *at) {
  sql_puts(sql, at->engine->empty_list ? " () VALUES ()" : " DEFAULT VALUES");
}

static void write_one(sql_text *sql, const site *at, const targets *t, const shunt_field *fields) {
  write_into(sql, at, t);
  if (t->n == 0 && !t->stamp)
    write_empty(sql, at);
  else
    write_values(sql, t, fields);
}

/* ---- the row that was inserted, where INSERT gives none back ---- */

static const shunt_value *given(const targets *t, const shunt_field *fields, const driver_column *column) {
  if (same_column(column, t->stamp)) return &t->stamped;
  for (size_t i = 0; i < t->n; i++)
    if (same_column(t->columns[i], column) && fields[i].value.type != SHUNT_NULL) return &fields[i].value;
  return NULL;
}

static shunt_status not_found_again(call *c, const site *at, const char *why, const char *column) {
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': the server of '%s' does not return inserted rows, and table %s has no primary key "
                   "to read the row by%s%s; use insert_bulk, which returns no rows",
                   at->model->name, at->client->name, at->table->name, why, column);
}

/* The primary key as conditions. generated will hold the value of the one column that the database fills. */
static shunt_status find_key(call *c, const site *at, const targets *t, const shunt_field *fields,
                             const shunt_value *generated, shunt_where *key) {
  const driver_table *shape = at->table->shape;
  shunt_where *items = arena_array(c->arena, shunt_where, shape->count);
  if (!items) return error_memory(c->err);
  *key = (shunt_where){.op = SHUNT_AND, .items = items};
  bool used = false;
  for (size_t i = 0; i < shape->count; i++) {
    const driver_column *column = &shape->columns[i];
    if (!column->key) continue;
    const shunt_value *value = given(t, fields, column);
    if (!value && (!column->generated || used))
      return not_found_again(c, at, " unless the row gives its ", column->name);
    used = used || !value;
    items[key->nitems++] =
        (shunt_where){.op = SHUNT_EQ, .column = column->name, .values = value ? value : generated, .nvalues = 1};
  }
  return key->nitems ? SHUNT_OK : not_found_again(c, at, "", "");
}

/* Gives the statement back. */
static shunt_status insert_and_read(call *c, sql_text *sql, const site *at, const targets *t, const shunt_field *fields,
                                    shunt_rows *rows) {
  shunt_value generated = shunt_integer(0);
  shunt_where key;
  shunt_status status = find_key(c, at, t, fields, &generated, &key);
  if (status) return status;
  write_one(sql, at, t, fields);
  status = statement_insert(c, sql, at, &generated.as.integer);
  call_end_sql(c, sql);
  select_spec q = {.filter = {.where = {&key}}};
  return status ? status : select_at(c, at, &q, rows);
}

shunt_status write_insert(call *c, const site *at, const shunt_field *fields, size_t n, shunt_rows *rows) {
  targets t;
  shunt_status status = types_fields(c, at, &fields, n);
  if (!status) status = find_targets(c, at, fields, n, &t);
  if (!status) status = check_room(c, at, n + 1);
  if (!status) status = check_values(c, at, &t, fields);
  if (!status && rows) status = types_mark(c, at, rows);
  if (status) return status;
  sql_text *sql = call_sql(c);
  if (!sql || (rows && !rows_set_names(rows, &at->table->columns))) return error_memory(c->err);
  if (rows && !at->engine->returning && !at->table->shape->returning)
    return insert_and_read(c, sql, at, &t, fields, rows);
  write_one(sql, at, &t, fields);
  if (rows) {
    sql_puts(sql, " RETURNING ");
    sql_names(sql, at->engine, rows->columns, rows->ncolumns);
  }
  status = run(c, sql, at, rows, NULL);
  return status || !rows || !at->table->shape->touched ? status : triggers_reread(c, at, rows);
}

/* ---- many ---- */

bool write_same_columns(const shunt_record *a, const shunt_record *b) {
  if (a->nfields != b->nfields) return false;
  for (size_t i = 0; i < a->nfields; i++)
    if (!a->fields[i].name || !b->fields[i].name || strcmp(a->fields[i].name, b->fields[i].name) != 0) return false;
  return true;
}

/* An INSERT without columns can't have several rows. */
static shunt_status insert_empty(call *c, const site *at, const targets *t, size_t n, int64_t *inserted) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < n && !status; i++) {
    sql_text *sql = call_sql(c);
    if (!sql) return error_memory(c->err);
    write_into(sql, at, t);
    write_empty(sql, at);
    status = run(c, sql, at, NULL, inserted);
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

static size_t bulk_params(const shunt_session *s, const site *at) {
  size_t most = site_max_params(s, at), best = at->engine->bulk_params;
  return best && best < most ? best : most;
}

/* How many of the n records fit into one statement: at least one. */
static size_t fit(const shunt_session *s, const site *at, const shunt_record *records, size_t n, size_t width) {
  size_t most = bulk_params(s, at) / width, count = 1, bytes = bytes_of(&records[0]);
  while (count < n && count < most) {
    bytes += bytes_of(&records[count]);
    if (at->engine->max_bytes && bytes > at->engine->max_bytes) break;
    count++;
  }
  return count;
}

static shunt_status insert_rows(call *c, const site *at, const targets *t, const shunt_record *records, size_t n,
                                int64_t *inserted) {
  shunt_status status = SHUNT_OK;
  for (size_t from = 0, count; from < n && !status; from += count) {
    count = fit(c->s, at, records + from, n - from, t->n + (t->stamp ? 1 : 0));
    sql_text *sql = call_sql(c);
    if (!sql) return error_memory(c->err);
    write_into(sql, at, t);
    for (size_t i = from; i < from + count; i++) {
      if (i > from) sql_puts(sql, ", ");
      write_values(sql, t, records[i].fields);
    }
    status = run(c, sql, at, NULL, inserted);
  }
  return status;
}

shunt_status write_insert_many(call *c, const site *at, const shunt_record *records, size_t n, int64_t *inserted) {
  targets t;
  shunt_status status = types_records(c, at, &records, n);
  if (status) return status;
  status = find_targets(c, at, records[0].fields, records[0].nfields, &t);
  size_t width = t.n + (t.stamp ? 1 : 0);
  if (!status) status = check_room(c, at, width);
  if (status) return status;
  if (width == 0) return insert_empty(c, at, &t, n, inserted);
  for (size_t i = 0; i < n && !status; i++) {
    if (i) status = check_instance(c, at, &t, records[i].fields);
    if (!status) status = check_values(c, at, &t, records[i].fields);
  }
  bulk l = {at, t.columns, t.n, t.stamp, t.stamped, records, n};
  bool done = false;
  if (!status) status = bulk_run(c, &l, &done, inserted);
  return status || done ? status : insert_rows(c, at, &t, records, n, inserted);
}

/* ---- update and delete ---- */

/* An UPDATE or, without targets, a DELETE. */
typedef struct change {
  const targets *t;
  const shunt_field *fields;
  const filter *filter;
} change;

/* The statement without its keys; once for each part of the keys. */
static shunt_status begin_change(call *c, sql_text *sql, const site *at, const change *w) {
  sql_puts(sql, w->t ? "UPDATE " : "DELETE FROM ");
  sql_name(sql, at->engine, at->table->name);
  if (w->t) sql_puts(sql, " SET ");
  for (size_t i = 0; w->t && i < w->t->n; i++) {
    if (i) sql_puts(sql, ", ");
    sql_name(sql, at->engine, w->t->columns[i]->name);
    sql_puts(sql, " = ");
    keeps_write(sql, w->t->columns[i], &w->fields[i].value);
  }
  return filter_conditions(c, sql, at, w->filter);
}

/* Runs one statement with as many keys as fit, beginning with number *from. */
static shunt_status run_part(call *c, const site *at, const change *w, size_t *from, int64_t *affected) {
  const key_list *keys = &w->filter->keys;
  size_t room, count = 0;
  sql_text *sql = call_sql(c);
  shunt_status status = sql ? begin_change(c, sql, at, w) : error_memory(c->err);
  if (!status) status = filter_room(c, sql, at, w->filter, 0, &room);
  if (status) return status;
  if (filter_has_keys(w->filter)) {
    count = key_sql_part(at->engine, keys, *from, room);
    key_sql_among(c, sql, at, keys, *from, count);
  }
  *from += count;
  return run(c, sql, at, NULL, affected);
}

static shunt_status run_change(call *c, const site *at, const change *w, int64_t *affected) {
  size_t from = 0;
  shunt_status status = SHUNT_OK;
  if (filter_has_keys(w->filter) && w->filter->keys.count == 0) return SHUNT_OK;
  do {
    status = run_part(c, at, w, &from, affected);
  } while (!status && filter_has_keys(w->filter) && from < w->filter->keys.count);
  return status;
}

static shunt_status update_at(call *c, const site *at, const shunt_field *fields, size_t n, const filter *f,
                              int64_t *affected) {
  targets t;
  shunt_status status = types_fields(c, at, &fields, n);
  if (!status) status = find_targets(c, at, fields, n, &t);
  if (!status) status = check_values(c, at, &t, fields);
  change w = {&t, fields, f};
  return status ? status : run_change(c, at, &w, affected);
}

shunt_status write_update(call *c, const access *a, const shunt_field *fields, size_t n, const filter *f,
                          int64_t *affected) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < a->nsites && !status; i++) status = update_at(c, &a->sites[i], fields, n, f, affected);
  return status;
}

shunt_status write_delete(call *c, const access *a, const filter *f, int64_t *affected) {
  change w = {.filter = f};
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < a->nsites && !status; i++) status = run_change(c, &a->sites[i], &w, affected);
  return status;
}
