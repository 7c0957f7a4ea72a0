/* For: INSERT, UPDATE and DELETE on one table.
 * Use: write_insert(s, &a, fields, n, rows, err); write_update(s, &a, fields, n, &filter, &affected, err). */
#ifndef SHUNT_QUERY_WRITE_H
#define SHUNT_QUERY_WRITE_H

#include "query/filter.h"

/* Adds the row as the database has it now to rows (NULL: it is not read). The instance column is stamped. Errors: those
 * of access_column and statement_run, USAGE. */
shunt_status write_insert(shunt_session *s, const access *a, const shunt_field *fields, size_t n, shunt_rows *rows,
                          shunt_error *err);
/* Whether both have the same columns in the same order, so that they fit into one statement. */
bool write_alike(const shunt_record *a, const shunt_record *b);
/* Records that are alike, in as many statements as they take. */
shunt_status write_insert_many(shunt_session *s, const access *a, const shunt_record *records, size_t n,
                               int64_t *inserted, shunt_error *err);

/* Which rows is the filter's to say; its keys are all asked for, in as many statements as it takes. *affected is added
 * to. */
shunt_status write_update(shunt_session *s, const access *a, const shunt_field *fields, size_t n, const filter *f,
                          int64_t *affected, shunt_error *err);
shunt_status write_delete(shunt_session *s, const access *a, const filter *f, int64_t *affected, shunt_error *err);

#endif
