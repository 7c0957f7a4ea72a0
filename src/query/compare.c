#include "query/compare.h"

#include <string.h>

#include "query/digits.h"
#include "query/value.h"

/* ---- the left side ---- */

bool compare_is_number(const driver_column *column) {
  return column->kind == DRIVER_INTEGERS || column->kind == DRIVER_NUMBERS || column->form == DRIVER_FORM_NUMBER ||
         column->form == DRIVER_FORM_REAL;
}

static size_t word_size(const char *type) { return strcspn(type, " ("); }

static bool is_moment(const char *type) { return strncmp(type, "date", 4) == 0 || strncmp(type, "timestamp", 9) == 0; }

bool compare_are_of_a_kind(const driver_column *a, const driver_column *b) {
  size_t size = word_size(a->type);
  bool numbers = a->numeric && a->kind != DRIVER_ANYTHING;
  if (compare_is_number(a) != compare_is_number(b) || a->kind == DRIVER_ANYTHING)
    return compare_is_number(a) == compare_is_number(b);
  if (numbers || a->kind != DRIVER_OTHERS) return numbers ? b->numeric : a->kind == b->kind;
  if (b->kind != DRIVER_OTHERS) return false;
  return (is_moment(a->type) && is_moment(b->type)) ||
         (size == word_size(b->type) && strncmp(a->type, b->type, size) == 0);
}

void compare_name(const comparison *w, const operand *o) {
  if (o->sql)
    sql_part(w->q, o->sql, o->params, o->nparams);
  else
    sql_name(w->q, w->at->engine, o->column->name);
}

void compare_text(const comparison *w, const operand *o) {
  sql_puts(w->q, "CAST(");
  compare_name(w, o);
  sql_puts(w->q, " AS ");
  sql_puts(w->q, w->at->engine->text_type);
  sql_puts(w->q, ")");
}

/* ---- values ---- */

static bool is_plain(const comparison *w, const driver_column *column) {
  return !w->at->engine->number_type || !column->numeric || column->kind == DRIVER_BOOLEANS;
}

static void write_cast(const comparison *w, const shunt_value *v, const char *type) {
  sql_puts(w->q, "CAST(");
  sql_param(w->q, v);
  sql_puts(w->q, " AS ");
  sql_puts(w->q, type);
  sql_puts(w->q, ")");
}

static void write_number_as_text(const comparison *w, const shunt_value *number) {
  char *text = arena_alloc(w->c->arena, VALUE_TEXT_BYTES);
  shunt_value as_text = text ? shunt_text(text, value_as_text(number, text)) : *number;
  if (!text) w->q->failed = true;
  sql_param(w->q, &as_text);
}

/* Other texts may become an integer by way of a double, which has fewer digits. */
static bool is_integer_text(const shunt_value *v, const shunt_value *number) {
  return number->type == SHUNT_INTEGER && digits_are_integer(v);
}

/* For engines that compare a number with a text as doubles: compares texts with texts, and exact numbers with exact
 * numbers. */
static void write_comparable(const comparison *w, const driver_column *column, const shunt_value *v) {
  shunt_value exact = value_exact(v);
  if (column->text && v->type != SHUNT_TEXT && (exact.type == SHUNT_INTEGER || exact.type == SHUNT_FLOAT))
    write_number_as_text(w, &exact);
  else if (column->exact && v->type == SHUNT_TEXT && !is_integer_text(v, &exact))
    write_cast(w, v, w->at->engine->decimal_type);
  else if (column->single && (v->type == SHUNT_FLOAT || v->type == SHUNT_TEXT))
    write_cast(w, v, w->at->engine->single_type);
  else
    sql_param(w->q, column->exact ? &exact : v);
}

void compare_held(const comparison *w, const driver_column *column, const shunt_value *values, size_t n) {
  bool differ = w->at->engine->decimal_type && (column->text || column->exact || column->single);
  if (!differ) sql_params(w->q, values, n);
  for (size_t i = 0; i < n && differ; i++) {
    if (i) sql_puts(w->q, ", ");
    write_comparable(w, column, &values[i]);
  }
}

/* An expression converts no value to its own type, as a column of SQLite does. */
static void write_for_expression(const comparison *w, const driver_column *column, const shunt_value *v) {
  shunt_value number = value_canonical(v, column->numeric);
  bool is_number = number.type == SHUNT_INTEGER || number.type == SHUNT_FLOAT;
  if (column->text && is_number && v->type != SHUNT_TEXT)
    write_number_as_text(w, &number);
  else
    sql_param(w->q, column->numeric ? &number : v);
}

void compare_value(const comparison *w, const operand *o, const shunt_value *v) {
  const driver_column *column = o->column;
  const char *number_type = w->at->engine->number_type;
  shunt_value number = column->exact || o->wide ? value_exact(v) : value_canonical(v, true);
  if (column->exact && v->type == SHUNT_TEXT && !is_integer_text(v, &number) && !digits_fit_double(v))
    number = *v; /* with all its digits */
  if (o->wide && number_type)
    write_cast(w, &number, number_type);
  else if (o->sql && !column->exact)
    write_for_expression(w, column, v);
  else if (is_plain(w, column) || driver_column_holds(column, v))
    compare_held(w, column, v, 1);
  else if (driver_column_holds(column, &number))
    sql_param(w->q, &number);
  else
    write_cast(w, &number, number_type);
}

void compare_values(const comparison *w, const operand *o, const shunt_value *values, size_t n) {
  if (!o->sql && is_plain(w, o->column)) {
    compare_held(w, o->column, values, n);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    if (i) sql_puts(w->q, ", ");
    compare_value(w, o, &values[i]);
  }
}
