/* For: refusing what a column would store with a change and no error: digits that it rounds away, blanks and times that
 * it cuts, numbers that it takes for an index. What the engine refuses by itself is left to the engine. Use: status =
 * keeps_check(c, at, column, &value); if (!status) keeps_write(sql, column, &value); */
#ifndef SHUNT_QUERY_KEEPS_H
#define SHUNT_QUERY_KEEPS_H

#include "query/site.h"
#include "query/sql.h"

/* Errors: CONSTRAINT, with the model, the column, its type and the value. */
shunt_status keeps_check(call *c, const site *at, const driver_column *column, const shunt_value *v);
/* Whether the column would keep all of a document, for a condition that compares with it. Errors: the code; MEMORY. */
shunt_status keeps_document(call *c, const site *at, const driver_column *column, const shunt_value *v,
                            shunt_status code);
/* What is sent to the engine for a value that passed the check, so that every engine stores the same. */
shunt_value keeps_value(const driver_column *column, const shunt_value *v);
/* Writes a value that passed the check, as SQL of an INSERT or UPDATE. */
void keeps_write(sql_text *sql, const driver_column *column, const shunt_value *v);

#endif
