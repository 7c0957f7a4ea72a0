/* Numbers of threads. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <pthread.h>

#include "base/slot.h"

enum { MANY = 300 };

static pthread_barrier_t all_there;

static void *take(void *out) {
  *(unsigned *)out = slot_of_thread();
  pthread_barrier_wait(&all_there);
  return *(unsigned *)out == slot_of_thread() ? out : NULL;
}

static void take_many(unsigned *slots) {
  pthread_t threads[MANY];
  assert_int_equal(pthread_barrier_init(&all_there, NULL, MANY), 0);
  for (int i = 0; i < MANY; i++) assert_int_equal(pthread_create(&threads[i], NULL, take, &slots[i]), 0);
  for (int i = 0; i < MANY; i++) {
    void *same;
    assert_int_equal(pthread_join(threads[i], &same), 0);
    assert_non_null(same);
  }
  pthread_barrier_destroy(&all_there);
}

static void each_living_thread_has_its_own_until_only_the_last_is_left(void **state) {
  (void)state;
  unsigned mine = slot_of_thread(), slots[MANY];
  for (int round = 0; round < 3; round++) { /* and those that ended left theirs to the next */
    unsigned uses[SLOT_MOST] = {0};
    take_many(slots);
    for (int i = 0; i < MANY; i++) {
      assert_true(slots[i] < SLOT_MOST);
      uses[slots[i]]++;
    }
    assert_int_equal(uses[mine], 0);
    for (unsigned i = 0; i < SLOT_MOST - 1; i++)
      if (i != mine) assert_int_equal(uses[i], 1);
    assert_int_equal(uses[SLOT_MOST - 1], MANY - (SLOT_MOST - 2));
  }
  assert_int_equal(slot_of_thread(), mine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_living_thread_has_its_own_until_only_the_last_is_left),
  };
  return cmocka_run_group_tests_name("base/slot", tests, NULL, NULL);
}
