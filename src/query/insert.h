/* For: inserting records into one table, with their rows back and with on_conflict if they are asked for.
 * Owner: an insertion is a value; what it points to is the caller's. Use: insertion in = {.records = list, .n = n,
 * .conflict = options->on_conflict}; status = insert_records(c, &at, &in); */
#ifndef SHUNT_QUERY_INSERT_H
#define SHUNT_QUERY_INSERT_H

#include "query/upsert.h"

typedef struct insertion {
  const shunt_record *records; /* write_same_columns holds for them */
  size_t n;
  const shunt_conflict *conflict; /* NULL: a row that is there already is an error */
  shunt_rows *rows;               /* gets the row of each record, in their order; NULL: not wanted */
  int64_t affected;               /* out: rows that were inserted or updated */
} insertion;

/* In as many statements as they need; run it in a transaction. Errors: those of write_insert, CONFLICT: the database
 * gave fewer rows back than it was given. */
shunt_status insert_records(call *c, const site *at, insertion *in);

/* ---- between insert.c and insert_many.c ---- */

typedef struct insert_plan {
  const site *at;
  targets t;
  const upsert *u; /* NULL: no on_conflict */
} insert_plan;

bool insert_returns(const site *at);
void insert_into(sql_text *sql, const insert_plan *p);
void insert_values(sql_text *sql, const insert_plan *p, const shunt_field *fields);
void insert_end(sql_text *sql, const insert_plan *p, const shunt_rows *rows);
shunt_status insert_check_room(call *c, const insert_plan *p);
/* One row; an insert without columns too. rows may be NULL. */
shunt_status insert_one(call *c, const insert_plan *p, const shunt_field *fields, shunt_rows *rows, int64_t *affected);
/* Names the rows' columns, if they have none. */
shunt_status insert_name_rows(call *c, const site *at, shunt_rows *rows);

#endif
