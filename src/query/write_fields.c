#include <string.h>

#include "query/keeps.h"
#include "query/statement.h"
#include "query/triggers.h"
#include "query/value.h"
#include "query/write_inner.h"

/* ---- fields ---- */

/* By name: if the table changes during a call, it is described again, in other structs. */
bool write_same_column(const driver_column *a, const driver_column *b) {
  return a == b || (a && b && strcmp(a->name, b->name) == 0);
}

/* A row that names the instance column must give the session's instance. */
shunt_status write_check_instance(call *c, const site *at, const targets *t, const shunt_field *fields) {
  for (size_t i = 0; t->instance && i < t->n; i++) {
    if (!write_same_column(t->columns[i], t->instance)) continue;
    shunt_value v = value_canonical(&fields[i].value, true);
    if (!value_equal(&v, &t->stamped, DRIVER_BINARY))
      return error_set(c->err, SHUNT_E_USAGE,
                       "model '%s': column '%s' is set to the session's instance ('%s') by shunt; leave it out",
                       at->model->name, t->instance->name, c->s->instance->name);
  }
  return SHUNT_OK;
}

shunt_status write_targets(call *c, const site *at, const shunt_field *fields, size_t n, targets *t) {
  *t = (targets){.n = n};
  shunt_status status = site_instance(c, at, &t->stamp, &t->stamped);
  if (status) return status;
  t->columns = arena_array(c->arena, const driver_column *, n);
  if (!t->columns) return error_memory(c->err);
  t->instance = t->stamp;
  for (size_t i = 0; i < n && !status; i++) {
    status = site_column(c, at, fields[i].name, &t->columns[i]);
    for (size_t k = 0; k < i && !status; k++)
      if (write_same_column(t->columns[k], t->columns[i]))
        status = error_set(c->err, SHUNT_E_USAGE, "model '%s': column '%s' is given twice", at->model->name,
                           t->columns[i]->name);
    if (!status && write_same_column(t->columns[i], t->instance)) t->stamp = NULL;
  }
  return status ? status : write_check_instance(c, at, t, fields);
}

bool write_same_columns(const shunt_record *a, const shunt_record *b) {
  if (a->nfields != b->nfields) return false;
  for (size_t i = 0; i < a->nfields; i++)
    if (!a->fields[i].name || !b->fields[i].name || strcmp(a->fields[i].name, b->fields[i].name) != 0) return false;
  return true;
}

shunt_status write_check_values(call *c, const site *at, const targets *t, const shunt_field *fields) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < t->n && !status; i++) status = keeps_check(c, at, t->columns[i], &fields[i].value);
  return status;
}

/* ---- statements ---- */

size_t write_many_params(const shunt_session *s, const site *at) {
  size_t most = site_max_params(s, at), best = at->engine->bulk_params;
  return best && best < most ? best : most;
}

size_t write_bytes(const shunt_field *fields, size_t n) {
  size_t bytes = 0;
  for (size_t i = 0; i < n; i++) {
    const shunt_value *v = &fields[i].value;
    bytes += v->type == SHUNT_TEXT || v->type == SHUNT_BLOB ? v->size : sizeof v->as;
  }
  return bytes;
}

/* Gives the statement back. */
shunt_status write_run(call *c, sql_text *sql, const site *at, shunt_rows *rows, int64_t *affected) {
  int64_t written = 0;
  shunt_status status = at->table->shape->uncounted ? triggers_count(c, sql, at, rows, &written)
                                                    : statement_run(c, sql, at, rows, &written);
  if (affected) *affected += written;
  call_end_sql(c, sql);
  return status;
}
