/* For: drawing one client of those a rule's pick{…} names.
 * Owner: the route's, under its lock. Use: picker_init(&p, nrules); clients[pick_draw(&p, rule->id, …)]. */
#ifndef SHUNT_ROUTE_PICK_H
#define SHUNT_ROUTE_PICK_H

#include "catalog/catalog.h"
#include "rule/host.h"

typedef struct picker {
  uint32_t *turns; /* per rule */
  uint64_t random;
  int (*load)(void *ud, const cat_client *client); /* NULL: all are idle */
  void *ud;
} picker;

bool picker_init(picker *p, size_t nrules); /* false when out of memory */
void picker_free(picker *p);
size_t pick_draw(picker *p, uint32_t rule, rule_policy policy, uint64_t key_hash, const cat_client *const *choices,
                 size_t n);

#endif
