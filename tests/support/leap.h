/* For: setting the wall clock of this process in a test: see leap.c, which has to be linked.
 * Owner: the test, which sets it back. Use: leap_to(3600000); … leap_to(0); */
#ifndef TESTS_SUPPORT_LEAP_H
#define TESTS_SUPPORT_LEAP_H

#include <stdbool.h>
#include <stdint.h>

/* The wall clock is so far off from now on: of this process, and of all libraries in it. Any thread. */
void leap_to(int64_t off_ms);

#endif
