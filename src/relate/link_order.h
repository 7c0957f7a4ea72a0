/* For: the order of targets that come through links. Its terms are columns of the targets and, with "link." in front,
 * of the links: two tables, which may lie on two engines.
 * Owner: runs live in the call's arena, the rest in the loading's scratch arena.
 * Use: link_order_make(l, &spec, &order); link_order_at(l, &spec); … link_order_sort(l, &order, &pairs); */
#ifndef SHUNT_RELATE_LINK_ORDER_H
#define SHUNT_RELATE_LINK_ORDER_H

#include "relate/load.h"

/* Consecutive terms over one of the two tables. */
typedef struct order_run {
  bool of_links;
  const char **terms; /* without "link." */
  size_t n;
  bool key; /* after the terms, the table's primary key */
} order_run;

/* The runs, one after the other. Without runs the rows have no order. */
typedef struct link_order {
  order_run *runs;
  size_t n;
} link_order;

/* The links of all parents, in the order of the parents. */
struct links {
  key_columns to_target; /* of the rows between */
  site at;               /* of the rows between */
  size_t count;
  uint32_t *row;    /* among the rows between */
  uint32_t *parent; /* in the parents */
  link_order order;
  order_ranks ranks; /* for columns of the links that lead to another datasource */
};

/* A link, by its number among the links, and the number of a target that it leads to. */
typedef struct pairs {
  uint32_t *link, *target;
  size_t count;
} pairs;

/* Divides l->q's order into runs; l->q keeps those terms by which one statement can order the targets. The columns that
 * are compared here are needed by l->q and by `of_links`. Errors: MEMORY. */
shunt_status link_order_make(loading *l, select_spec *of_links, link_order *out);
/* Once the site of the links is known: checks the order's columns there, and lets `of_links` fetch the key that ends
 * it. Errors: those of site_column. */
shunt_status link_order_at(loading *l, select_spec *of_links);
/* Puts the pairs into the order within each parent; the parents stay in theirs. Errors: those of sort_rows. */
shunt_status link_order_sort(loading *l, const link_order *order, pairs *p);

#endif
