/* For: IN and NOT IN, with lists of any length.
 * Use: list_write(&comparison, &operand, true, &values); none of the values is null. */
#ifndef SHUNT_QUERY_LIST_H
#define SHUNT_QUERY_LIST_H

#include "query/compare.h"

typedef struct list_values {
  const shunt_value *values;
  size_t n;
} list_values;

/* in false: NOT IN. There must be a value. */
void list_write(const comparison *w, const operand *o, bool in, const list_values *values);

#endif
