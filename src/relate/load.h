/* For: hanging the related rows on rows: one statement per relation, level and datasource (and part). Relations that
 * don't wait for each other are asked at the same time; each goes on as soon as its own rows are there.
 * Owner: children belong to the rows they hang on, as soon as they hang there, which is when all are loaded.
 * Use: plan_make(…, &p, err); select_run(…, rows, err); load_relations(s, rows, shape, &p, SHUNT_READ, err). */
#ifndef SHUNT_RELATE_LOAD_H
#define SHUNT_RELATE_LOAD_H

#include "query/select.h"
#include "relate/group.h"
#include "relate/plan.h"
#include "relate/sort.h"

/* shape is that of the parents' table, and may be NULL where there are no parents. op is what the rows are read for.
 * Errors: those of access_find and select_run. */
shunt_status load_relations(shunt_session *s, shunt_rows *parents, const driver_table *shape, const plan *p,
                            shunt_op op, shunt_error *err);

/* ---- between load.c and link.c ---- */

typedef struct loading loading;
typedef struct links links;

/* One relation of one level, while it is loaded. */
struct loading {
  shunt_session *s;
  shunt_rows *parents;
  const driver_table *shape;
  const plan_relation *p;
  shunt_op op;
  shunt_error *err;
  arena *scratch;       /* until the relation is loaded */
  shunt_rows *children; /* of all parents */
  const driver_table *child_shape;
  uint32_t *starts, *items; /* as rows_attach takes them */
  /* what it waits for, and what comes then; NULL: it is loaded */
  feed feed;
  shunt_status (*resume)(loading *l);
  grouped k;
  select_spec q;
  bool cut;            /* limits count here, and not in the statements */
  row_range *range;    /* of each group, in the feed's rows */
  shunt_rows *between; /* belongs_to_many: of the through model */
  links *links;
  arena own; /* is scratch */
  loading *next;
};

/* The column of the parents that the relation starts from, in their rows. */
shunt_status load_parent_column(const loading *l, const driver_column **column, int *index);
/* What the target's rows are asked for, but for their keys. needed is added to what the children's relations need. */
shunt_status load_target_spec(const loading *l, const char *const *needed, size_t nneeded, select_spec *out);
route_request load_target_request(const loading *l);
/* Asks for the rows of all groups, into rows; what comes then is resume. */
shunt_status load_groups(loading *l, const grouped *k, select_spec *q, shunt_rows *rows,
                         shunt_status (*resume)(loading *l));
/* The same, waiting for them. */
shunt_status load_groups_now(loading *l, const grouped *k, select_spec *q, shunt_rows *rows);
/* By key, the positions of the rows that have it: positions[starts[key]] … */
shunt_status load_by_key(const loading *l, grouped *k, const shunt_rows *rows, uint32_t **starts, uint32_t **positions);
/* starts and items, for so many items. */
shunt_status load_room(loading *l, uint64_t nitems);
/* Cuts n items of one parent to what q's limit and offset leave. Returns how many that is. */
uint32_t load_cut(const select_spec *q, uint32_t *items, uint32_t n);
/* Children that a limit has cut off from all parents go, so that nothing is loaded for them. */
shunt_status load_drop_unrelated(loading *l);
shunt_status load_nothing(loading *l); /* for no parent anything */

shunt_status link_begin(loading *l); /* link.c: belongs_to_many */

#endif
