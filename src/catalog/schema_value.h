/* For: one value of a setting, for the files of the schema and for drivers that read their options.
 * Owner: a text in the result is borrowed from the node, or from `room`.
 * Use: shunt_value v; if (!schema_read(s, f, n, &v)) … */
#ifndef SHUNT_CATALOG_SCHEMA_VALUE_H
#define SHUNT_CATALOG_SCHEMA_VALUE_H

#include "catalog/schema.h"

/* The value in the units of the row's type: the position of a word, a duration in ms, a size in bytes. False if the
 * node is absent, of another type, or out of bounds. */
bool schema_read(const schema *s, const schema_field *f, const node *n, shunt_value *out);
/* The same from text. */
bool schema_read_text(const schema *s, const schema_field *f, const char *text, shunt_value *out);
/* loose: case, - and _ make no difference. */
bool schema_same_name(const char *a, const char *b, bool loose);

#endif
