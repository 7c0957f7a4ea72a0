#include "model/aggregate_kind.h"

bool aggregate_is_integer(const driver_column *column) {
  return column->kind == DRIVER_INTEGERS || (column->kind == DRIVER_NUMBERS && column->most > 0);
}

static bool is_numeric(const driver_column *column) {
  switch (column->kind) {
  case DRIVER_INTEGERS:
  case DRIVER_NUMBERS:
    return true;
  case DRIVER_ANYTHING:
    return !column->text && column->form != DRIVER_FORM_SPELLED;
  case DRIVER_OTHERS: /* of those without a form, PostgreSQL knows which it adds: intervals, for example */
    return column->form == DRIVER_FORM_ANY || column->form == DRIVER_FORM_AMOUNT;
  default:
    return false;
  }
}

shunt_status aggregate_takes(call *c, const site *at, shunt_function function, const driver_column *column) {
  if ((function != SHUNT_SUM && function != SHUNT_AVG) || is_numeric(column)) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE, "model '%s': %s takes numbers, and column '%s' (%s) holds others",
                   at->model->name, function == SHUNT_SUM ? "sum" : "avg", column->name, column->type);
}

bool aggregate_is_mean(const site *at, shunt_function function, const driver_column *column) {
  return function == SHUNT_AVG && at->engine->mean_type && aggregate_is_integer(column);
}

void aggregate_write_mean(sql_text *q, const site *at, const driver_column *column) {
  sql_puts(q, "CAST(SUM(");
  sql_name(q, at->engine, column->name);
  sql_puts(q, ") AS ");
  sql_puts(q, at->engine->mean_type);
  sql_puts(q, ") / COUNT(");
  sql_name(q, at->engine, column->name);
  sql_puts(q, ")");
}
