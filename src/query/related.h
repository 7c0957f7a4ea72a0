/* For: conditions over relations: some, none or every related row fulfils a condition.
 * Use: condition_write(&comparison, &related_columns, where). */
#ifndef SHUNT_QUERY_RELATED_H
#define SHUNT_QUERY_RELATED_H

#include "query/condition.h"
#include "query/related_keys.h"

/* The columns of the site, and the relations of its model. */
extern const condition_names related_columns;

/* ---- between related.c and the files of order_path ---- */

enum { RELATED_DEEPEST = 6 };

typedef struct related_rows {
  const condition_names *names;
  const cat_relation *r;
  const shunt_where *where; /* of the target's rows */
  bool violated;            /* every: looks for a row for which it is not true */
} related_rows;

/* From a row to the rows of another table with the same key. */
typedef struct related_step {
  key_columns outer; /* of the row */
  site at;           /* of the other table */
  key_columns inner;
  /* Writes what must hold for a row there, beside its key; it begins with AND. */
  shunt_status (*rest)(const comparison *w, const related_rows *x);
} related_step;

/* The step to the relation's rows, or to those of its through model. Errors: those of access_find and site_column. */
shunt_status related_find(const comparison *w, const related_rows *x, related_step *out);
/* Whether the step's two tables are in one database, which compares their keys as an include does. */
bool related_joins(const comparison *w, const related_step *s);
/* Whether its keys are equal by value on every engine, so that a program can compare them. */
bool related_equal_by_value(const related_step *s);
/* The place inside a subselect over the step's table. */
shunt_status related_inside(const comparison *w, const related_step *s, comparison *out);
/* " FROM table AS alias WHERE keys are equal AND the rest", for a step that joins. */
shunt_status related_write_from(const comparison *w, const comparison *in, const related_step *s,
                                const related_rows *x);
/* The column's name, with its table's. */
void related_write_column(const comparison *w, const driver_column *column);

#endif
