/* For: one thread at a time in a session. A public function visits its session: it marks the session with its thread,
 * and takes the mark back where its block ends. A call from another thread meanwhile is refused, or waits where the
 * function can't fail. Calls from the same thread, of hooks and observers, are inside the visit that is there already.
 * Owner: a visit is a value on the stack. Use: VISIT(v); status = visit_begin(&v, s, err); if (status) return status;
 */
#ifndef SHUNT_SESSION_VISIT_H
#define SHUNT_SESSION_VISIT_H

#include <pthread.h>

#include "session/session.h"

typedef struct visit {
  shunt_session *s; /* whose mark it takes back; NULL: none */
} visit;

/* Takes the mark back. What the thread did in the session happens before the next visit. */
static inline void visit_end(visit *v) {
  if (v->s) atomic_store_explicit(&v->s->visitor, process_number(), memory_order_release);
}

/* A visit that ends with the block. */
#define VISIT(name) __attribute__((cleanup(visit_end))) visit name = {NULL}

/* False: another thread is in the session, or it belongs to the process that forked this one. Only a session of this
 * process has its number there while no thread is in it. */
static inline bool visit_try(visit *v, shunt_session *s) {
  const uintptr_t me = (uintptr_t)pthread_self();
  uintptr_t there = atomic_load_explicit(&s->visitor, memory_order_relaxed);
  if (there == me) return true;
  there = process_number();
  if (!atomic_compare_exchange_strong_explicit(&s->visitor, &there, me, memory_order_acquire, memory_order_relaxed))
    return false;
  v->s = s;
  return true;
}

/* Whether another thread is in the session: for what touches nothing of the session, and needs no mark in it. */
static inline bool visit_is_elsewhere(const shunt_session *s) {
  const uintptr_t there = atomic_load_explicit(&s->visitor, memory_order_relaxed);
  return there != process_number() && there != (uintptr_t)pthread_self();
}

shunt_status visit_refuse(const shunt_session *s, shunt_error *err);
/* Errors: USAGE if another thread is in the session, it is of another process, or NULL. */
static inline shunt_status visit_begin(visit *v, shunt_session *s, shunt_error *err) {
  return s && visit_try(v, s) ? SHUNT_OK : visit_refuse(s, err);
}
/* For functions that can't fail: waits until the other thread has left the session. False: the session is NULL or
 * belongs to another process, and the caller leaves it alone. */
bool visit_wait(visit *v, shunt_session *s);

#endif
