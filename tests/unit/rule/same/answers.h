/* For: deciding the requests of a rule set, and the answers as texts that can be compared.
 * Owner: same_answers owns its texts; same_free_answers frees them. They are malloc's, whatever allocator shunt has.
 * Use: same_answers a; same_decide(app, &set, requests, start, &a); same_save(&a, path); … same_load(&a, path); */
#ifndef TESTS_UNIT_RULE_SAME_ANSWERS_H
#define TESTS_UNIT_RULE_SAME_ANSWERS_H

#include "unit/rule/same/requests.h"

typedef struct same_answer {
  char *given; /* maybe from the cache: the decision as JSON, or the error */
  char *asked; /* of the rules themselves */
  char *trace; /* of the same */
} same_answer;

typedef struct same_answers {
  same_answer of[SAME_REQUESTS]; /* NULL outside of the set's requests */
} same_answers;

/* Decides the requests of the set, beginning with a random one of the order's number: what earlier calls leave behind
 * is different in each order. */
void same_decide(shunt_app *app, const same_set *set, const same_request *requests, size_t order, same_answers *out);
/* The texts that differ, and which ones they are; NULL if all are equal. */
const char *same_difference(const same_answer *a, const same_answer *b, const char **left, const char **right);
void same_save(const same_answers *a, const same_set *set, const char *path);
void same_load(same_answers *a, const same_set *set, const char *path);
void same_free_answers(same_answers *a);

#endif
