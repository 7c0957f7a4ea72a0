#include "query/exact.h"

#include <stdio.h>
#include <string.h>

#include "query/digits.h"
#include "query/value.h"

typedef enum placing { PLACE_EXACT, PLACE_BEYOND, PLACE_BETWEEN, PLACE_NOWHERE } placing;

static bool can_cast(const driver_engine *engine, long whole, long fraction) {
  return fraction <= engine->decimal_scale && whole <= engine->decimal_most - fraction;
}

/* A floating-point number is the shortest text that means it, in `room`. */
static shunt_value digits_of(const shunt_value *v, char room[VALUE_TEXT_BYTES]) {
  bool number = v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT;
  if (number) return shunt_text(room, value_as_text(v, room));
  return v->type == SHUNT_TEXT ? *v : shunt_text("", 0);
}

/* *scale: of the type that it is cast to. */
static placing placing_of(const driver_engine *engine, const driver_column *column, const shunt_value *text,
                          long *scale) {
  long whole = 0, fraction = 0, most = column->whole ? column->whole : engine->decimal_most;
  digits_places(text, &whole, &fraction);
  *scale = fraction;
  if (can_cast(engine, whole, fraction)) return PLACE_EXACT;
  *scale = 0;
  if (whole > most) return most < engine->decimal_most ? PLACE_BEYOND : PLACE_NOWHERE;
  *scale = column->digits + 1;
  return column->whole && can_cast(engine, whole, *scale) ? PLACE_BETWEEN : PLACE_NOWHERE;
}

static void write_type(const driver_engine *engine, long scale, char type[EXACT_TYPE_BYTES]) {
  snprintf(type, EXACT_TYPE_BYTES, engine->decimal_type, (int)scale);
}

bool exact_fits(const driver_engine *engine, const driver_column *column, const shunt_value *v) {
  char room[VALUE_TEXT_BYTES];
  long scale;
  shunt_value digits = digits_of(v, room);
  return !engine->decimal_type || placing_of(engine, column, &digits, &scale) != PLACE_NOWHERE;
}

/* The largest number without a fraction. */
static shunt_value nines(arena *a, int digits, bool negative) {
  size_t size = (size_t)digits + negative;
  char *text = arena_alloc(a, size + 1);
  if (!text) return shunt_text(NULL, 1);
  memset(text, '9', size);
  if (negative) text[0] = '-';
  text[size] = 0;
  return shunt_text(text, size);
}

shunt_value exact_text(arena *a, const driver_engine *engine, const driver_column *column, const shunt_value *v,
                       char type[EXACT_TYPE_BYTES]) {
  char room[VALUE_TEXT_BYTES];
  long scale;
  shunt_value digits = digits_of(v, room);
  placing where = placing_of(engine, column, &digits, &scale);
  write_type(engine, scale, type);
  if (where == PLACE_BEYOND) return nines(a, engine->decimal_most, digits_are_negative(&digits));
  return digits_plain(a, &digits, where == PLACE_BETWEEN ? scale - 1 : scale, where == PLACE_BETWEEN);
}

static void places_of(const shunt_value *number, long *whole, long *fraction) {
  char room[VALUE_TEXT_BYTES];
  shunt_value text = digits_of(number, room);
  *whole = *fraction = 0;
  digits_places(&text, whole, fraction);
}

bool exact_can_add(const driver_engine *engine, const shunt_value *number) {
  long whole, fraction;
  places_of(number, &whole, &fraction);
  return !engine->decimal_type || can_cast(engine, whole, fraction);
}

void exact_type_of(const driver_engine *engine, const shunt_value *number, char type[EXACT_TYPE_BYTES]) {
  long whole, fraction;
  places_of(number, &whole, &fraction);
  write_type(engine, fraction, type);
}
