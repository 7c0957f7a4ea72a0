#include "query/where_values.h"

#include "catalog/catalog.h"

enum { DEEPEST = 25 }; /* as deep as conditions may be */

static where_found add(const shunt_where *w, where_values *out) {
  if (!arena_grow(out->a, &out->list, &out->capacity, out->count + w->nvalues, sizeof *out->list))
    return WHERE_NO_MEMORY;
  for (size_t i = 0; i < w->nvalues; i++) out->list[out->count++] = &w->values[i];
  return WHERE_LISTED;
}

static where_found find(const shunt_where *w, const char *column, int depth, where_values *out) {
  size_t before = out->count;
  where_found found = WHERE_OPEN;
  if (depth > DEEPEST) return WHERE_OPEN;
  switch (w->op) {
  case SHUNT_EQ:
  case SHUNT_IN:
    return w->column && !w->other && cat_same_column(w->column, column) ? add(w, out) : WHERE_OPEN;
  case SHUNT_AND: /* one of the conditions is enough */
    for (size_t i = 0; i < w->nitems && found == WHERE_OPEN; i++) found = find(&w->items[i], column, depth + 1, out);
    return found;
  case SHUNT_OR: /* each of them must list the values */
    found = WHERE_LISTED;
    for (size_t i = 0; i < w->nitems && found == WHERE_LISTED; i++) found = find(&w->items[i], column, depth + 1, out);
    if (found == WHERE_OPEN) out->count = before;
    return found;
  default:
    return WHERE_OPEN;
  }
}

where_found where_values_of(const shunt_where *where, const char *column, where_values *out) {
  return where ? find(where, column, 0, out) : WHERE_OPEN;
}
