/* For: the forms of values that a column keeps as they are (driver_form), for texts mostly.
 * Use: if (!form_holds(column, &value)) … form_expected(column->form) … */
#ifndef SHUNT_QUERY_FORM_H
#define SHUNT_QUERY_FORM_H

#include "driver/driver.h"

/* Whether the value, which is not null, has the column's form. */
bool form_holds(const driver_column *column, const shunt_value *v);
/* To follow "the column": "takes …". */
const char *form_expected(driver_form form);

#endif
