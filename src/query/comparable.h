/* For: which values a column is compared with. Engines convert a value of another kind each in its own way, or fail:
 * such comparisons are refused on all of them. Use: status = comparable_check(w, "where", &where, column); */
#ifndef SHUNT_QUERY_COMPARABLE_H
#define SHUNT_QUERY_COMPARABLE_H

#include "query/compare.h"

/* clause: for the message. Errors: USAGE, with the column and the value; MEMORY. */
shunt_status comparable_check(const comparison *w, const char *clause, const shunt_where *c, const operand *o);
static inline bool comparable_by_order(shunt_operator op) {
  return (op >= SHUNT_GT && op <= SHUNT_LTE) || op == SHUNT_BETWEEN || op == SHUNT_NOT_BETWEEN;
}
/* For these operators: a bound of a column of floating-point numbers that is between two of them becomes one of the
 * two, so that the same rows fulfil the condition. Engines would round it. Errors: MEMORY. */
shunt_status comparable_bounds(const comparison *w, const operand *o, shunt_where *c);
/* Whether every engine writes the column's values as the same texts, so that a pattern finds the same. */
bool comparable_by_text(const comparison *w, const driver_column *column);

#endif
