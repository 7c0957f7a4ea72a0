#define _POSIX_C_SOURCE 200809L
#include "base/thread.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"

static int start(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *ud), void *ud) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = pthread_create(thread, attr, run, ud);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed;
}

int thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *ud), void *ud) {
  pthread_attr_t attr;
  if (stack_bytes == 0) return start(thread, NULL, run, ud);
  int failed = pthread_attr_init(&attr);
  if (failed) return failed;
  failed = pthread_attr_setstacksize(&attr, stack_bytes);
  if (!failed) failed = start(thread, &attr, run, ud);
  pthread_attr_destroy(&attr);
  return failed;
}

bool thread_cond_init(pthread_cond_t *c) {
  pthread_condattr_t attr;
  if (pthread_condattr_init(&attr)) return false;
  const bool fine = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 && pthread_cond_init(c, &attr) == 0;
  pthread_condattr_destroy(&attr);
  return fine;
}

bool thread_cond_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t until_ns) {
  const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};
  return pthread_cond_timedwait(c, lock, &until) == 0;
}
