/* For: threads of the library, and waiting in them until a moment of the monotonic clock.
 * Owner: the caller joins or detaches the thread, and destroys the condition.
 * Use: if (thread_start(&t, 0, run, ud)) …; thread_cond_init(&c); … thread_cond_wait(&c, &lock, until_ns); */
#ifndef SHUNT_BASE_THREAD_H
#define SHUNT_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The thread blocks all signals: the host's handlers expect the host's threads. stack_bytes 0: the system's default.
 * Returns 0 or an errno. */
int thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *ud), void *ud);

/* A condition on the monotonic clock. False: the system has no more of them. */
bool thread_cond_init(pthread_cond_t *c);
/* Waits, as pthread_cond_wait does, but at most until until_ns by clock_monotonic_ns. False once it is late. */
bool thread_cond_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t until_ns);

#endif
