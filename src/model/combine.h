/* For: aggregates of several sites, made from the aggregates of each.
 * Use: the partial rows of all sites are in rows; combine_rows(c, &spec, rows, &arena). */
#ifndef SHUNT_MODEL_COMBINE_H
#define SHUNT_MODEL_COMBINE_H

#include "relate/sort.h"

typedef struct combine_column {
  const driver_column *of; /* the column that is grouped or aggregated; NULL: count(*) */
  bool grouped;
  shunt_function function; /* of AVG the partial rows have the sum, and the count in column `count` */
  int count;
} combine_column;

typedef struct combine_spec {
  const site *at; /* its engine compares and divides */
  const combine_column *columns;
  size_t n, ngroup; /* the columns of the result; those of the group are the first */
} combine_spec;

/* Replaces the partial rows with one row for each group, in the order of the groups. Errors: those of sort_rows. */
shunt_status combine_rows(call *c, const combine_spec *spec, shunt_rows *rows, arena *scratch);

#endif
