/* For: writing a row together with its related rows, in one unit of work.
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

/* The key of one row, and the columns that its values come from (without columns: they are the caller's). */
typedef struct sole_key {
  key_names names;
  key_columns from;
  shunt_value values[KEY_MOST];
} sole_key;

/* Checks that every related row belongs to an included relation that can be written along. */
shunt_status nested_check(const writing *w, const cat_model *model, const shunt_record *record, const plan *p);
/* The relation of that name in the plan; NULL: not included. */
const plan_relation *nested_relation(const plan *p, const char *name);

/* Finds the site where a row with the request's values is stored, and joins the unit of work to it. */
shunt_status nested_place(writing *w, const route_request *request, access *out);

/* Finds the one site of all rows with the request's values, checks that setting `set` leaves them there, and joins the
 * unit of work to these sites. */
shunt_status nested_find(writing *w, const route_request *request, const shunt_field *set, size_t nset, access *out);

/* The same for all sites that may have rows for which the condition holds; joins nothing. */
shunt_status nested_find_all(writing *w, const route_request *request, const shunt_where *where, const shunt_field *set,
                             size_t nset, access *out);

/* Inserts a row and adds it to rows, then its related rows, which need it there (rows may be NULL without them).
 * request has no where; *at is where the row went. */
shunt_status nested_insert(writing *w, const route_request *request, const shunt_record *record, const plan *p,
                           shunt_rows *rows, const site **at);
/* Writes only the related rows. `row` is the parent's number in rows, which have the columns that the plan starts from.
 */
shunt_status nested_children(writing *w, const site *parent, const shunt_rows *rows, size_t row,
                             const shunt_record *record, const plan *p);
/* Reads the rows that the filter finds, at most `most` (negative: all), with the columns that the plan needs. */
shunt_status nested_read(writing *w, const access *a, const plan *p, const filter *f, int64_t most, shunt_rows *rows);
/* The request for a child's row, without its values. */
route_request nested_request(const writing *w, const plan_relation *p, const site *parent);

/* ---- keys of records ---- */

/* The fields of a record that are its key. */
typedef struct record_key {
  const shunt_field *list[KEY_MOST];
  size_t n; /* 0: the record has no such key */
} record_key;

/* Returns no key if the record lacks a field of it, has a null there, or is new. */
record_key nested_key(const shunt_record *record, const key_names *names);
bool nested_is_key(const record_key *key, const shunt_field *field);
/* The condition "key = these values"; returns the number of its items. */
size_t nested_key_is(const record_key *key, shunt_where items[KEY_MOST]);
sole_key nested_sole_key(const record_key *key);
/* The key in a row that was read or inserted at the site. Errors: those of site_key_columns. */
shunt_status nested_key_of_row(writing *w, const site *at, const key_names *names, const shunt_rows *rows, size_t row,
                               sole_key *out);
/* The rows that have this key, and another one if also is not NULL: those that a relation over these columns finds. */
shunt_status nested_filter(writing *w, const access *a, const sole_key *key, const sole_key *also, filter *out);
/* What the rules see of it. False when out of memory. */
bool nested_equalities(equalities *where, const sole_key *key);

/* ---- nested_link.c ---- */

/* A link between a parent and a target: the two keys in the through model. */
typedef struct link_row {
  const site *parent;
  const plan_relation *p;
  sole_key to_parent, to_target;
} link_row;

/* Links the two and sets the columns that the target gives for its link, or unlinks them. */
shunt_status nested_write_link(writing *w, const link_row *l, const shunt_record *target);

/* cascade.c: deletes the related rows of parents that were read with the columns that the plan needs. */
shunt_status cascade_delete(writing *w, const parents *from, const plan *p);
shunt_status cascade_check(const writing *w, const plan *p);

#endif
