#include "jobs/signal.h"

#include "base/thread.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t raised;
static uint64_t count;

static void init(void) { thread_cond_init(&raised); }

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
  pthread_once(&once, init);
  pthread_mutex_lock(&lock);
  bool late = false;
  while (count == seen && !late && !(stop && atomic_load(stop))) late = !thread_cond_wait(&raised, &lock, until_ns);
  bool was = count != seen;
  pthread_mutex_unlock(&lock);
  return was;
}

void signal_at_fork(process_step step) {
  if (step == PROCESS_CHILD) thread_cond_init(&raised); /* threads of the parent may wait for it */
  process_step_lock(&lock, step);
}
