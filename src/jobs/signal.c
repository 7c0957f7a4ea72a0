#define _POSIX_C_SOURCE 200809L
#include "jobs/signal.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t raised;
static uint64_t count;

static void init(void) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&raised, &attr);
  pthread_condattr_destroy(&attr);
}

void signal_raise(void) {
  pthread_once(&once, init);
  pthread_mutex_lock(&lock);
  count++;
  pthread_cond_broadcast(&raised);
  pthread_mutex_unlock(&lock);
}

uint64_t signal_count(void) {
  pthread_mutex_lock(&lock);
  uint64_t now = count;
  pthread_mutex_unlock(&lock);
  return now;
}

bool signal_wait(uint64_t seen, int64_t until_ns, const atomic_bool *stop) {
  struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S), .tv_nsec = (long)(until_ns % NS_PER_S)};
  pthread_once(&once, init);
  pthread_mutex_lock(&lock);
  int late = 0;
  while (count == seen && !late && !(stop && atomic_load(stop))) late = pthread_cond_timedwait(&raised, &lock, &until);
  bool was = count != seen;
  pthread_mutex_unlock(&lock);
  return was;
}
