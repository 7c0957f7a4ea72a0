/* For: INSERT, UPDATE and DELETE on one table.
 * Use: write_insert(c, &at, fields, n, rows); write_update(c, &a, fields, n, &filter, &affected). */
#ifndef SHUNT_QUERY_WRITE_H
#define SHUNT_QUERY_WRITE_H

#include "query/access.h"
#include "query/filter.h"

/* Inserts a row and adds it to rows as the database has it now (rows NULL: it is not read). Sets the instance column.
 * Errors: those of site_column and statement_run, USAGE. */
shunt_status write_insert(call *c, const site *at, const shunt_field *fields, size_t n, shunt_rows *rows);
/* Whether both have the same columns in the same order, and so fit into one statement. */
bool write_same_columns(const shunt_record *a, const shunt_record *b);

/* Change the rows that the filter finds, at all sites, in as many statements as its keys need. Add to *affected. */
shunt_status write_update(call *c, const access *a, const shunt_field *fields, size_t n, const filter *f,
                          int64_t *affected);
/* New values, and numbers that the database adds to columns. */
typedef struct write_set {
  const shunt_field *fields;
  size_t n;
  const shunt_field *increments;
  size_t nincrements;
} write_set;
shunt_status write_change(call *c, const access *a, const write_set *set, const filter *f, int64_t *affected);
shunt_status write_delete(call *c, const access *a, const filter *f, int64_t *affected);

#endif
