/* For: writes on tables and views with triggers: the row as it is once they have run, and how many rows they wrote.
 * Use: status = statement_run(…, rows, …); if (!status && shape->touched) status = triggers_reread(c, at, rows); */
#ifndef SHUNT_QUERY_TRIGGERS_H
#define SHUNT_QUERY_TRIGGERS_H

#include "query/site.h"

/* Reads the last of the rows again, which an INSERT has returned. It stays as it is if the table has no primary key, or
 * if no row has its key any more. */
shunt_status triggers_reread(call *c, const site *at, shunt_rows *rows);
/* statement_run for a table whose rows only RETURNING counts. rows may be NULL. */
shunt_status triggers_count(call *c, sql_text *sql, const site *at, shunt_rows *rows, int64_t *written);

#endif
