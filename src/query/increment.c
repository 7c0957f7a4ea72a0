#include "query/increment.h"

#include <string.h>

#include "query/exact.h"
#include "query/types.h"
#include "query/value.h"

static bool holds_numbers(const driver_column *column) {
  return column->kind == DRIVER_INTEGERS || column->kind == DRIVER_NUMBERS ||
         (column->kind == DRIVER_ANYTHING && !column->text);
}

shunt_status increment_check(call *c, const site *at, const targets *t, size_t i, const shunt_value *v) {
  const driver_column *column = t->columns[i];
  const cat_typed *declared = types_of(at->model, column->name);
  shunt_value number = value_canonical(v, true);
  const char *why = NULL;
  if (v->type == SHUNT_BOOL || (number.type != SHUNT_INTEGER && number.type != SHUNT_FLOAT))
    why = "it takes a number";
  else if (write_same_column(column, t->instance))
    why = "it is the row's instance";
  else if (column->computed)
    why = "the database computes it";
  else if (!holds_numbers(column))
    why = "it holds no numbers";
  else if (declared && declared->type != CAT_TYPE_INTEGER && declared->type != CAT_TYPE_NUMBER &&
           declared->type != CAT_TYPE_DECIMAL)
    why = "its declared type is no number";
  else if (column->exact && !exact_can_add(at->engine, v))
    why = "the number has more digits than the engine's decimals";
  if (!why) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE, "model '%s': column '%s' (%s) can't be incremented: %s", at->model->name,
                   column->name, column->type, why);
}

/* Engines that add texts and floats as doubles would round an exact column. */
static void write_number(sql_text *sql, const driver_engine *engine, const driver_column *column,
                         const shunt_value *v) {
  char type[EXACT_TYPE_BYTES];
  shunt_value exact = value_exact(v);
  bool cast = engine->decimal_type && column->exact && exact.type != SHUNT_INTEGER;
  if (cast) sql_puts(sql, "CAST(");
  sql_param(sql, &exact);
  if (!cast) return;
  exact_type_of(engine, &exact, type);
  sql_puts(sql, " AS ");
  sql_puts(sql, type);
  sql_puts(sql, ")");
}

void increment_write(sql_text *sql, const driver_engine *engine, const driver_column *column, const shunt_value *v) {
  for (const char *form = engine->sum ? engine->sum : "@ + ?", *next; *form; form = next) {
    size_t plain = strcspn(form, "@?");
    sql_add(sql, form, plain);
    next = form + plain;
    if (!*next) break;
    if (*next++ == '@')
      sql_name(sql, engine, column->name);
    else
      write_number(sql, engine, column, v);
  }
}
