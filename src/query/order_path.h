/* For: terms of an order that may name a column of another row: "author.name", "-author.company.name nulls last". Each
 * name but the last is a belongs_to or has_one relation; a row without the other one counts as null.
 * Owner: operands live in the call's arena.
 * Use: order_operand(&w, &q.ranks, q.order[i], &term, &o); order_write(&w, &o, o.column->nullable, &term). If the other
 * rows may lie on another datasource, order_rank (order_rank.h) comes first. */
#ifndef SHUNT_QUERY_ORDER_PATH_H
#define SHUNT_QUERY_ORDER_PATH_H

#include "query/order.h"
#include "query/related.h"

/* The places of other rows in their order: a statement that has them joins them as a table, in the column KEY_RANK. */
typedef struct order_rank {
  const char *path;
  const char *column; /* of the rows to order, with the keys of the other rows */
  const shunt_value *keys;
  const uint32_t *places; /* of each key */
  size_t n;
} order_rank;

typedef struct order_ranks {
  order_rank *list;
  size_t n;
} order_ranks;

/* Whether a term may lead to another row. */
bool order_has_path(const char *const *order, size_t n);
/* Whether a name that an order gives is no column of the site, but leads to one. */
bool order_is_path(const site *at, const char *name);
/* The operand has a column, whose name is the term's: a path's is made up, and nullable. w needs no text. Errors: those
 * of site_column and access_find; NOT_FOUND, USAGE if the path leads nowhere. */
shunt_status order_operand(const comparison *w, const order_ranks *ranks, const char *term, order_term *out,
                           operand *o);
/* *joins: whether the site's database has all rows that the path leads to. */
shunt_status order_path_joins(const comparison *w, const char *path, bool *joins);
/* The first step of the path, and the path from there. Errors: as for order_operand. */
shunt_status order_path_step(const comparison *w, const char *path, related_rows *x, related_step *s,
                             const char **rest);
/* The number of the path's rank, or -1. ranks may be NULL. */
int order_rank_of(const order_ranks *ranks, const char *path);
/* The keys of a rank, as the site's column. Errors: those of site_column. */
shunt_status order_rank_keys(call *c, const site *at, const order_rank *rank, key_list *out);

#endif
