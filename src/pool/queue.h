/* For: callers that wait for a connection, served in the order they came.
 * Owner: each who waits stands on its own stack; the pool's lock guards the queue and is held by who calls.
 * Use: waiter me; queue_join(&q, &me, party); status = queue_wait(&q, &me, &lock, until_ns); queue_leave(&q, &me); and
 * elsewhere if (q.first) queue_serve(&q, conn). */
#ifndef SHUNT_POOL_QUEUE_H
#define SHUNT_POOL_QUEUE_H

#include <pthread.h>

#include "driver/driver.h"

struct wait_party;

typedef struct waiter {
  pthread_cond_t wake;
  struct wait_party *party; /* who is to hold what this one is served */
  bool queued;              /* until it is served or leaves */
  driver_conn *conn;        /* what it was served; NULL: a place for a connection to be opened */
  struct waiter *next;
} waiter;

typedef struct queue {
  waiter *first, *last;
  int waiting;
} queue;

bool queue_join(queue *q, waiter *w,
                struct wait_party *party); /* false: out of memory, and there is nothing to leave */
/* The lock is let go while waiting. Errors, without words: TIMEOUT. */
shunt_status queue_wait(waiter *w, pthread_mutex_t *lock, int64_t until_ns);
void queue_cut(queue *q, waiter *w); /* who is on it will not be served */
void queue_leave(queue *q, waiter *w);
void queue_serve(queue *q, driver_conn *conn); /* the first, whom there must be; he is off the queue at once */

#endif
