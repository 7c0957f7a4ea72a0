/* For: comparing texts of a column that its engine alone can compare (DRIVER_WEIGHED): their collation keys are equal
 * where the texts are, and are ordered as the texts are.
 * Owner: collation keys live in the arena given.
 * Use: collating w = {.asked = !collation_all_plain(column, values, n), …}; collation_keys(&w, values, n, keys). Keys
 * that are compared with each other must all have been asked for, or none of them. */
#ifndef SHUNT_RELATE_COLLATION_H
#define SHUNT_RELATE_COLLATION_H

#include "query/site.h"

typedef struct collating {
  call *c;
  const site *at;
  const driver_column *column;
  arena *a;
  bool asked; /* the engine is. Else all texts are plain, and equal where they are in lower case; that is no order */
} collating;

bool collation_all_plain(const driver_column *column, const shunt_value *values, size_t n);
/* Null for what is equal to nothing in the column: null, blobs, and texts that it can't hold. Errors: those of
 * statement_run, MEMORY. */
shunt_status collation_keys(const collating *w, const shunt_value *values, size_t n, shunt_value *keys);
/* What to take as following the shorter of two keys that are compared for an order. Empty: nothing. */
shunt_status collation_pad(const collating *w, shunt_value *pad);
/* For a column that has a rank: numbers in its order, to be compared with each other alone. */
shunt_status collation_ranks(const collating *w, const shunt_value *values, size_t n, shunt_value *keys);

#endif
