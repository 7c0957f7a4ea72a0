/* For: functions over the rows of a site: their columns, their SQL, and the values that callers get. What the engines
 * do differently with sums and averages is known here alone.
 * Owner: names and SQL live in the call's arena.
 * Use: result_list r = {room, 0}; aggregate_find(c, at, &list, &r); sql_puts(sql, r.list[0].value.sql); …
 * aggregate_plain(&r, rows, range); aggregate_give_types(c, at, &r, rows, range). */
#ifndef SHUNT_QUERY_AGGREGATE_H
#define SHUNT_QUERY_AGGREGATE_H

#include "query/compare.h"
#include "query/gather.h"

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

typedef struct result_list {
  result *list;
  size_t n;
} result_list;

/* Checks what can be checked without the table. Errors: USAGE. */
shunt_status aggregate_check(call *c, const shunt_aggregation *from);
/* "sum_total"; NULL when out of memory. column: its name in the result. */
const char *aggregate_name(arena *a, const shunt_aggregation *from, const char *column);
/* Adds the results of the list to those that are there; there is room for two for each. SUM and AVG take numbers only:
 * some engines would make numbers of texts and dates. Errors: USAGE, those of site_column. */
shunt_status aggregate_find(call *c, const site *at, const aggregate_list *list, result_list *out);
/* For a statement that numbers the keys of its rows: names the columns, which are those of the list, and for a part the
 * counts, invisible, and KEY_NUMBER. Errors: those of aggregate_find. */
shunt_status aggregate_columns(call *c, const site *at, const aggregate_list *list, shunt_rows *rows);
/* The same as SQL: "SUM("total"), shunt_key_number". */
shunt_status aggregate_write(call *c, sql_text *sql, const site *at, const aggregate_list *list);
/* The columns that this needs of a subselect: ""total", shunt_key_number". */
shunt_status aggregate_write_needed(call *c, sql_text *sql, const site *at, const aggregate_list *list);
/* Engines return decimals for sums and averages of integers; callers expect plain numbers. The rows are of one site. */
void aggregate_plain(const result_list *r, shunt_rows *rows, row_range range);
/* The least and the greatest value have the type of their column. Errors: those of types_give_cell. */
shunt_status aggregate_give_types(call *c, const site *at, const result_list *r, shunt_rows *rows, row_range range);
/* Whether the column holds integers, also above INT64_MAX: its sums are integers, its averages floats. */
bool aggregate_is_integer(const driver_column *column);

#endif
