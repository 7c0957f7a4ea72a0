/* For: the declared types of a model's columns: rows are converted when they are given to the caller, values when they
 * are written or compared. Between, keys and rows are what the engine gives. Use: types_mark(c, at, rows) where the
 * rows get their columns; types_give(c, rows) at the end of the call. */
#ifndef SHUNT_QUERY_TYPES_H
#define SHUNT_QUERY_TYPES_H

#include "query/site.h"

/* NULL: the column has no declared type. */
const cat_typed *types_of(const cat_model *model, const char *column);
/* Notes where the rows come from. Errors: MEMORY. */
shunt_status types_mark(call *c, const site *at, shunt_rows *rows);
/* Converts the rows and those that hang on them, each once. Errors: DATASOURCE: a value is not of its column's type. */
shunt_status types_give(call *c, shunt_rows *rows);
/* Converts one cell of the rows. */
shunt_status types_give_cell(call *c, const site *at, const driver_column *column, shunt_rows *rows, shunt_value *cell);
/* Replaces *fields, which are written, by converted copies, if the model declares types. Errors: USAGE; CONSTRAINT if
 * the column's type on SQLite is too small; MEMORY. */
shunt_status types_fields(call *c, const site *at, const shunt_field **fields, size_t n);
/* The same for values that are compared with a column. */
shunt_status types_values(call *c, const site *at, const driver_column *column, const shunt_value **values, size_t n);

#endif
