/* For: the thread that closes connections which are idle for too long or past their lifetime, also while their pool is
 * not used. It sleeps until the next connection is due, and ends when no connection will be due.
 * Owner: a house has one keeper, whose work is pools_close_due. Any thread.
 * Use: keeper_note(k, due_ns) with each connection that becomes idle … keeper_end(k). */
#ifndef SHUNT_POOL_KEEPER_H
#define SHUNT_POOL_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

static const int64_t KEEPER_NEVER = INT64_MAX;

/* `lock` protects what follows it. */
typedef struct keeper {
  pthread_mutex_t *lock;
  /* Does what is due. Returns when something else will be, KEEPER_NEVER if nothing will; with `lock` taken. Forks
   * wait for it. */
  int64_t (*work)(void *ud);
  void *ud;
  pthread_t thread;
  bool started;     /* there is a thread to join, which may have ended */
  bool runs;        /* it has not decided to end */
  bool ends;        /* keeper_end has been called */
  unsigned process; /* the process that started it: after a fork, the child has no such thread */
  int wake;         /* an eventfd, open while `started`: wakes the thread */
  int64_t until_ns; /* when it wakes by itself; 0: it is awake */
} keeper;

/* Something is due then. If the system gives no thread, nothing happens. The caller holds no lock. */
void keeper_note(keeper *k, int64_t due_ns);
/* Returns when the thread has ended. */
void keeper_end(keeper *k);

#endif
