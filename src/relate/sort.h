/* For: ordering rows that came from several statements.
 * Use: sort_ranks r; sort_rows(c, &spec, &arena, &r); r.row[0] is the number of the first row. */
#ifndef SHUNT_RELATE_SORT_H
#define SHUNT_RELATE_SORT_H

#include "query/site.h"

typedef struct sort_ranks {
  uint32_t *rank; /* of each row */
  uint32_t *row;  /* of each rank */
} sort_ranks;

typedef struct sort_spec {
  const site *at; /* its engine's order is used */
  const char *const *order;
  size_t norder;
  const shunt_rows *rows;
} sort_spec;

/* Orders as the engine would, by these terms and the primary key, which must all be columns of the rows. */
shunt_status sort_rows(call *c, const sort_spec *spec, arena *scratch, sort_ranks *out);

/* Sets the number of rows and their clients. False when out of memory. */
bool sort_set_origins(shunt_rows *rows, const uint32_t *clients, size_t count);
/* Replaces the rows with those at these positions, in this order; a position may occur several times or never. */
shunt_status sort_pick(call *c, shunt_rows *rows, const uint32_t *positions, size_t n, arena *scratch);

#endif
