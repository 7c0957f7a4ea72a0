/* For: writes that carry related rows along, in one unit of work.
 * Use: writing w = {.s = s, .err = err}; unit_begin(s, &w.u); status = nested_insert(&w, …);
 * return unit_end(s, &w.u, status, err). */
#ifndef SHUNT_RELATE_NESTED_H
#define SHUNT_RELATE_NESTED_H

#include "query/unit.h"
#include "query/write.h"
#include "relate/plan.h"

typedef struct writing {
  shunt_session *s;
  unit u;
  shunt_error *err;
} writing;

/* Every related row must be of a relation that is included, and that rows can be written along. */
shunt_status nested_check(const writing *w, const cat_model *model, const shunt_record *record, const plan *p);

/* Takes the decision for rows that are known to have these values, and checks that setting `set` leaves them there. The
 * equalities are in s->where. */
shunt_status nested_place(writing *w, route_request *request, const shunt_field *set, size_t nset, access *out);

/* Writes one row, which is added to rows, and those of its relations, which need it there (without them, rows may be
 * NULL). request is without where; *a says where the row went. */
shunt_status nested_insert(writing *w, const route_request *request, const shunt_record *record, const plan *p,
                           shunt_rows *rows, access *a);
/* Those of its relations alone; row is the parent's, which has the columns that the plan starts from. */
shunt_status nested_children(writing *w, const access *parent, const shunt_rows *rows, size_t row,
                             const shunt_record *record, const plan *p);
/* The row with this key that all conditions hold of, with the columns that the plan needs; count 0 where there is none.
 */
shunt_status nested_read(writing *w, const access *a, const plan *p, const shunt_where *where, int64_t most,
                         shunt_rows *rows);
shunt_status nested_link(writing *w, const access *parent, const plan_relation *p, const shunt_value *key,
                         const shunt_record *child); /* link_write.c: belongs_to_many */
/* One of several kinds of children: where its row goes, whatever values that has. */
route_request nested_request(const writing *w, const plan_relation *p, const access *parent);
/* NULL where the record has none, or a null. */
const shunt_field *nested_field(const shunt_record *record, const char *name);

/* cascade.c: deletes the rows of the plan's relations, of parents that are there with the keys that it needs. */
shunt_status cascade_delete(writing *w, shunt_rows *parents, const driver_table *shape, const plan *p);
shunt_status cascade_check(const writing *w, const plan *p);

#endif
