/* For: the thread that recovers joint commits: once after the app opened, and again while something is left.
 * Owner: the app; recovery_end joins the thread. Any thread may wake it.
 * Use: recovery_init(&r, &(recovery_host){take, app, events}); recovery_wake(&r, false); … recovery_end(&r); */
#ifndef SHUNT_APP_RECOVERY_H
#define SHUNT_APP_RECOVERY_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/generation.h"

typedef struct recovery_host {
  generation *(*take)(void *ud); /* a share of the newest generation */
  void *ud;
  event_sink *events;
} recovery_host;

typedef struct recovery {
  recovery_host host;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t thread;
  atomic_bool started;
  atomic_bool stop;
  bool wanted; /* there may be something to do */
} recovery;

/* False: the system gives no lock. */
bool recovery_init(recovery *r, const recovery_host *host);
/* Starts the thread if it does not run. again: it has something to do even if it has run before. A system that gives
 * no thread leaves the work to the next process and to shunt_transactions_resolve. */
void recovery_wake(recovery *r, bool again);
void recovery_end(recovery *r);

/* One look over all datasources, for the host: shunt_transactions_list and shunt_transactions_resolve. id NULL: all. */
shunt_status recovery_look(const generation *g, event_sink *events, bool resolve, const char *id, shunt_rows **rows,
                           shunt_error *err);

#endif
