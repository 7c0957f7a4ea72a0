/* For: the same decisions in other processes: with other addresses and seeds, in another locale, with another
 * allocator. Owner: the parent has the locale, built in a folder that same_end_elsewhere removes. Use: in main: if
 * (same_is_elsewhere(argc, argv)) return same_decide_elsewhere(argv); later same_begin_elsewhere(); pid_t child =
 * same_start(&set, SAME_GERMAN); … same_wait(child, &set, SAME_GERMAN, &answers); */
#ifndef TESTS_UNIT_RULE_SAME_ELSEWHERE_H
#define TESTS_UNIT_RULE_SAME_ELSEWHERE_H

#include <sys/types.h>

#include "unit/rule/same/answers.h"

typedef enum same_place {
  SAME_PROCESS, /* another process, and no other difference */
  SAME_MOVING,  /* with the allocator that moves everything */
  SAME_GERMAN,  /* in a locale with a decimal comma, which sorts without case; the last, because it may be missing */
  SAME_NPLACES
} same_place;

extern const char *const same_place_names[];

/* Opens the set's app; fails the process if it can't. */
shunt_app *same_open(const same_set *set);

bool same_is_elsewhere(int argc, char **argv);
int same_decide_elsewhere(char **argv);

/* Builds the locale. Returns the number of places: without the last if the locale can't be built. */
int same_begin_elsewhere(void);
void same_end_elsewhere(void);
pid_t same_start(const same_set *set, same_place place);
/* False, with a message, if the process failed. */
bool same_wait(pid_t child, const same_set *set, same_place place, same_answers *out);

#endif
