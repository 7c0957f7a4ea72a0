/* For: the values that a column can have in rows for which a condition holds.
 * Use: where_values v = {.a = &arena}; if (where_values_of(where, "user_id", &v) == WHERE_LISTED) for each v.list: … */
#ifndef SHUNT_QUERY_WHERE_VALUES_H
#define SHUNT_QUERY_WHERE_VALUES_H

#include "base/arena.h"
#include "shunt.h"

typedef struct where_values {
  arena *a;
  const shunt_value **list; /* borrowed from the condition; a value may occur twice */
  size_t count, capacity;
} where_values;

typedef enum where_found { WHERE_LISTED, WHERE_OPEN /* any value */, WHERE_NO_MEMORY } where_found;

/* where may be NULL. */
where_found where_values_of(const shunt_where *where, const char *column, where_values *out);

#endif
