/* For: comparing values by meaning, from whatever engine they come: 1, 1.0, true and "1" are one key.
 * Owner: canonical values borrow the bytes of the values that they are made from. */
#ifndef SHUNT_QUERY_VALUE_H
#define SHUNT_QUERY_VALUE_H

#include "base/number.h"
#include "driver/driver.h"

/* The canonical form of a value: an integer if it is a whole number of 64 bits, also if it is text in plain digits
 * ("1", but not "01"); otherwise the value itself. numeric: text that reads as a number is that number, as SQL compares
 * it with a numeric column ("01", " 1.0"). */
shunt_value value_canonical(const shunt_value *value, bool numeric);
/* The same with numeric, for exact numbers: a text is its exact value, with an exponent too, and one with more digits
 * than a double holds stays text. */
shunt_value value_exact(const shunt_value *value);
/* For two canonical values. Null equals nothing. */
bool value_equal(const shunt_value *a, const shunt_value *b, driver_collation collation);
/* Whether both are of one type and have the same bytes, so that nothing distinguishes them. */
bool value_same(const shunt_value *a, const shunt_value *b);
/* Negative, 0 or positive, in SQLite's order: null, numbers, text, blobs; NaN after all other numbers. */
int value_compare(const shunt_value *a, const shunt_value *b, driver_collation collation);
/* For two texts or two blobs, as if pad followed the shorter one without end. pad may be empty. */
int value_compare_padded(const shunt_value *a, const shunt_value *b, const shunt_value *pad);

/* The number of digits after the point of a number or a time, without zeros at the end. */
int value_digits(const shunt_value *value);

/* Writes a number as text, into VALUE_TEXT_BYTES: the shortest that reads back as the same number. Returns the size. */
enum { VALUE_TEXT_BYTES = NUMBER_BYTES + 2 };
size_t value_as_text(const shunt_value *number, char *room);
/* Whether every engine writes the same text for the floating-point number: few digits, and no exponent. */
bool value_is_plain(double number);
/* What columns of texts keep of a number or a boolean, and are compared with: its digits, or a word. Any other value is
 * itself. Without memory, the text has no bytes. */
shunt_value value_in_texts(arena *a, const shunt_value *value);

/* Copies the value's bytes into the arena, so that they outlive the rows that they lie in. False when out of memory. */
bool value_own(arena *a, shunt_value *value);

/* For messages; a long text is cut. */
enum { VALUE_SHOWN_BYTES = 96 };
const char *value_show(const shunt_value *value, char room[VALUE_SHOWN_BYTES]);

#endif
