/* A detached thread for each cancellation. They are counted in a fixed table, so that a server that never answers can
 * hold up CANCEL_MOST threads and no more. */
#include "driver/cancel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/thread.h"

typedef struct job {
  atomic_bool busy;
  void (*run)(void *what);
  void *what;
} job;

static job jobs[CANCEL_MOST];

static void *work(void *ud) {
  job *j = ud;
  j->run(j->what);
  atomic_store(&j->busy, false);
  return NULL;
}

static bool start(job *j) {
  pthread_t thread;
  const bool ok = thread_start(&thread, 0, work, j) == 0;
  if (ok) pthread_detach(thread);
  return ok;
}

bool cancel_start(void (*run)(void *what), void *what) {
  for (size_t i = 0; i < CANCEL_MOST; i++) {
    job *j = &jobs[i];
    if (atomic_exchange(&j->busy, true)) continue;
    j->run = run;
    j->what = what;
    bool ok = start(j);
    if (!ok) atomic_store(&j->busy, false);
    return ok;
  }
  return false;
}
