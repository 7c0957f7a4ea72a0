/* For: callers that wait for a connection, served in the order they came.
 * Owner: each who waits stands on its own stack; the pool's lock guards the queue and is held by who calls.
 * Use: waiter me; waitlist_join(&list, &me, party); status = waitlist_wait(&list, &me, &lock, until_ns);
 * waitlist_leave(&list, &me); and elsewhere if (list.first) waitlist_serve(&list, conn). */
#ifndef SHUNT_POOL_WAITLIST_H
#define SHUNT_POOL_WAITLIST_H

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

typedef struct waitlist {
  waiter *first, *last;
  int waiting;
} waitlist;

bool waitlist_join(waitlist *list, waiter *w,
                   struct wait_party *party); /* false: out of memory, and there is nothing to leave */
/* The lock is let go while waiting. Errors, without words: TIMEOUT. */
shunt_status waitlist_wait(waiter *w, pthread_mutex_t *lock, int64_t until_ns);
void waitlist_cut(waitlist *list, waiter *w); /* who is on it will not be served */
void waitlist_leave(waitlist *list, waiter *w);
void waitlist_serve(waitlist *list, driver_conn *conn); /* the first, whom there must be; he is off the queue at once */

#endif
