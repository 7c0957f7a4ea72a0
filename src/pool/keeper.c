/* A thread that works when something is due.
 *
 * Idea: it sleeps until the time that its last work returned, or that was noted since. Moving something to a later time
 * wakes no thread: the work finds that out. A fork waits until the work is done (`working`): the child, which has no
 * keeper, could never take its locks, and would count what it was closing as open.
 *
 * Not here: a heap of all connections by their times. Connections of many pools become due together, and LEAST_SLEEP_NS
 * bounds the looks. */
#define _GNU_SOURCE
#include "pool/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

static const int64_t LEAST_SLEEP_NS = 20000000;

/* ---- forks ---- */

/* Held while a keeper works. The work reports events to the host, whose callback may fork. */
static pthread_mutex_t working;
static atomic_uint process = 1; /* how many forks led to this process */

static void make_working(void) {
  pthread_mutexattr_t recursive;
  pthread_mutexattr_init(&recursive);
  pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&working, &recursive);
  pthread_mutexattr_destroy(&recursive);
}

static void before_fork(void) { pthread_mutex_lock(&working); }
static void after_fork(void) { pthread_mutex_unlock(&working); }

static void in_child(void) {
  atomic_fetch_add(&process, 1);
  make_working(); /* it was locked by a thread of another number */
}

static void mind_forks(void) {
  make_working();
  pthread_atfork(before_fork, after_fork, in_child);
}

/* ---- the thread ---- */

/* Returns when to wake; 0: the thread ends, which is decided under the lock, so that keeper_note starts another one. */
static int64_t next_wake(keeper *k, int64_t due_ns) {
  const int64_t soonest_ns = clock_monotonic_ns() + LEAST_SLEEP_NS;
  k->runs = !k->ends && due_ns != KEEPER_NEVER;
  k->until_ns = due_ns > soonest_ns ? due_ns : soonest_ns;
  return k->runs ? k->until_ns : 0;
}

/* Without a lock, which a fork could leave locked. */
static void sleep_until(int wake, int64_t until_ns) {
  struct pollfd on = {wake, POLLIN, 0};
  const int64_t left_ns = until_ns - clock_monotonic_ns();
  const struct timespec left = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
  uint64_t ignored;
  if (left_ns > 0 && ppoll(&on, 1, &left, NULL) > 0)
    while (read(wake, &ignored, sizeof ignored) < 0 && errno == EINTR) continue;
}

static void *run(void *ud) {
  keeper *k = ud;
  const int wake = k->wake;
  int64_t until_ns;
  do {
    pthread_mutex_lock(&working);
    int64_t due_ns = k->work(k->ud);
    until_ns = next_wake(k, due_ns);
    pthread_mutex_unlock(k->lock);
    pthread_mutex_unlock(&working);
    if (until_ns) sleep_until(wake, until_ns);
  } while (until_ns);
  return NULL;
}

/* ---- under the lock ---- */

static void wake_up(const keeper *k) {
  const uint64_t one = 1;
  while (write(k->wake, &one, sizeof one) < 0 && errno == EINTR) continue;
}

/* A thread of the process before the fork is not there. */
static bool is_here(const keeper *k) { return k->started && k->process == atomic_load(&process); }

/* The thread has decided to end, and takes no lock any more. */
static void join(keeper *k) {
  if (is_here(k)) pthread_join(k->thread, NULL);
  if (k->started) close(k->wake);
  k->started = k->runs = false;
}

static void start(keeper *k) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, mind_forks);
  join(k);
  k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (k->wake < 0) return;
  k->process = atomic_load(&process);
  k->until_ns = 0;
  k->started = k->runs = thread_start(&k->thread, 0, run, k) == 0;
  if (!k->started) close(k->wake);
}

/* ---- from outside ---- */

void keeper_note(keeper *k, int64_t due_ns) {
  pthread_mutex_lock(k->lock);
  if (!k->ends && !(is_here(k) && k->runs))
    start(k);
  else if (!k->ends && due_ns < k->until_ns)
    wake_up(k);
  pthread_mutex_unlock(k->lock);
}

void keeper_end(keeper *k) {
  pthread_mutex_lock(k->lock);
  k->ends = true;
  if (is_here(k)) wake_up(k);
  pthread_mutex_unlock(k->lock);
  join(k);
}
