/* For: ordering rows that came from several statements.
 * Use: sort_ranks r; sort_rows(c, &spec, &arena, &r); r.row[0] is the number of the first row. */
#ifndef SHUNT_RELATE_SORT_H
#define SHUNT_RELATE_SORT_H

#include "query/order_path.h"

typedef struct sort_ranks {
  uint32_t *rank; /* of each row */
  uint32_t *row;  /* of each rank */
  bool *tied;     /* by rank: the row equals the one before it in all terms */
} sort_ranks;

/* A term of an order. */
typedef struct sort_by {
  const driver_column *of; /* how the values compare; NULL: as numbers */
  int column;              /* of the rows */
  bool descending;
  bool nulls_moved; /* as in order_term */
} sort_by;

typedef struct sort_spec {
  const order_ranks *ranks; /* of the order that sort_terms reads; NULL: none */
  const site *at;           /* its engine's order is used */
  const sort_by *by;
  size_t n;
  const shunt_rows *rows;
} sort_spec;

/* Makes terms of names such as "-total", followed by the primary key; all must be columns of the rows. terms has room
 * for norder + KEY_MOST. Errors: those of order_operand. */
shunt_status sort_terms(call *c, const sort_spec *spec, const char *const *order, size_t norder, sort_by *terms,
                        size_t *n);
/* Orders as the engine would. */
shunt_status sort_rows(call *c, const sort_spec *spec, arena *scratch, sort_ranks *out);

/* Sets the number of rows and their clients. False when out of memory. */
bool sort_set_origins(shunt_rows *rows, const uint32_t *clients, size_t count);
/* Replaces the rows with those at these positions, in this order; a position may occur several times or never. */
shunt_status sort_pick(call *c, shunt_rows *rows, const uint32_t *positions, size_t n, arena *scratch);

#endif
