/* The system has no thread, when the library wants its first, second, third … one: an operation says so, or does
 * without.
 */
#define _GNU_SOURCE
#include "unit/sweep/sweep.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "unit/watchdog.h"

static struct {
  _Atomic size_t seen, fail_at;
  _Atomic bool armed, stays, fired;
} t;

typedef int (*creator)(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *ud);

__attribute__((visibility("default"))) int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                                                          void *(*run)(void *), void *ud) {
  const size_t seen = t.armed ? ++t.seen : 0;
  if (t.armed && t.fail_at && (seen == t.fail_at || (t.stays && seen > t.fail_at))) {
    t.fired = true;
    return EAGAIN;
  }
  creator real;
  *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  return real(thread, attr, run, ud);
}

static void arm(size_t at, bool stays) {
  t.fired = false;
  t.stays = stays;
  t.seen = 0;
  t.fail_at = at;
  t.armed = true;
}

static size_t disarm(void) {
  t.armed = false;
  return t.seen;
}

static bool fired(void) { return t.fired; }

static bool is_expected(const shunt_error *err) {
  return err->status == SHUNT_E_MEMORY && strstr(err->message, "no thread");
}

static const sweep_kind kind = {"threads that can't be made", arm, disarm, fired, is_expected, false, false, 100};

static void without_a_thread_it_says_so_or_goes_on(void **state) {
  const world_kind engine = *(const world_kind *)*state;
  if (!world_is_there(engine)) skip();
  rng r = rng_start(kind.name);
  sweep_engine(engine, &kind, &r);
}

int main(void) {
  static world_kind engines[] = {WORLD_SQLITE, WORLD_PG, WORLD_MYSQL};
  struct CMUnitTest tests[WORLD_KINDS];
  for (size_t i = 0; i < WORLD_KINDS; i++)
    tests[i] = (struct CMUnitTest){world_names[i], without_a_thread_it_says_so_or_goes_on, NULL, NULL, &engines[i]};
  return cmocka_run_group_tests_name("without a thread it says so or goes on", tests, watchdog_setup,
                                     watchdog_teardown);
}
