/* For: the columns of a write and its values, for the files of this folder that write.
 * Owner: targets live in the call's arena. Use: write_settable(c, &at, WRITE_INSERT, &fields, &n); write_targets(c,
 * &at, fields, n, &t); write_check_values(c, &at, &t, fields); … write_run(c, sql, &at, NULL, &affected); */
#ifndef SHUNT_QUERY_WRITE_INNER_H
#define SHUNT_QUERY_WRITE_INNER_H

#include "query/write.h"

/* The columns to write, and the instance column, which only shunt sets. */
typedef struct targets {
  const driver_column **columns;
  size_t n;
  const driver_column *instance; /* NULL: the model has no such column */
  const driver_column *stamp;    /* the instance column, if the row does not name it */
  shunt_value stamped;
} targets;

static inline size_t write_width(const targets *t) { return t->n + (t->stamp ? 1 : 0); }

/* By name: if the table changes during a call, it is described again, in other structs. */
bool write_same_column(const driver_column *a, const driver_column *b);
typedef enum write_kind { WRITE_INSERT, WRITE_UPSERT, WRITE_UPDATE } write_kind;

/* Leaves out the fields of columns that the database computes, adds the times that the model's columns get, and
 * converts all to the declared types. */
shunt_status write_settable(call *c, const site *at, write_kind kind, const shunt_field **fields, size_t *n);
/* The time of the call, as the column keeps it. Errors: USAGE: the column can't hold times. */
shunt_status write_now(call *c, const site *at, const driver_column *column, shunt_value *v);
shunt_status write_targets(call *c, const site *at, const shunt_field *fields, size_t n, targets *t);
/* A row that names the instance column must give the session's instance. */
shunt_status write_check_instance(call *c, const site *at, const targets *t, const shunt_field *fields);
/* keeps_check for each. */
shunt_status write_check_values(call *c, const site *at, const targets *t, const shunt_field *fields);
/* How many parameters a statement over several rows takes: on some engines more are slower. */
size_t write_many_params(const shunt_session *s, const site *at);
/* How many bytes the values take in a statement, nearly. */
size_t write_bytes(const shunt_field *fields, size_t n);
/* Runs the statement and gives it back. Adds to *affected, which may be NULL. */
shunt_status write_run(call *c, sql_text *sql, const site *at, shunt_rows *rows, int64_t *affected);

#endif
