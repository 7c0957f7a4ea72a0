/* For: an order by columns of rows that are on another datasource than the rows to order. These rows' keys are read
 * first, RELATED_MOST different ones at most, and the other datasource ranks the rows that have them.
 * Use: status = order_rank_sources(c, sources, n, &q); then select_run(c, &a, &q, rows). Often the sources are one
 * access: order_rank_access(c, &a, &q). */
#ifndef SHUNT_QUERY_ORDER_RANK_H
#define SHUNT_QUERY_ORDER_RANK_H

#include "query/select.h"

/* Rows to order. */
typedef struct order_source {
  const site *at;
  const filter *filter;
} order_source;

/* Whether a term of the order, or a column that is fetched for an order, may lead to other rows. */
static inline bool order_needs_rank(const select_spec *q) {
  return order_has_path(q->order, q->norder) || order_has_path(q->needed, q->nneeded);
}
/* Fills q->ranks for the rows of all sources, one at least, if order_needs_rank. Errors: those
 * of select_run, and USAGE for keys that a program can't compare, or too many of them. */
shunt_status order_rank_sources(call *c, const order_source *sources, size_t n, select_spec *q);
/* The same for the rows that q reads at all sites of an access. */
shunt_status order_rank_access(call *c, const access *a, select_spec *q);

#endif
