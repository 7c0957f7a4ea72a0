#include "model/destination.h"

#include <string.h>

shunt_status destination_add(call *c, destinations *d, const site *at, uint32_t *number) {
  for (size_t i = d->count; i-- > 0;)
    if (site_same(d->list[i], at)) {
      *number = (uint32_t)i;
      return SHUNT_OK;
    }
  if (d->count == d->room) {
    const site **more = arena_array(c->arena, const site *, d->room ? d->room * 2 : 4);
    if (!more) return error_memory(c->err);
    if (d->count) memcpy(more, d->list, d->count * sizeof *more);
    d->list = more;
    d->room = d->room ? d->room * 2 : 4;
  }
  *number = (uint32_t)d->count;
  d->list[d->count++] = at;
  return SHUNT_OK;
}
