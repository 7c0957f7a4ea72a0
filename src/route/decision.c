/* What a decision depends on, and what chose its place. */
#include <string.h>

#include "base/alloc.h"
#include "route/route.h"

void route_decision_clear(route_decision *d) {
  base_free(d->trace);
  base_free(d->rules);
  base_free(d->fields);
  base_free(d->depends_on);
  arena_free(&d->texts);
  memset(d, 0, sizeof *d);
}

bool route_depends_on(const route_decision *d, rule_field field) {
  for (size_t i = 0; i < d->as.ndepends_on; i++)
    if (d->reads[i]->field == field) return true;
  return false;
}

bool route_depends_on_where(const route_decision *d, const char *column) {
  for (size_t i = 0; i < d->as.ndepends_on; i++)
    if (d->reads[i]->field == RULE_FIELD_WHERE && cat_same_column(d->reads[i]->name, column)) return true;
  return false;
}

bool route_chose_by(const route_decision *d, const char *column) {
  for (size_t i = 0; i < d->nplacing; i++)
    if (cat_same_column(d->placing[i]->name, column)) return true;
  return false;
}

const shunt_value *route_value_of(const route_request *q, const char *column) {
  for (size_t i = 0; i < q->nwhere; i++)
    if (cat_same_column(q->where[i].name, column)) return &q->where[i].value;
  return NULL;
}

const rule_read *route_unfixed(const route_request *q, const route_decision *d) {
  for (size_t i = 0; i < d->nplacing && !q->part; i++)
    if (!route_value_of(q, d->placing[i]->name)) return d->placing[i];
  return NULL;
}

const rule_read *route_keep(arena *a, const route_decision *d, const rule_read *read) {
  if (!d->passing) return read;
  rule_read *kept = arena_new(a, rule_read);
  if (!kept) return NULL;
  *kept = *read;
  kept->display = arena_strdup(a, read->display);
  if (read->name && kept->display) kept->name = kept->display + (read->name - read->display);
  return kept->display ? kept : NULL;
}
