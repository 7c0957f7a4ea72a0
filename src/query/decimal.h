/* For: exact numbers that engines return as text: their digits after the point, and sums.
 * Owner: what is made lives in the arena.
 * Use: if (decimal_add(&arena, &a, &b, &sum)) … no memory … */
#ifndef SHUNT_QUERY_DECIMAL_H
#define SHUNT_QUERY_DECIMAL_H

#include "base/arena.h"
#include "shunt.h"

/* Whether the value is a text of digits, perhaps with a sign and a point: "-12.50". */
bool decimal_is(const shunt_value *value);
/* The number of its digits after the point, zeros at the end too. */
int decimal_scale(const shunt_value *value);
/* Negative, 0 or positive, with all digits of two such texts. */
int decimal_compare(const shunt_value *x, const shunt_value *y);
/* A number without an exponent with at least this many digits after the point. Without memory, it has no bytes. */
shunt_value decimal_with_scale(arena *a, const shunt_value *number, size_t scale);
/* The sum of two such texts, with as many digits after the point as the longer one has. */
shunt_status decimal_add(arena *a, const shunt_value *x, const shunt_value *y, shunt_value *out);

#endif
