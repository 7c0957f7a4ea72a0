/* For: keys: the columns by which rows are found and related. A key is a tuple of columns, and its values are tuples in
 * one array. Tuples have one element today: code that needs more than a loop for longer ones has a static assertion on
 * KEY_MOST. Use: key_names names = key_names_of("id"); … site_key_columns(c, &at, &names, &columns); … list.values + i
 * * columns.n */
#ifndef SHUNT_QUERY_KEY_H
#define SHUNT_QUERY_KEY_H

#include "driver/driver.h"

enum { KEY_MOST = 1 /* columns */ };

typedef struct key_names {
  const char *list[KEY_MOST];
  size_t n;
} key_names;

typedef struct key_columns {
  const driver_column *list[KEY_MOST];
  size_t n; /* 0: no key */
} key_columns;

/* Keys of one table, columns.n values each, without nulls. */
typedef struct key_list {
  key_columns columns;
  const shunt_value *values;
  size_t count; /* of keys */
} key_list;

static inline key_names key_names_of(const char *column) { return (key_names){{column}, 1}; }

static inline const shunt_value *key_at(const key_list *keys, size_t i) { return keys->values + i * keys->columns.n; }

#endif
