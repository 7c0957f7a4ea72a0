/* For: texts that are numbers, of any length, digit by digit.
 * Use: if (digits_are_number(&text) && !digits_fit_double(&text)) … */
#ifndef SHUNT_QUERY_DIGITS_H
#define SHUNT_QUERY_DIGITS_H

#include "base/arena.h"
#include "shunt.h"

/* Whether a text is a number literal of SQL, with blanks around it or without. */
bool digits_are_number(const shunt_value *text);
/* Whether it is "NaN", "Infinity" or "-Infinity". */
bool digits_are_word(const shunt_value *text);
/* Whether it is a number that is not 0, but too close to 0 for a double. False for values of other types. */
bool digits_underflow(const shunt_value *value);
/* Whether it is a number with a minus sign. */
bool digits_are_negative(const shunt_value *text);
/* Whether it is a whole number of 64 bits, in whatever form: "7", "7.0", "0.7e1". */
bool digits_as_integer(const shunt_value *text, int64_t *out);
/* How many digits it has before the point and after it, without an exponent and zeros at the ends. False: no number. */
bool digits_places(const shunt_value *text, long *whole, long *fraction);
/* Writes a number of that many digits before the point in plain form: "1.5e1" is "15". Digits beyond `scale` ones after
 * the point are cut off; cut: and a 5 follows, so that the number stays between the two that have such a scale. Without
 * memory, the text has no bytes. */
shunt_value digits_plain(arena *a, const shunt_value *text, long scale, bool cut);
/* Whether it has neither point nor exponent. */
bool digits_are_integer(const shunt_value *text);
/* Whether a floating-point number of 64 bits, written with as few digits as it needs, gives the same number. */
bool digits_fit_double(const shunt_value *text);

#endif
