/* For: ordering texts of a column that its engine alone can compare (DRIVER_WEIGHED): their collation keys are ordered
 * as the texts are. Owner: collation keys live in the arena given. Use: collating w = {c, at, column, &arena};
 * collation_keys(&w, values, n, keys). */
#ifndef SHUNT_RELATE_COLLATION_H
#define SHUNT_RELATE_COLLATION_H

#include "query/site.h"

typedef struct collating {
  call *c;
  const site *at;
  const driver_column *column;
  arena *a;
} collating;

/* A key is null if the column can't hold the value: nulls, blobs, and some texts. Errors: those of
 * statement_run, MEMORY. */
shunt_status collation_keys(const collating *w, const shunt_value *values, size_t n, shunt_value *keys);
/* The bytes that follow the shorter of two keys when they are compared for an order. Empty: none. */
shunt_status collation_pad(const collating *w, shunt_value *pad);
/* For columns that have a rank: numbers in the engine's order, comparable only with each other. */
shunt_status collation_ranks(const collating *w, const shunt_value *values, size_t n, shunt_value *keys);

#endif
