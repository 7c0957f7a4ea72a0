/* For: callers that wait for a connection, served in the order they came.
 * Owner: each who waits stands on its own stack; the pool's lock guards the queue and is held by who calls.
 * Use: status = queue_wait(&q, &lock, until_ns, &conn); and elsewhere if (q.first) queue_serve(&q, conn). */
#ifndef SHUNT_POOL_QUEUE_H
#define SHUNT_POOL_QUEUE_H

#include <pthread.h>

#include "driver/driver.h"

typedef struct waiter waiter;

typedef struct queue {
  waiter *first, *last;
  int waiting;
} queue;

/* The lock is let go while waiting. *conn is what the one who served gave, NULL where that was a place for a connection
 * to be opened. Errors, without words: TIMEOUT, MEMORY. */
shunt_status queue_wait(queue *q, pthread_mutex_t *lock, int64_t until_ns, driver_conn **conn);
void queue_serve(queue *q, driver_conn *conn); /* the first, whom there must be; he is off the queue at once */

#endif
