/* For: SELECTs over one table, in as many statements as its keys take.
 * Use: select_spec q = {.filter = …}; select_run(c, &a, &q, rows). Rows of several parts of a table go into the
 * same rows: the first one names the columns. select_ask instead leaves the statements to a gather. */
#ifndef SHUNT_QUERY_SELECT_H
#define SHUNT_QUERY_SELECT_H

#include "query/access.h"
#include "query/filter.h"
#include "query/gather.h"

typedef struct select_spec {
  filter filter;
  const char *const *columns; /* that the user sees; none: all */
  size_t ncolumns;
  const char *const *needed; /* beside them, unseen */
  size_t nneeded;
  const char *const *order;
  size_t norder;
  bool by_key;  /* the primary key ends the order, or is it */
  bool limited; /* by the numbers below */
  int64_t limit, offset;
  bool per_key;      /* they count for each of filter.keys */
  size_t at_once;    /* so many keys are never torn apart; 0: 1 */
  bool origins;      /* note which client the rows came from */
  size_t statements; /* out: how many were run */
} select_spec;

/* Errors: those of site_column and statement_run, USAGE. */
shunt_status select_run(call *c, const access *a, select_spec *q, shunt_rows *rows);
shunt_status select_at(call *c, const site *at, select_spec *q, shunt_rows *rows);
/* For the feed, whose rows are there already. *range, empty at first, will be that of the rows read: it
 * stays empty where the keys take no statement. */
shunt_status select_ask(call *c, const access *a, select_spec *q, feed *f, row_range *range);
/* Names the rows' columns, and reads nothing. */
shunt_status select_columns(call *c, const site *at, const select_spec *q, shunt_rows *rows);
/* Errors: USAGE where limit or offset are below 0. */
shunt_status select_check_limits(const char *model, bool limited, int64_t limit, int64_t offset, shunt_error *err);

#endif
