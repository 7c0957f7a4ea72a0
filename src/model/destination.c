#include "model/destination.h"

shunt_status destination_add(call *c, destinations *d, const site *at, uint32_t *number) {
  for (size_t i = d->count; i-- > 0;)
    if (site_same(d->list[i], at)) {
      *number = (uint32_t)i;
      return SHUNT_OK;
    }
  if (!arena_grow(c->arena, &d->list, &d->room, d->count + 1, sizeof *d->list)) return error_memory(c->err);
  *number = (uint32_t)d->count;
  d->list[d->count++] = at;
  return SHUNT_OK;
}
