/* The system has no thread, when the library wants its first, second, third … one: an operation says so, or does
 * without.
 */
#define _GNU_SOURCE
#include "unit/sweep/nth.h"
#include "unit/sweep/sweep.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

typedef int (*creator)(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *ud);

__attribute__((visibility("default"))) int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                                                          void *(*run)(void *), void *ud) {
  if (nth_fails(true)) return EAGAIN;
  creator real;
  *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  return real(thread, attr, run, ud);
}

static bool is_expected(const shunt_error *err) {
  return err->status == SHUNT_E_MEMORY && strstr(err->message, "no thread");
}

static const sweep_kind kind = {
    "threads that can't be made", nth_arm, nth_disarm, nth_fired, is_expected, false, false, 100};

static void without_a_thread_it_says_so_or_goes_on(void **state) {
  const world_kind engine = *(const world_kind *)*state;
  if (!world_is_there(engine)) skip();
  rng r = rng_start(kind.name);
  sweep_engine(engine, &kind, &r);
}

int main(void) {
  return sweep_on_each("without a thread it says so or goes on", without_a_thread_it_says_so_or_goes_on);
}
