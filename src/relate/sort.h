/* For: bringing rows into an order that no single statement gave them.
 * Use: sort_ranks r; sort_rows(c, &spec, &arena, &r); r.row[0] is the first one's position. */
#ifndef SHUNT_RELATE_SORT_H
#define SHUNT_RELATE_SORT_H

#include "query/site.h"

typedef struct sort_ranks {
  uint32_t *rank; /* of each row */
  uint32_t *row;  /* of each rank */
} sort_ranks;

typedef struct sort_spec {
  const site *at; /* in the order of its engine */
  const char *const *order;
  size_t norder;
  const shunt_rows *rows;
} sort_spec;

/* As the engine would order them by these terms and the primary key, all of which must be columns of the rows. */
shunt_status sort_rows(call *c, const sort_spec *spec, arena *scratch, sort_ranks *out);

/* Makes the rows as many as count, which came from these clients. False when out of memory. */
bool sort_set_origins(shunt_rows *rows, const uint32_t *clients, size_t count);
/* The rows are those at these positions, in this order; one may be there more than once, or not at all. */
shunt_status sort_pick(call *c, shunt_rows *rows, const uint32_t *positions, size_t n, arena *scratch);

#endif
