/* For: the requests that an application says its rules must answer, under rules.selftest, with what they must answer.
 * Use: route_selftest(r, node_get(rules, "selftest"), &found): mistakes and wrong answers are added, at their places.
 */
#ifndef SHUNT_ROUTE_SELFTEST_H
#define SHUNT_ROUTE_SELFTEST_H

#include "catalog/node.h"
#include "route/route.h"

/* tests may be NULL, and must have passed the schema. */
void route_selftest(route *r, const node *tests, problems *found);

#endif
