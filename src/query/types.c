#include "query/types.h"

#include <string.h>

#include "query/typed.h"
#include "query/typed_fits.h"
#include "query/value.h"

/* Where rows come from. */
typedef struct source {
  const cat_model *model;
  const driver_table *shape;
  const char *client;
} source;

const cat_typed *types_of(const cat_model *model, const char *column) {
  for (size_t i = 0; i < model->ntypes; i++)
    if (cat_same_column(model->types[i].column, column)) return &model->types[i];
  return NULL;
}

/* ---- messages ---- */

/* verb: what the column does with the value. */
static shunt_status refuse(call *c, shunt_status status, const char *verb, const source *s, const cat_typed *t,
                           const shunt_value *v) {
  char room[VALUE_SHOWN_BYTES];
  error_set(c->err, status, "model '%s': column '%s' %s %s, which is not of its declared type, %s", s->model->name,
            t->column, verb, value_show(v, room), cat_type_name(t->type));
  error_client(c->err, s->client);
  return status;
}

static bool lacks_memory(const shunt_value *v) { return v->type == SHUNT_TEXT && v->size && !v->as.bytes; }

/* ---- rows ---- */

shunt_status types_mark(call *c, const site *at, shunt_rows *rows) {
  if (at->model->ntypes == 0 || rows->source) return SHUNT_OK;
  source *s = arena_new(c->arena, source);
  if (!s) return error_memory(c->err);
  *s = (source){at->model, at->table->shape, at->client->name};
  rows->source = s;
  return SHUNT_OK;
}

static shunt_status give_cell(call *c, const source *s, const cat_typed *t, const driver_column *column,
                              shunt_rows *rows, shunt_value *cell) {
  shunt_value out;
  if (cell->type == SHUNT_NULL) return SHUNT_OK;
  if (!typed_convert(t->type, column, cell, c->arena, &out)) return refuse(c, SHUNT_E_DATASOURCE, "holds", s, t, cell);
  if (lacks_memory(&out)) return error_memory(c->err);
  bool same_bytes = out.as.bytes == cell->as.bytes;
  *cell = out;
  return same_bytes || rows_own(rows, cell) ? SHUNT_OK : error_memory(c->err);
}

static shunt_status give_column(call *c, const source *s, shunt_rows *rows, size_t at, const cat_typed *t) {
  shunt_status status = SHUNT_OK;
  const driver_column *column = driver_table_column(s->shape, rows->columns[at]);
  for (size_t row = 0; column && row < rows->count && !status; row++)
    status = give_cell(c, s, t, column, rows, &rows_row(rows, row)[at]);
  return status;
}

static shunt_status give_own(call *c, shunt_rows *rows) {
  const source *s = rows->source;
  shunt_status status = SHUNT_OK;
  rows->source = NULL;
  for (size_t i = 0; s && i < rows->visible && !status; i++) {
    const cat_typed *t = types_of(s->model, rows->columns[i]);
    if (t) status = give_column(c, s, rows, i, t);
  }
  return status;
}

shunt_status types_give(call *c, shunt_rows *rows) {
  if (!rows->source && !rows->nloaded) return SHUNT_OK;
  shunt_status status = give_own(c, rows);
  for (size_t i = 0; i < rows->nloaded && !status; i++)
    if (rows->loaded[i].rows) status = types_give(c, rows->loaded[i].rows);
  return status;
}

shunt_status types_give_cell(call *c, const site *at, const driver_column *column, shunt_rows *rows,
                             shunt_value *cell) {
  const cat_typed *t = types_of(at->model, column->name);
  const source s = {at->model, at->table->shape, at->client->name};
  return t ? give_cell(c, &s, t, column, rows, cell) : SHUNT_OK;
}

/* ---- values ---- */

static shunt_status convert(call *c, const site *at, const driver_column *column, const shunt_value *v,
                            shunt_value *out) {
  const cat_typed *t = types_of(at->model, column->name);
  const source s = {at->model, at->table->shape, at->client->name};
  *out = *v;
  if (!t || v->type == SHUNT_NULL) return SHUNT_OK;
  if (!typed_convert(t->type, column, v, c->arena, out)) return refuse(c, SHUNT_E_USAGE, "is given", &s, t, v);
  return lacks_memory(out) ? error_memory(c->err) : SHUNT_OK;
}

/* Of a converted value. */
static shunt_status check_fits(call *c, const site *at, const driver_column *column, const shunt_value *v) {
  const cat_typed *t = types_of(at->model, column->name);
  char room[VALUE_SHOWN_BYTES];
  if (!t || v->type == SHUNT_NULL) return SHUNT_OK;
  typed_fit fit = typed_fits(t->type, column, v);
  if (!fit.why) return SHUNT_OK;
  if (fit.status == SHUNT_E_MEMORY) return error_memory(c->err);
  error_set(c->err, fit.status, "model '%s': column '%s' (%s, declared as %s) can't hold %s: it %s", at->model->name,
            column->name, column->type, cat_type_name(t->type), value_show(v, room), fit.why);
  error_client(c->err, at->client->name);
  return fit.status;
}

shunt_status types_fields(call *c, const site *at, const shunt_field **fields, size_t n) {
  if (at->model->ntypes == 0) return SHUNT_OK;
  shunt_field *copies = arena_array(c->arena, shunt_field, n);
  if (!copies) return error_memory(c->err);
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < n && !status; i++) {
    const driver_column *column;
    copies[i] = (*fields)[i];
    status = site_column(c, at, copies[i].name, &column);
    if (!status) status = convert(c, at, column, &(*fields)[i].value, &copies[i].value);
    if (!status) status = check_fits(c, at, column, &copies[i].value);
  }
  *fields = copies;
  return status;
}

shunt_status types_values(call *c, const site *at, const driver_column *column, const shunt_value **values, size_t n) {
  if (at->model->ntypes == 0 || !types_of(at->model, column->name)) return SHUNT_OK;
  shunt_value *copies = arena_array(c->arena, shunt_value, n);
  if (!copies) return error_memory(c->err);
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < n && !status; i++) status = convert(c, at, column, &(*values)[i], &copies[i]);
  *values = copies;
  return status;
}
