/* For: numbers as the exact type of an engine whose casts bend what does not fit (driver_engine.decimal_type). Other
 * engines take every number.
 *
 * Idea: the type has as many digits after the point as the number, so that the number is cast exactly. A number that no
 * such type holds is replaced by one that compares in the same way with each that the column can hold: one with more
 * digits before the point than the column is beyond them all; one with more after it lies between two of them.
 *
 * Use: if (exact_fits(engine, column, &v)) … text = exact_text(&arena, engine, column, &v, type); */
#ifndef SHUNT_QUERY_EXACT_H
#define SHUNT_QUERY_EXACT_H

#include "base/arena.h"
#include "driver/driver.h"

enum { EXACT_TYPE_BYTES = 48 };

/* Whether the column can be compared with the value. Only a column with nearly all the digits of the engine's decimals
 * can't. */
bool exact_fits(const driver_engine *engine, const driver_column *column, const shunt_value *v);
/* The text to cast to the type, for a number or a text of digits that fits. Without memory, it has no bytes. */
shunt_value exact_text(arena *a, const driver_engine *engine, const driver_column *column, const shunt_value *v,
                       char type[EXACT_TYPE_BYTES]);

/* Whether a number can be cast exactly, for adding it. */
bool exact_can_add(const driver_engine *engine, const shunt_value *number);
/* The type that it is cast to. */
void exact_type_of(const driver_engine *engine, const shunt_value *number, char type[EXACT_TYPE_BYTES]);

#endif
