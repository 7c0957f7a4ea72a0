/* The age of another host's transactions, while the clock of this one is set. */
#define _DEFAULT_SOURCE
#include "joint/age.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/leap.h"

static const int64_t leaps[] = {0, 3600000, -3600000, 86400000, -86400000};
enum { NLEAPS = sizeof leaps / sizeof *leaps };

static int teardown(void **state) {
  (void)state;
  leap_to(0);
  return 0;
}

static uint32_t now_s(void) { return (uint32_t)(clock_real_ms() / 1000); }

static void is_that_of_the_id_at_the_first_look(void **state) {
  (void)state;
  assert_in_range(joint_age_s("old", now_s() - 400), 400, 401);
  assert_in_range(joint_age_s("fresh", now_s()), 0, 1);
}

static void does_not_leap_with_the_clock(void **state) {
  const uint32_t time_s = now_s();
  (void)state;
  assert_in_range(joint_age_s("same", time_s - 10), 10, 11);
  for (int i = 0; i < NLEAPS; i++) {
    leap_to(leaps[i]);
    assert_in_range(joint_age_s("same", time_s - 10), 10, 14);
  }
}

/* Whatever clock made the id. */
static void grows_with_the_time_that_passes(void **state) {
  int64_t first[NLEAPS];
  char id[16];
  const uint32_t time_s = now_s();
  (void)state;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < NLEAPS; i++) {
      snprintf(id, sizeof id, "far %d", i);
      leap_to(leaps[i]);
      const int64_t age_s = joint_age_s(id, time_s);
      assert_true(age_s >= 0);
      if (round) assert_in_range(age_s - first[i], 1, 3);
      first[i] = age_s;
    }
    if (!round) usleep(1100000);
  }
}

static void forgets_the_oldest_of_many(void **state) {
  char id[16];
  const uint32_t time_s = now_s() - 50;
  (void)state;
  for (int i = 0; i < 1000; i++) {
    snprintf(id, sizeof id, "many %d", i);
    assert_in_range(joint_age_s(id, time_s), 50, 60);
  }
  leap_to(3600000);
  assert_in_range(joint_age_s("many 999", time_s), 50, 60);
  assert_in_range(joint_age_s("many 0", time_s), 3650, 3660);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(is_that_of_the_id_at_the_first_look, teardown),
      cmocka_unit_test_teardown(does_not_leap_with_the_clock, teardown),
      cmocka_unit_test_teardown(grows_with_the_time_that_passes, teardown),
      cmocka_unit_test_teardown(forgets_the_oldest_of_many, teardown),
  };
  return cmocka_run_group_tests_name("ages of joint transactions", tests, NULL, NULL);
}
