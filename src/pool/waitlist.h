/* For: the callers that wait for a connection of a pool; they are served in the order in which they came.
 * Owner: a waiter lies on the stack of its caller. The pool's lock guards the list; the caller of each function holds
 * it. Use: waiter me; waitlist_join(&list, &me, party); status = waitlist_wait(&me, &lock, until_ns);
 * waitlist_leave(&list, &me); and elsewhere if (list.first) waitlist_serve(&list, conn). */
#ifndef SHUNT_POOL_WAITLIST_H
#define SHUNT_POOL_WAITLIST_H

#include <pthread.h>

#include "driver/driver.h"

struct wait_party;

typedef struct waiter {
  pthread_cond_t wake;
  struct wait_party *party; /* the party that will hold the connection */
  bool queued;              /* on the list: neither served nor gone */
  driver_conn *conn;        /* the connection that it got; NULL: a place, to open one */
  struct waiter *next;
} waiter;

typedef struct waitlist {
  waiter *first, *last;
  int waiting;
} waitlist;

bool waitlist_join(waitlist *list, waiter *w, struct wait_party *party); /* false: out of memory; do not leave */
/* The same in front of all others: it was served before them, and that came to nothing. */
bool waitlist_join_first(waitlist *list, waiter *w, struct wait_party *party);
/* Releases the lock while it waits. Errors, without a message: TIMEOUT. */
shunt_status waitlist_wait(waiter *w, pthread_mutex_t *lock, int64_t until_ns);
/* The same, once: it may also end because all were roused. */
void waitlist_nap(waiter *w, pthread_mutex_t *lock, int64_t until_ns);
void waitlist_rouse(const waitlist *list);
void waitlist_cut(waitlist *list, waiter *w); /* takes a waiter that is on the list off it */
void waitlist_leave(waitlist *list, waiter *w);
/* Any waiter, which is on the list, and takes it off. */
void waitlist_hand(waitlist *list, waiter *w, driver_conn *conn);
void waitlist_serve(waitlist *list, driver_conn *conn); /* the first waiter, which must exist, and takes it off */

#endif
