/* For: texts that are numbers, of any length, digit by digit.
 * Use: if (digits_are_number(&text) && !digits_fit_double(&text)) … */
#ifndef SHUNT_QUERY_DIGITS_H
#define SHUNT_QUERY_DIGITS_H

#include "shunt.h"

/* Whether a text is a number literal of SQL, with blanks around it or without. */
bool digits_are_number(const shunt_value *text);
/* Whether it is "NaN", "Infinity" or "-Infinity". */
bool digits_are_word(const shunt_value *text);
/* Whether it is a number that is not 0, but too close to 0 for a double. False for values of other types. */
bool digits_underflow(const shunt_value *value);
/* Whether it has neither point nor exponent. */
bool digits_are_integer(const shunt_value *text);
/* Whether a floating-point number of 64 bits, written with as few digits as it needs, gives the same number. */
bool digits_fit_double(const shunt_value *text);

#endif
