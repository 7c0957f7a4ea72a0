/* For: loading related rows: one statement per relation, level and datasource (and part). Relations that don't depend
 * on each other are read at the same time; each goes on as soon as its own rows are there. Owner: children belong to
 * the rows that they hang on. They are attached when all relations are loaded. Use: plan_make(c, model, include, n,
 * true, &p); select_run(c, &a, &q, rows); load_relations(c, &(parents){rows, shape}, &p, SHUNT_READ); */
#ifndef SHUNT_RELATE_LOAD_H
#define SHUNT_RELATE_LOAD_H

#include "relate/fetch.h"
#include "relate/plan.h"
#include "relate/sort.h"

/* op: what the rows are read for. Errors: those of access_find and select_run. */
shunt_status load_relations(call *c, const parents *from, const plan *p, shunt_op op);

/* ---- between load.c, loading.c and link.c ---- */

typedef struct loading loading;
typedef struct links links;

/* One relation of one level while it is loaded. load.c makes it. */
struct loading {
  call *c;
  parents parents;
  const plan_relation *p;
  shunt_op op;
  arena scratch; /* until the relation is loaded */
  /* children of all parents, and the children of each parent, as rows_attach takes them */
  shunt_rows *children;
  const driver_table *child_shape;
  uint32_t *starts, *items;
  uint64_t *counts; /* of each parent, in place of these, if the relation is only counted; else NULL */
  const uint32_t
      *numbers; /* aggregates: of each parent, the key number of its results or KEY_NONE; NULL: none has any */
  /* what it waits for, and the next step; NULL: the relation is loaded */
  fetch fetch;
  shunt_status (*resume)(loading *l);
  select_spec q;
  shunt_rows *between; /* belongs_to_many: of the through model; at the end one for each child, if links are shown */
  links *links;
  loading *next;
};

/* Whether each child shows its link. */
static inline bool load_shows_links(const loading *l) { return l->p->link && plan_has_rows(l->p); }
/* The SELECT of the target's rows, except for their keys. It also fetches `needed` and the columns that the children's
 * relations need. */
shunt_status load_target_spec(const loading *l, const char *const *needed, size_t nneeded, select_spec *out);
route_request load_target_request(const loading *l);
/* Asks for the rows of all groups; the next step is resume. */
shunt_status load_ask(loading *l, select_spec *q, shunt_rows *rows, shunt_status (*resume)(loading *l));
/* The same with another spec than l->q, for l->children; l->q keeps what sorting the rows needs. */
shunt_status load_ask_for(loading *l, select_spec *q, shunt_status (*resume)(loading *l));
/* Asks for the number of rows of each key. */
shunt_status load_ask_counts(loading *l, shunt_status (*resume)(loading *l));
/* Asks for aggregates of the rows in place of the rows: for each parent one row of results. Errors: USAGE too, if no
 * statement sees all rows that a limit would choose from. */
shunt_status load_ask_results(loading *l);
/* The same through links, whose parents these are: a row counts once for each link. */
shunt_status load_ask_linked_results(loading *l, const uint32_t *parent, size_t nlinks);
/* Gives each parent its row of results, or one without any. row_of: of each number, the row or KEY_NONE. */
shunt_status load_hang_results(loading *l, const uint32_t *row_of);
/* How many of a parent's n rows the relation shows. */
uint64_t load_shown(const loading *l, uint64_t n);
/* Errors: USAGE: more rows than there are numbers. */
shunt_status load_check_count(const loading *l, uint64_t n);
/* Allocates starts and items. */
shunt_status load_room(loading *l, uint64_t nitems);
/* Rows of several statements are put in order here: adds the columns of the order to those that are fetched, */
shunt_status load_need_order(const loading *l, select_spec *q);
/* finds the ranks of the children (nothing, if one statement has ordered them), */
shunt_status load_rank(loading *l, sort_ranks *out);
/* orders the n items of one parent, and applies q's limit and offset. Returns how many stay. */
uint32_t load_arrange(const select_spec *q, const sort_ranks *ranks, uint32_t *items, uint32_t n);
/* Whether the order matters: what is cut has one, if only by the primary key. */
bool load_is_ordered(const select_spec *q);
/* Drops the children that limits have cut off from all parents, so that nothing is loaded for them. */
shunt_status load_drop_unrelated(loading *l);
shunt_status load_nothing(loading *l); /* no parent has children */

shunt_status link_begin(loading *l); /* link.c: belongs_to_many */

#endif
