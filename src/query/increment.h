/* For: columns to which the database adds a number.
 * Use: increment_check(c, &at, &t, i, &number); increment_write(sql, at.engine, column, &number); */
#ifndef SHUNT_QUERY_INCREMENT_H
#define SHUNT_QUERY_INCREMENT_H

#include "query/write_inner.h"

/* Whether column i of the targets holds numbers, and the value is one. Errors: USAGE. */
shunt_status increment_check(call *c, const site *at, const targets *t, size_t i, const shunt_value *v);
/* The sum of the column and the number, exact for exact columns. */
void increment_write(sql_text *sql, const driver_engine *engine, const driver_column *column, const shunt_value *v);

#endif
