/* For: SELECTs over one table, in as many statements as its keys need.
 * Use: select_spec q = {.filter = …}; select_run(c, &a, &q, rows). Several calls may fill the same rows, one for each
 * part of a table: the first one names the columns. select_ask leaves the statements to a gather. */
#ifndef SHUNT_QUERY_SELECT_H
#define SHUNT_QUERY_SELECT_H

#include "query/access.h"
#include "query/aggregate.h"
#include "query/filter.h"
#include "query/gather.h"
#include "query/lock.h"
#include "query/order_path.h"

typedef struct select_spec {
  filter filter;
  const char *const *columns; /* the visible ones; none: all */
  size_t ncolumns;
  const char *const *needed; /* fetched as well, invisible */
  size_t nneeded;
  const char *const *order;
  size_t norder;
  order_ranks ranks; /* of terms that lead to another datasource; order_rank.h fills it */
  bool by_key;       /* the primary key is the last term of the order; of distinct rows, all their columns are */
  bool distinct;     /* no two rows are equal; they have no needed columns */
  bool limited;      /* limit and offset count */
  int64_t limit, offset;
  bool per_key;  /* they count for each of filter.keys */
  bool numbered; /* the last column, KEY_NUMBER, has the number of the row's key; a row comes once for each key */
  /* numbered rows: in place of the rows of each key their results and its number, for keys that have any */
  const aggregate_list *aggregates;
  row_lock lock;
  bool origins;      /* notes which client the rows came from */
  size_t statements; /* out: how many were run */
} select_spec;

/* Where no row can be found (a limit of 0), the columns are named and the conditions checked, without a statement.
 * Errors: those of site_column and statement_run, USAGE. */
shunt_status select_run(call *c, const access *a, select_spec *q, shunt_rows *rows);
shunt_status select_at(call *c, const site *at, select_spec *q, shunt_rows *rows);
/* Asks the statements for the feed, which has its rows already. *range, empty at first, will cover the rows that are
 * read; it stays empty if no statement is needed. */
shunt_status select_ask(call *c, const access *a, select_spec *q, feed *f, row_range *range);
/* Writes the one statement of a spec without keys, and names the rows' columns. *sql stays NULL if it asks for no row.
 * The text belongs to the call. */
shunt_status select_write(call *c, const site *at, select_spec *q, shunt_rows *rows, sql_text **sql);
/* The columns are fetched as well. The names stay the caller's; their list is copied. Errors: MEMORY. */
shunt_status select_need(call *c, select_spec *q, const char *const *names, size_t n);
/* Those of the order as well. */
shunt_status select_need_order(call *c, select_spec *q);
/* What the limit of a query means: the most rows; INT64_MAX: all. */
static inline int64_t select_most(int64_t limit) { return limit == 0 ? INT64_MAX : limit == SHUNT_NO_ROWS ? 0 : limit; }
/* Errors: USAGE if limit, as a query has it, or offset is not valid. */
shunt_status select_check_limits(const char *model, int64_t limit, int64_t offset, shunt_error *err);

#endif
