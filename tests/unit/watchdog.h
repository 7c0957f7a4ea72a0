/* For: tests that would hang where what they test is wrong: after some minutes the process prints who waits for whom,
 * and aborts. Owner: one for the program. Use: cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown). */
#ifndef TESTS_UNIT_WATCHDOG_H
#define TESTS_UNIT_WATCHDOG_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "shunt.h"

enum { WATCHDOG_S = 300 /* a busy machine is no deadlock */ };

static struct {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool over;
} watchdog = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void watchdog_tell(void *ud, const shunt_wait *wait) {
  (void)ud;
  fprintf(stderr, "  %s waits for %s", wait->waiter, wait->job ? wait->job : "client ");
  if (wait->client) fprintf(stderr, "'%s' (level %d)", wait->client, wait->level);
  for (size_t i = 0; i < wait->nholders; i++) fprintf(stderr, "%s %s", i ? "," : ", held by", wait->holders[i]);
  fprintf(stderr, ", for %lld ms\n", (long long)(wait->waited_ns / 1000000));
}

static void *watchdog_run(void *unused) {
  const int64_t until_ns = clock_monotonic_ns() + WATCHDOG_S * NS_PER_S;
  bool late = false;
  pthread_mutex_lock(&watchdog.lock);
  while (!watchdog.over && !late) late = !thread_cond_wait(&watchdog.wake, &watchdog.lock, until_ns);
  bool over = watchdog.over;
  pthread_mutex_unlock(&watchdog.lock);
  if (over) return unused;
  fprintf(stderr, "not done within %d s; who waits:\n", WATCHDOG_S);
  alarm(5); /* the graph may be what hangs */
  if (shunt_waits(watchdog_tell, NULL, NULL)) fprintf(stderr, "out of memory\n");
  abort();
}

static inline int watchdog_setup(void **state) {
  (void)state;
  if (!thread_cond_init(&watchdog.wake)) return -1;
  return pthread_create(&watchdog.thread, NULL, watchdog_run, NULL);
}

static inline int watchdog_teardown(void **state) {
  (void)state;
  pthread_mutex_lock(&watchdog.lock);
  watchdog.over = true;
  pthread_cond_signal(&watchdog.wake);
  pthread_mutex_unlock(&watchdog.lock);
  return pthread_join(watchdog.thread, NULL);
}

#endif
