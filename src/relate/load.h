/* For: hanging the related rows on rows: one statement per relation, level and datasource (and part). Relations that
 * don't wait for each other are asked at the same time; each goes on as soon as its own rows are there.
 * Owner: children belong to the rows they hang on, as soon as they hang there, which is when all are loaded.
 * Use: plan_make(…, &p); select_run(…, rows); load_relations(c, &(parents){rows, shape}, &p, SHUNT_READ); */
#ifndef SHUNT_RELATE_LOAD_H
#define SHUNT_RELATE_LOAD_H

#include "relate/fetch.h"
#include "relate/plan.h"

/* op is what the rows are read for. Errors: those of access_find and select_run. */
shunt_status load_relations(call *c, const parents *from, const plan *p, shunt_op op);

/* ---- between load.c, loading.c and link.c ---- */

typedef struct loading loading;
typedef struct links links;

/* One relation of one level, while it is loaded: load.c makes it. */
struct loading {
  call *c;
  parents parents;
  const plan_relation *p;
  shunt_op op;
  arena scratch; /* until the relation is loaded */
  /* of all parents, and which of them each has, as rows_attach takes it */
  shunt_rows *children;
  const driver_table *child_shape;
  uint32_t *starts, *items;
  /* what it waits for, and what comes then; NULL: it is loaded */
  fetch fetch;
  shunt_status (*resume)(loading *l);
  select_spec q;
  bool cut;            /* limits count here, and not in the statements */
  shunt_rows *between; /* belongs_to_many: of the through model */
  links *links;
  loading *next;
};

/* What the target's rows are asked for, but for their keys. needed is added to what the children's relations need. */
shunt_status load_target_spec(const loading *l, const char *const *needed, size_t nneeded, select_spec *out);
route_request load_target_request(const loading *l);
/* Asks for the rows of all groups, into rows; what comes then is resume. */
shunt_status load_ask(loading *l, select_spec *q, shunt_rows *rows, shunt_status (*resume)(loading *l));
/* starts and items, for so many items. */
shunt_status load_room(loading *l, uint64_t nitems);
/* Cuts n items of one parent to what q's limit and offset leave. Returns how many that is. */
uint32_t load_cut(const select_spec *q, uint32_t *items, uint32_t n);
/* Children that a limit has cut off from all parents go, so that nothing is loaded for them. */
shunt_status load_drop_unrelated(loading *l);
shunt_status load_nothing(loading *l); /* for no parent anything */

shunt_status link_begin(loading *l); /* link.c: belongs_to_many */

#endif
