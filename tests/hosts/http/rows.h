/* For: rows of shunt as JSON, with their related rows. Owner: the caller, who ends it with json_decref.
 * Use: json_t *user = rows_object(rows, 0); */
#ifndef HTTP_ROWS_H
#define HTTP_ROWS_H

#include <jansson.h>
#include <shunt.h>

/* A row as an object: its columns, then a relation's name with an array (has_many, belongs_to_many) or with an object
 * or null (has_one, belongs_to). NULL if there is no memory, or a text that JSON can't hold. */
json_t *rows_object(const shunt_rows *rows, size_t row);

#endif
