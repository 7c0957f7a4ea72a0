#include "query/stored.h"

#include <string.h>

#include "query/decimal.h"
#include "query/typed.h"
#include "query/types.h"
#include "query/value.h"

typedef enum spelling { SPELLED_ALIKE, SPELLED_AS_TYPE, SPELLED_AS_NUMBER, SPELLED_MANY_WAYS } spelling;

/* How values of the column are spelled; *type for SPELLED_AS_TYPE. */
static spelling spelling_of(const driver_column *column, cat_type *type) {
  static const cat_type times[] = {
      [DRIVER_DATE] = CAT_TYPE_DATE, [DRIVER_CLOCK] = CAT_TYPE_TIME, [DRIVER_STAMP] = CAT_TYPE_DATETIME};
  switch (column->kind) {
  case DRIVER_ANYTHING:
    *type = CAT_TYPE_TEXT;
    return column->numeric ? SPELLED_AS_NUMBER : column->text ? SPELLED_AS_TYPE : SPELLED_ALIKE;
  case DRIVER_INTEGERS:
    return SPELLED_AS_NUMBER;
  case DRIVER_NUMBERS:
    return SPELLED_AS_NUMBER;
  case DRIVER_BOOLEANS:
    *type = CAT_TYPE_BOOLEAN;
    return SPELLED_AS_TYPE;
  case DRIVER_TEXTS:
  case DRIVER_STRINGS:
    *type = CAT_TYPE_TEXT;
    return SPELLED_AS_TYPE;
  case DRIVER_BLOBS:
    return SPELLED_ALIKE;
  case DRIVER_UUIDS:
    *type = CAT_TYPE_UUID;
    return SPELLED_AS_TYPE;
  case DRIVER_OTHERS:
    break;
  }
  if (column->form == DRIVER_FORM_LABEL || column->form == DRIVER_FORM_YEAR) return SPELLED_ALIKE;
  if (column->time == DRIVER_NO_TIME || column->time == DRIVER_MOMENT) return SPELLED_MANY_WAYS;
  *type = times[column->time];
  return SPELLED_AS_TYPE;
}

static spelling spelling_of_type(cat_type type) {
  if (type == CAT_TYPE_JSON) return SPELLED_MANY_WAYS;
  bool number = type == CAT_TYPE_INTEGER || type == CAT_TYPE_NUMBER || type == CAT_TYPE_DECIMAL;
  return number ? SPELLED_AS_NUMBER : SPELLED_AS_TYPE;
}

/* An integer if it is whole; otherwise a number, or a decimal as the column keeps it. */
static shunt_value as_number(arena *a, const driver_column *column, const shunt_value *v) {
  shunt_value number = column->exact ? value_exact(v) : value_canonical(v, true), decimal;
  if (!column->exact || !column->rounds || number.type == SHUNT_INTEGER) return number;
  if (!typed_convert(CAT_TYPE_DECIMAL, column, v, a, &decimal)) return number;
  if (!decimal.as.bytes) return decimal;
  size_t scale = column->digits > 0 ? (size_t)column->digits : 0;
  return decimal_is(&decimal) ? decimal_with_scale(a, &decimal, scale) : number;
}

/* Blanks at the end are the only difference between equal texts. */
static bool ignores_blanks(const driver_column *column) {
  return column->collation == DRIVER_PADDED || column->collation == DRIVER_RTRIM || (column->pad && !column->equates);
}

static void cut_blanks(const driver_column *column, shunt_value *v) {
  if (v->type != SHUNT_TEXT || !ignores_blanks(column)) return;
  while (v->size && v->as.bytes[v->size - 1] == ' ') v->size--;
}

static shunt_status many_ways(call *c, const site *at, const driver_column *column) {
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': the rules choose the place by where.%s, and a value of its type (%s) can be written in "
                   "several ways that only the database knows to be the same; choose by another column%s",
                   at->model->name, column->name, column->type,
                   types_of(at->model, column->name) || column->single ? ""
                                                                       : ", or declare its type in the model's types");
}

static shunt_status stored_value(call *c, const site *at, const driver_column *column, const shunt_value *v,
                                 shunt_value *out) {
  const cat_typed *declared = types_of(at->model, column->name);
  cat_type type = declared ? declared->type : CAT_TYPE_TEXT;
  spelling how = column->single ? SPELLED_MANY_WAYS /* it rounds what is given */
                 : declared     ? spelling_of_type(type)
                                : spelling_of(column, &type);
  *out = *v;
  switch (how) {
  case SPELLED_MANY_WAYS:
    return many_ways(c, at, column);
  case SPELLED_AS_NUMBER:
    *out = as_number(c->arena, column, v);
    break;
  case SPELLED_AS_TYPE:
    if (!typed_convert(type, column, v, c->arena, out)) *out = *v;
    break;
  case SPELLED_ALIKE:
    break;
  }
  if (out->type == SHUNT_TEXT && out->size && !out->as.bytes) return error_memory(c->err);
  cut_blanks(column, out);
  return SHUNT_OK;
}

/* The number of the column's value in the request; q->nwhere if the request has no value for it. */
static size_t find_field(const route_request *q, const char *column) {
  size_t i = 0;
  while (i < q->nwhere && !cat_same_column(q->where[i].name, column)) i++;
  return i;
}

static shunt_status replace(call *c, route_request *q, size_t i, const shunt_value *value) {
  shunt_field *where = arena_alloc(c->arena, q->nwhere * sizeof *where);
  if (!where) return error_memory(c->err);
  memcpy(where, q->where, q->nwhere * sizeof *where);
  where[i].value = *value;
  q->where = where;
  return SHUNT_OK;
}

shunt_status stored_request(call *c, const site *at, const route_decision *d, route_request *request, bool *changed) {
  shunt_status status = SHUNT_OK;
  *changed = false;
  for (size_t i = 0; i < d->nplacing && !status; i++) {
    size_t at_field = find_field(request, d->placing[i]->name);
    const driver_column *column = driver_table_column(at->table->shape, d->placing[i]->name);
    shunt_value stored;
    if (!column || at_field == request->nwhere || request->where[at_field].value.type == SHUNT_NULL) continue;
    status = stored_value(c, at, column, &request->where[at_field].value, &stored);
    if (status || value_same(&stored, &request->where[at_field].value)) continue;
    status = replace(c, request, at_field, &stored);
    *changed = true;
  }
  return status;
}

/* ---- values that several parts may have ---- */

/* Equal texts of such a column may have different bytes, and so different places. */
static bool compares_bytes(const site *at, const driver_column *column) {
  const cat_typed *declared = types_of(at->model, column->name);
  if (declared && declared->type != CAT_TYPE_TEXT && declared->type != CAT_TYPE_JSON) return true; /* one spelling */
  return !column->equates;
}

bool stored_is_loose(const site *at, const driver_column *column) {
  return at->model->nparts && !compares_bytes(at, column);
}

static shunt_status leave_out(call *c, route_request *q, size_t i) {
  shunt_field *where = arena_alloc(c->arena, q->nwhere * sizeof *where);
  if (!where) return error_memory(c->err);
  memcpy(where, q->where, i * sizeof *where);
  memcpy(where + i, q->where + i + 1, (q->nwhere - i - 1) * sizeof *where);
  q->where = where;
  q->nwhere--;
  return SHUNT_OK;
}

shunt_status stored_loosen(call *c, const site *at, const route_decision *d, route_request *request,
                           const driver_column **loose) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; at->model->nparts && i < d->nplacing && !status; i++) {
    size_t at_field = find_field(request, d->placing[i]->name);
    const driver_column *column = driver_table_column(at->table->shape, d->placing[i]->name);
    if (!column || at_field == request->nwhere || request->where[at_field].value.type != SHUNT_TEXT) continue;
    if (!stored_is_loose(at, column)) continue;
    *loose = column;
    status = leave_out(c, request, at_field);
  }
  return status;
}
