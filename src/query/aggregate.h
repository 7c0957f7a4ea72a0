/* For: functions over the rows of a site: their columns, their SQL, and the values that callers get. What the engines
 * do differently with sums and averages is known here alone.
 * Owner: names and SQL live in the call's arena.
 * Use: aggregate_find(c, at, &list, results, &n); sql_puts(sql, results[0].value.sql); … aggregate_plain(results, n,
 * rows); aggregate_give_types(c, at, results, n, rows). */
#ifndef SHUNT_QUERY_AGGREGATE_H
#define SHUNT_QUERY_AGGREGATE_H

#include "query/compare.h"

/* What is computed. */
typedef struct aggregate_list {
  const shunt_aggregation *list;
  size_t n;
  const char *const *names; /* of the results; NULL: made of the columns' names in the table */
  bool apart; /* the rows are a part of all: sums in place of averages, and behind all results the count of each */
} aggregate_list;

/* A column of the result. */
typedef struct result {
  const char *name;
  const driver_column *column; /* NULL: COUNT(*) */
  bool grouped;                /* the column itself, of a group, and no function */
  shunt_function function;
  size_t count;  /* AVG of a part of the rows: its value is their sum, and this result counts them; else 0 */
  operand value; /* how it is written and compared */
} result;

/* Checks what can be checked without the table. Errors: USAGE. */
shunt_status aggregate_check(call *c, const shunt_aggregation *from);
/* "sum_total"; NULL when out of memory. column: its name in the result. */
const char *aggregate_name(arena *a, const shunt_aggregation *from, const char *column);
/* Adds the results of the list to the *n that are there; there is room for two for each. SUM and AVG take numbers only:
 * some engines would make numbers of texts and dates. Errors: USAGE, those of site_column. */
shunt_status aggregate_find(call *c, const site *at, const aggregate_list *list, result *results, size_t *n);
/* Engines return decimals for sums and averages of integers; callers expect plain numbers. */
void aggregate_plain(const result *results, size_t n, shunt_rows *rows);
/* The least and the greatest value have the type of their column. Errors: those of types_give_cell. */
shunt_status aggregate_give_types(call *c, const site *at, const result *results, size_t n, shunt_rows *rows);
/* Whether the column holds integers, also above INT64_MAX: its sums are integers, its averages floats. */
bool aggregate_is_integer(const driver_column *column);

#endif
