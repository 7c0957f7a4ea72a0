/* For: where each of many records goes.
 * Owner: the list lives in the call's arena; the sites are the caller's, for as long. Use: destinations d = {0};
 * destination_add(c, &d, at, &d.of_record[i]); … */
#ifndef SHUNT_MODEL_DESTINATION_H
#define SHUNT_MODEL_DESTINATION_H

#include "query/site.h"

typedef struct destinations {
  const site **list;
  size_t count, room;
  uint32_t *of_record; /* positions in list */
} destinations;

/* The position of the site in the list, to which it is added if it is not there yet. Errors: MEMORY. */
shunt_status destination_add(call *c, destinations *d, const site *at, uint32_t *number);

#endif
