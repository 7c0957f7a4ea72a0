/* The threads that take cancellations to servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "driver/cancel.h"

typedef struct gate {
  pthread_mutex_t lock;
  pthread_cond_t opened;
  bool open;
  atomic_int done;
} gate;

static void pass(void *ud) {
  gate *g = ud;
  pthread_mutex_lock(&g->lock);
  while (!g->open) pthread_cond_wait(&g->opened, &g->lock);
  pthread_mutex_unlock(&g->lock);
  atomic_fetch_add(&g->done, 1);
}

static void open_gate(gate *g) {
  pthread_mutex_lock(&g->lock);
  g->open = true;
  pthread_cond_broadcast(&g->opened);
  pthread_mutex_unlock(&g->lock);
}

static void no_more_than_so_many_are_under_way(void **state) {
  static gate g = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
  (void)state;
  for (int i = 0; i < CANCEL_MOST; i++) assert_true(cancel_start(pass, &g));
  assert_false(cancel_start(pass, &g));
  assert_int_equal(atomic_load(&g.done), 0);
  open_gate(&g);
  while (atomic_load(&g.done) < CANCEL_MOST) sched_yield();
  while (!cancel_start(pass, &g)) sched_yield(); /* a place is free soon after */
  while (atomic_load(&g.done) < CANCEL_MOST + 1) sched_yield();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_more_than_so_many_are_under_way)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
