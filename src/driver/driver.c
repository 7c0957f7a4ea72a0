#include "driver/driver.h"

#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"

enum { LONGEST_FOLDED = 256 };

const driver_engine *driver_for(cat_engine engine) { return engine == CAT_SQLITE3 ? &driver_sqlite3 : NULL; }

driver_table *driver_table_new(void) { return base_zalloc(sizeof(driver_table)); }

void driver_table_free(driver_table *t) {
  if (!t) return;
  map_free(&t->names);
  arena_free(&t->arena);
  base_free(t);
}

static void fold(char *to, const char *from, size_t size) {
  for (size_t i = 0; i < size; i++) to[i] = ascii_lower(from[i]);
}

bool driver_table_size(driver_table *t, size_t count) {
  t->columns = arena_array(&t->arena, driver_column, count);
  t->count = t->columns ? count : 0;
  return t->columns != NULL;
}

bool driver_table_name(driver_table *t) {
  for (size_t i = 0; i < t->count; i++) {
    driver_column *column = &t->columns[i];
    char *key = arena_strdup(&t->arena, column->name);
    if (!key) return false;
    if (t->folds) fold(key, key, strlen(key));
    if (!map_put(&t->names, key, column)) return false;
  }
  return true;
}

const driver_column *driver_table_column(const driver_table *t, const char *name) {
  size_t size = strlen(name);
  if (!t->folds) return map_get_n(&t->names, name, size);
  char folded[LONGEST_FOLDED];
  if (size <= sizeof folded) {
    fold(folded, name, size);
    return map_get_n(&t->names, folded, size);
  }
  char *longer = base_alloc(size);
  if (!longer) return NULL;
  fold(longer, name, size);
  const driver_column *column = map_get_n(&t->names, longer, size);
  base_free(longer);
  return column;
}

bool driver_table_equal(const driver_table *a, const driver_table *b) {
  if (a->count != b->count || a->folds != b->folds) return false;
  for (size_t i = 0; i < a->count; i++) {
    const driver_column *x = &a->columns[i], *y = &b->columns[i];
    if (strcmp(x->name, y->name) != 0 || strcmp(x->type, y->type) != 0 || x->nullable != y->nullable ||
        x->key != y->key || x->numeric != y->numeric || x->text != y->text || x->collation != y->collation)
      return false;
  }
  return true;
}
