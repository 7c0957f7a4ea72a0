/* For: comparing a column with values, so that the engine compares what was given and nothing that it made of it.
 * Owner: a comparison borrows everything that it points to.
 * Use: comparison w = {.c = c, .at = at, .q = sql}; operand o = {.column = column}; compare_name(&w, &o); sql_puts(sql,
 * " = "); compare_value(&w, &o, &value); */
#ifndef SHUNT_QUERY_COMPARE_H
#define SHUNT_QUERY_COMPARE_H

#include "query/site.h"
#include "query/sql.h"

/* Where a condition is written. */
typedef struct comparison {
  call *c;
  const site *at;
  sql_text *q;
  const char *alias; /* of the table, in a subselect; NULL: none */
  int depth;         /* of subselects */
} comparison;

/* The left side of a condition. */
typedef struct operand {
  const driver_column *column; /* its name and what it holds */
  const char *sql;             /* an expression in place of the column, such as an aggregate; NULL: the column */
  const shunt_value *params;   /* of sql */
  size_t nparams;
  bool wide; /* only the engine knows the expression's type: numbers are cast to number_type */
} operand;

void compare_name(const comparison *w, const operand *o);
/* The same as a text. */
void compare_text(const comparison *w, const operand *o);
/* A number that is out of the column's range can still be compared with the numbers in it. */
void compare_value(const comparison *w, const operand *o, const shunt_value *v);
/* With commas between them; none is null. */
void compare_values(const comparison *w, const operand *o, const shunt_value *values, size_t n);
/* The same for values that the column can hold. */
void compare_held(const comparison *w, const driver_column *column, const shunt_value *values, size_t n);

/* Whether an engine that converts anything to compare it compares these two columns by what they mean. */
bool compare_are_of_a_kind(const driver_column *a, const driver_column *b);
/* MySQL's enum and set: texts that are ordered by their numbers. */
static inline bool compare_is_label(const driver_column *column) {
  return column->form == DRIVER_FORM_LABEL || column->form == DRIVER_FORM_LABELS;
}
/* By its declared type: SQLite calls dates numbers, too, and they are kept as text. */
static inline bool compare_is_number(const driver_column *column) {
  return column->kind == DRIVER_INTEGERS || column->kind == DRIVER_NUMBERS || column->form == DRIVER_FORM_NUMBER ||
         column->form == DRIVER_FORM_REAL;
}
static inline bool compare_is_text(const driver_column *column) {
  return column->kind == DRIVER_TEXTS || column->kind == DRIVER_STRINGS ||
         (column->kind == DRIVER_ANYTHING && column->text);
}

#endif
