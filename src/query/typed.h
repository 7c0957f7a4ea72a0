/* For: the one form that a value has as a type of a model (cat_type), whatever engine it comes from.
 * Use: if (!typed_convert(CAT_TYPE_DATE, column, &value, &arena, &out)) … the value is no date … */
#ifndef SHUNT_QUERY_TYPED_H
#define SHUNT_QUERY_TYPED_H

#include "catalog/catalog.h"
#include "driver/driver.h"

/* For a value that is not null. out borrows the value's bytes or the arena's. SQLite keeps no zeros at the end of a
 * decimal: it gets as many digits after the point as the column's declared type says. Without memory,
 * out is a text with a size and without bytes. False: the value is not of the type. */
bool typed_convert(cat_type type, const driver_column *column, const shunt_value *v, arena *a, shunt_value *out);
/* The s of a column's type such as DECIMAL(p, s); 0 without it. */
size_t typed_scale(const driver_column *column);

#endif
