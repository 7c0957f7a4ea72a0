/* For: the values that every engine keeps in columns of a declared type, whatever the model's own engine would take. On
 * SQLite, the limits of the column's type hold too, which servers enforce themselves. Use: a value that typed_convert
 * gave is written only if typed_fits(CAT_TYPE_DATE, column, &value).why is NULL. */
#ifndef SHUNT_QUERY_TYPED_FITS_H
#define SHUNT_QUERY_TYPED_FITS_H

#include "catalog/catalog.h"
#include "driver/driver.h"

typedef struct typed_fit {
  shunt_status status; /* USAGE: the value is outside of the type; CONSTRAINT: the column is too small for it; MEMORY */
  const char *why;     /* NULL: the value fits; otherwise to follow "the value" */
} typed_fit;

typed_fit typed_fits(cat_type type, const driver_column *column, const shunt_value *v);

#endif
