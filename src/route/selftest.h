/* For: rules.selftest in the app config: requests, with the decisions that the rules must give for them.
 * Use: route_selftest(r, node_get(rules, "selftest"), &found): mistakes and wrong decisions are added, with their
 * places. */
#ifndef SHUNT_ROUTE_SELFTEST_H
#define SHUNT_ROUTE_SELFTEST_H

#include "catalog/node.h"
#include "route/route.h"

/* tests may be NULL, and must have passed the schema. */
void route_selftest(route *r, const node *tests, problems *found);

#endif
