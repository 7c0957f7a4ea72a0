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
  bool asked; /* whether the engine is asked. Else all texts are plain and are compared in lower case, which is right
                 for equality, not for order */
} collating;

bool collation_all_plain(const driver_column *column, const shunt_value *values, size_t n);
/* A key is null if the value equals nothing in the column: nulls, blobs, and texts that it can't hold. Errors: those of
 * statement_run, MEMORY. */
shunt_status collation_keys(const collating *w, const shunt_value *values, size_t n, shunt_value *keys);
/* The bytes that follow the shorter of two keys when they are compared for an order. Empty: none. */
shunt_status collation_pad(const collating *w, shunt_value *pad);
/* For columns that have a rank: numbers in the engine's order, comparable only with each other. */
shunt_status collation_ranks(const collating *w, const shunt_value *values, size_t n, shunt_value *keys);

#endif
