/* For: telling a process from the one that it was forked from.
 * Owner: static. The façade counts the forks (app/forks.c).
 * Use: thing->process = process_number(); … if (thing->process != process_number()) …it belongs to the parent… */
#ifndef SHUNT_BASE_PROCESS_H
#define SHUNT_BASE_PROCESS_H

#include <pthread.h>
#include <stdatomic.h>

/* The steps of a fork. A lock that threads share is held from BEFORE on, so that the child doesn't find it locked by a
 * thread that is not there. */
typedef enum process_step { PROCESS_BEFORE, PROCESS_PARENT, PROCESS_CHILD } process_step;

extern atomic_uint process_forks;

/* How many forks led to this process. */
static inline unsigned process_number(void) { return atomic_load_explicit(&process_forks, memory_order_relaxed); }

static inline void process_step_lock(pthread_mutex_t *lock, process_step step) {
  if (step == PROCESS_BEFORE)
    pthread_mutex_lock(lock);
  else
    pthread_mutex_unlock(lock);
}

#endif
