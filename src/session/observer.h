/* For: the host's callback that gets each statement of an application, from every session and thread.
 * Owner: the app, which outlives its sessions. While no callback is set, a statement costs one load and one branch.
 * Use: observer_set(o, fn, ud); … if (observer_there(o)) observer_call(o, &statement); */
#ifndef SHUNT_SESSION_OBSERVER_H
#define SHUNT_SESSION_OBSERVER_H

#include <stdatomic.h>

#include "shunt.h"

typedef void (*observer_fn)(void *ud, const shunt_statement *statement);

/* What is read without a lock; observer.c has the rest. */
typedef struct observer {
  atomic_bool there;
} observer;

observer *observer_new(void);    /* NULL when out of memory */
void observer_free(observer *o); /* accepts NULL */
/* Another one with the same callback. In the child of a fork, a thread of the parent may be in the first. NULL when out
 * of memory. */
observer *observer_again(const observer *o);
/* Waits for calls of the callback before. Not inside of it. */
void observer_set(observer *o, observer_fn fn, void *ud);
/* o may be NULL. */
static inline bool observer_there(const observer *o) {
  return o && atomic_load_explicit(&o->there, memory_order_relaxed);
}
/* Statements that the callback itself causes are not reported. */
void observer_call(observer *o, const shunt_statement *statement);

#endif
