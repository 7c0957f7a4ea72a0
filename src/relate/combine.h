/* For: aggregates of several sites, made from the aggregates of each.
 * Use: the partial rows of all sites are in rows; combine_rows(c, &spec, rows, &arena). */
#ifndef SHUNT_RELATE_COMBINE_H
#define SHUNT_RELATE_COMBINE_H

#include "query/aggregate.h"
#include "relate/sort.h"

typedef struct combine_spec {
  const site *at; /* its engine compares and divides */
  const result *results;
  size_t n, ngroup; /* the columns of the result; those of the group are the first */
  /* The group of each row, and their number; no group is empty. NULL: rows are of one group if at's engine says that
   * they are equal in the columns of the group. */
  const uint32_t *group;
  size_t ngroups;
} combine_spec;

/* Replaces the partial rows with one row for each group, in the order of the groups. Errors: those of sort_rows; USAGE
 * if only an engine can add the values of a column. */
shunt_status combine_rows(call *c, const combine_spec *spec, shunt_rows *rows, arena *scratch);

#endif
