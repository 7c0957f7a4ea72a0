/* For: writes that carry related rows along, in one unit of work.
 * Use: writing w = {.c = c}; unit_begin(c, &w.u); status = nested_insert(&w, …); return unit_end(c, &w.u, status); */
#ifndef SHUNT_RELATE_NESTED_H
#define SHUNT_RELATE_NESTED_H

#include "query/write.h"
#include "relate/group.h"
#include "relate/plan.h"
#include "session/unit.h"

typedef struct writing {
  call *c;
  unit u;
} writing;

/* Every related row must be of a relation that is included, and that rows can be written along. */
shunt_status nested_check(const writing *w, const cat_model *model, const shunt_record *record, const plan *p);

/* Finds where rows are that have the request's values, checks that setting `set` leaves them there, and has the unit of
 * work join in. */
shunt_status nested_find(writing *w, const route_request *request, const shunt_field *set, size_t nset, access *out);

/* Writes one row, which is added to rows, and those of its relations, which need it there (without them, rows may be
 * NULL). request is without where; *at is where the row went. */
shunt_status nested_insert(writing *w, const route_request *request, const shunt_record *record, const plan *p,
                           shunt_rows *rows, const site **at);
/* Those of its relations alone; row is the parent's, which has the columns that the plan starts from. */
shunt_status nested_children(writing *w, const site *parent, const shunt_rows *rows, size_t row,
                             const shunt_record *record, const plan *p);
/* The rows, `most` of them (negative: all), that the condition holds of, with the columns that the plan needs. */
shunt_status nested_read(writing *w, const access *a, const plan *p, const shunt_where *where, int64_t most,
                         shunt_rows *rows);
/* parent_key: the parent's values of the relation's key. link_write.c: belongs_to_many */
shunt_status nested_link(writing *w, const site *parent, const plan_relation *p, const shunt_value *parent_key,
                         const shunt_record *child);
/* One of several kinds of children: where its row goes, whatever values that has. */
route_request nested_request(const writing *w, const plan_relation *p, const site *parent);

/* ---- keys of records ---- */

/* The fields of a record that are its key. */
typedef struct record_key {
  const shunt_field *list[KEY_MOST];
  size_t n; /* 0: the record has no such key */
} record_key;

/* Without a key where the record lacks a field of it, or has a null there. */
record_key nested_key(const shunt_record *record, const key_names *names);
bool nested_is_key(const record_key *key, const shunt_field *field);
/* The conditions that a key has these values; returns how many they are. */
size_t nested_key_is(const record_key *key, shunt_where items[KEY_MOST]);
size_t nested_values_are(const key_names *names, const shunt_value *values, shunt_where items[KEY_MOST]);

/* cascade.c: deletes the rows of the plan's relations, of parents that are there with the keys that it needs. */
shunt_status cascade_delete(writing *w, const parents *from, const plan *p);
shunt_status cascade_check(const writing *w, const plan *p);

#endif
