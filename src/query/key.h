/* For: keys: the columns by which rows are found and related. A key is a tuple of columns, and its values are tuples in
 * one array. A statement compares them in its own engine, as values of the columns' types: key_fit converts each value
 * first, without loss. Owner: values that are made live in the arena given. Use: key_names names = key_names_of("id");
 * … site_key_columns(c, &at, &names, &columns); key_fit(a, &columns, 0, NULL, &value, &fitted); … list.values + i *
 * columns.n */
#ifndef SHUNT_QUERY_KEY_H
#define SHUNT_QUERY_KEY_H

#include "driver/driver.h"

enum { KEY_MOST = SHUNT_KEY_MOST };

typedef struct key_names {
  const char *list[KEY_MOST];
  size_t n;
} key_names;

typedef struct key_columns {
  const driver_column *list[KEY_MOST];
  /* SQLite: numbers are compared as numbers and texts as texts, whatever the column's affinity, because the affinity of
   * the column that the keys come from decides */
  bool by_value[KEY_MOST];
  size_t n; /* 0: no key */
} key_columns;

/* Keys of one table, columns.n values each, without nulls, fitted. */
typedef struct key_list {
  key_columns columns;
  const shunt_value *values;
  const uint32_t *numbers; /* of the keys, where rows are read with the numbers of their keys */
  size_t count;            /* of keys */
} key_list;

static inline key_names key_names_of(const char *const columns[SHUNT_KEY_MOST]) {
  key_names names = {.n = 0};
  for (; names.n < KEY_MOST && columns[names.n]; names.n++) names.list[names.n] = columns[names.n];
  return names;
}

/* "a", or "a, b"; made in the arena. */
const char *key_names_text(arena *a, const key_names *names);

static inline const shunt_value *key_at(const key_list *keys, size_t i) { return keys->values + i * keys->columns.n; }

typedef enum key_fitting {
  KEY_FITS,
  KEY_NOWHERE, /* the column can't hold the value, so that it equals nothing there */
  KEY_ASKS,    /* only the engine knows whether it can: key_check asks */
  KEY_NO_MEMORY
} key_fitting;

/* Sets how the columns compare with keys that come from the columns `from` (without columns: from the caller). */
void key_columns_compare(key_columns *columns, const key_columns *from);
/* Converts a value of the column `from` (NULL: the caller's) to the type of column number i. */
key_fitting key_fit(arena *a, const key_columns *columns, size_t i, const driver_column *from, const shunt_value *value,
                    shunt_value *out);
/* The same for all columns of a key; the worst of them. from may be without columns. */
key_fitting key_fit_all(arena *a, const key_columns *columns, const key_columns *from, const shunt_value *values,
                        shunt_value *out);
/* Whether the fitted value equals exactly the cells of the column that have its type and its bytes, so that a program
 * can compare them. */
bool key_is_exact(const key_columns *columns, size_t i, const shunt_value *fitted);

#endif
