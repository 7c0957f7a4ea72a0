/* For: texts of a column that its engine alone can compare (DRIVER_WEIGHED): two are equal there where they weigh the
 * same, and are ordered as their weights are.
 * Owner: weights live in the arena given.
 * Use: weighing w = {.asked = !weigh_all_plain(column, values, n), …}; weigh(&w, values, n, weights). Weights that are
 * compared with each other must all have been asked for, or all of them not. */
#ifndef SHUNT_RELATE_WEIGH_H
#define SHUNT_RELATE_WEIGH_H

#include "query/access.h"

typedef struct weighing {
  shunt_session *s;
  const access *at;
  const driver_column *column;
  arena *a;
  bool asked; /* the engine is. Else all texts are plain, and equal where they are in lower case; that is no order */
  shunt_error *err;
} weighing;

bool weigh_all_plain(const driver_column *column, const shunt_value *values, size_t n);
/* Null for what is equal to nothing in the column: null, blobs, and texts that it can't hold. Errors: those of
 * statement_run, MEMORY. */
shunt_status weigh(const weighing *w, const shunt_value *values, size_t n, shunt_value *weights);
/* What follows the shorter one of two weights that are asked for, where they are compared for an order. Empty: nothing.
 */
shunt_status weigh_pad(const weighing *w, shunt_value *pad);
/* For a column that has a rank: numbers in its order, to be compared with each other alone. */
shunt_status weigh_ranks(const weighing *w, const shunt_value *values, size_t n, shunt_value *weights);

#endif
