/* For: dates and times in text, for the columns that hold them: "2026-01-01T10:00:00.000Z" in a column of dates and
 * times without fractions is "2026-01-01 10:00:00". Owner: texts are made in the arena given. */
#ifndef SHUNT_QUERY_KEY_TIME_H
#define SHUNT_QUERY_KEY_TIME_H

#include "driver/driver.h"

typedef enum key_time_fitting {
  KEY_TIME_FITS,
  KEY_TIME_LOSES, /* the column would lose a part of it, or there is no such time */
  KEY_TIME_UNKNOWN,
  KEY_TIME_NO_MEMORY
} key_time_fitting;

/* A time with an offset from UTC other than 0 loses it in a column without a time zone. UTC is the time zone of every
 * connection. */
key_time_fitting key_time_fit(arena *a, const driver_column *column, const shunt_value *value, shunt_value *out);

#endif
