/* For: the terms of an order: "name", "-id", "due nulls last", "-due nulls first".
 * Use: order_read(c, "-due nulls first", &term); … order_write(&comparison, &operand, nullable, &term); */
#ifndef SHUNT_QUERY_ORDER_H
#define SHUNT_QUERY_ORDER_H

#include "query/compare.h"

typedef struct order_term {
  const char *name;
  bool descending;
  bool nulls_moved; /* last although it ascends, or first although it descends */
} order_term;

/* Errors: MEMORY. A term without a name gives an empty one. */
shunt_status order_read(call *c, const char *term, order_term *out);
/* Whether rows of several tables or statements can be ordered by the column. MySQL orders enum and set by their list of
 * words, which neither UNION ALL nor their texts keep. Errors: USAGE. */
shunt_status order_merges(call *c, const site *at, const driver_column *column);
/* One term of ORDER BY, or two. */
void order_write(const comparison *w, const operand *o, bool nullable, const order_term *term);

#endif
