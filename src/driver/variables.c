#include "driver/variables.h"

#include <string.h>

#include "base/alloc.h"

driver_variables *variables_new(const char *sql, const char *scope) {
  const size_t size = strlen(sql), scope_size = strlen(scope);
  driver_variables *v = base_alloc(sizeof *v + size + scope_size + 2);
  if (!v) return NULL;
  atomic_init(&v->shares, 1);
  v->sql_size = size;
  memcpy(v->sql, sql, size + 1);
  v->scope = memcpy(v->sql + size + 1, scope, scope_size + 1);
  return v;
}

driver_variables *variables_share(driver_variables *v) {
  if (v) atomic_fetch_add(&v->shares, 1);
  return v;
}

void variables_drop(driver_variables *v) {
  if (v && atomic_fetch_sub(&v->shares, 1) == 1) base_free(v);
}

bool variables_same(const driver_variables *a, const driver_variables *b) {
  return a == b || (a && b && a->sql_size == b->sql_size && memcmp(a->sql, b->sql, a->sql_size) == 0);
}
