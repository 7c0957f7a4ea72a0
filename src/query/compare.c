#include "query/compare.h"

#include <string.h>

#include "query/exact.h"
#include "query/value.h"

/* ---- the left side ---- */

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

static void write_in_texts(const comparison *w, const shunt_value *v) {
  shunt_value text = value_in_texts(w->c->arena, v);
  if (text.type == SHUNT_TEXT && !text.as.bytes) w->q->failed = true;
  sql_param(w->q, &text);
}

/* MySQL takes a text for a JSON string, whatever is in it. */
static void write_document(const comparison *w, const shunt_value *v) {
  sql_puts(w->q, "CAST(");
  write_in_texts(w, v);
  sql_puts(w->q, " AS JSON)");
}

/* The type of the cast follows the value, because the engine bends one that does not fit: comparable_check has asked
 * exact_fits. */
static void write_exact(const comparison *w, const driver_column *column, const shunt_value *v) {
  char type[EXACT_TYPE_BYTES];
  shunt_value number = exact_text(w->c->arena, w->at->engine, column, v, type);
  if (!number.as.bytes) w->q->failed = true;
  write_cast(w, &number, type);
}

/* For engines that compare a number with a text as doubles: compares texts with texts, and exact numbers with exact
 * numbers. */
static void write_comparable(const comparison *w, const driver_column *column, const shunt_value *v) {
  shunt_value exact = value_exact(v);
  if (column->form == DRIVER_FORM_DOUBLES)
    write_document(w, v);
  else if (column->text)
    write_in_texts(w, v);
  else if (column->exact && (exact.type == SHUNT_TEXT || exact.type == SHUNT_FLOAT))
    write_exact(w, column, v);
  else if (column->single && (v->type == SHUNT_FLOAT || v->type == SHUNT_TEXT))
    write_cast(w, v, w->at->engine->single_type);
  else
    sql_param(w->q, column->exact ? &exact : v);
}

static bool are_texts(const shunt_value *values, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (values[i].type != SHUNT_TEXT) return false;
  return true;
}

void compare_held(const comparison *w, const driver_column *column, const shunt_value *values, size_t n) {
  bool typed = w->at->engine->decimal_type && (column->text || column->exact || column->single);
  bool differ = typed || (compare_is_text(column) && !are_texts(values, n));
  if (!differ) sql_params(w->q, values, n);
  for (size_t i = 0; i < n && differ; i++) {
    if (i) sql_puts(w->q, ", ");
    write_comparable(w, column, &values[i]);
  }
}

/* An expression converts no value to its own type, as a column of SQLite does. */
static void write_for_expression(const comparison *w, const driver_column *column, const shunt_value *v) {
  shunt_value number = value_canonical(v, column->numeric);
  if (column->text)
    write_in_texts(w, v);
  else
    sql_param(w->q, column->numeric ? &number : v);
}

void compare_value(const comparison *w, const operand *o, const shunt_value *v) {
  const driver_column *column = o->column;
  const char *number_type = w->at->engine->number_type;
  bool cast = o->wide && number_type;
  if (!cast && o->sql && !column->exact) {
    write_for_expression(w, column, v);
    return;
  }
  if (!cast && (is_plain(w, column) || driver_column_holds(column, v))) {
    compare_held(w, column, v, 1);
    return;
  }
  shunt_value number = column->exact || o->wide ? value_exact(v) : value_canonical(v, true);
  if (!cast && driver_column_holds(column, &number))
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
