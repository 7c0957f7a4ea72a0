/* For: the random requests of a rule set.
 * Owner: the caller owns the array; the texts are static. A request points into itself: don't copy it.
 * Use: same_request q[SAME_REQUESTS]; same_make_requests(&set, q); … same_print_request(stderr, &q[7]); */
#ifndef TESTS_UNIT_RULE_SAME_REQUESTS_H
#define TESTS_UNIT_RULE_SAME_REQUESTS_H

#include <stdio.h>

#include "shunt.h"
#include "unit/rule/same/set.h"

typedef struct same_request {
  shunt_field attrs[3], where[2];
  shunt_session_options session;
  shunt_request request;
} same_request;

/* Fills SAME_REQUESTS of them. */
void same_make_requests(const same_set *set, same_request *out);
/* As the options of shunt resolve. */
void same_print_request(FILE *out, const same_request *q);

#endif
