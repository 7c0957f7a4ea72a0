/* For: rows as JSON: an object for each row; a relation's name holds an array, an object or null, or a number if its
 * rows were counted. Use: status = rows_json(&b, rows, err); a lack of memory shows in b.failed. */
#ifndef SHUNT_ROWS_JSON_H
#define SHUNT_ROWS_JSON_H

#include "base/json_write.h"
#include "rows/rows.h"

/* All rows, as an array. Of columns with the same name the last one counts, and a relation hides a column of its name.
 * Errors: USAGE: a column holds NaN or an infinity. */
shunt_status rows_json(buf *to, const shunt_rows *rows, shunt_error *err);
/* The first row, or null. */
shunt_status rows_json_first(buf *to, const shunt_rows *rows, shunt_error *err);

#endif
