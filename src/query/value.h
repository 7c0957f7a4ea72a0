/* For: comparing values by what they mean, whatever engine they come from: 1, 1.0, true and "1" are one key.
 * Owner: canonical values borrow the bytes of what they were made of. */
#ifndef SHUNT_QUERY_VALUE_H
#define SHUNT_QUERY_VALUE_H

#include "driver/driver.h"

/* The one form of a value: an integer where it is a whole number that 64 bits hold, written in digits too ("1", but not
 * "01"); else what it is. numeric: text that reads as a number is that number, as SQL compares it with a number column
 * ("01", " 1.0"). */
shunt_value value_canonical(const shunt_value *value, bool numeric);
/* The same, numeric, for values that stand for exact numbers: a decimal of more digits than a double tells apart stays
 * text. */
shunt_value value_exact(const shunt_value *value);
/* Of two canonical values. Null equals nothing. */
bool value_equal(const shunt_value *a, const shunt_value *b, driver_collation collation);
uint64_t value_hash(const shunt_value *canonical, driver_collation collation);
/* Below, at or above zero, as SQLite orders: null, numbers, text, blobs. */
int value_compare(const shunt_value *a, const shunt_value *b, driver_collation collation);
/* Of two texts or two blobs, as if pad followed the shorter one for ever. pad may be empty. */
int value_compare_padded(const shunt_value *a, const shunt_value *b, const shunt_value *pad);

/* How many digits stand after the point of a number or a time, those at the end that say nothing left out. */
int value_digits(const shunt_value *value);

/* A number as its text, in room for VALUE_TEXT_BYTES. Returns its size. */
enum { VALUE_TEXT_BYTES = 40 };
size_t value_as_text(const shunt_value *number, char *room);

#endif
