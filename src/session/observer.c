#define _POSIX_C_SOURCE 200809L
#include "session/observer.h"

#include <assert.h>
#include <pthread.h>

#include "base/alloc.h"

typedef struct host {
  observer observer; /* must be the first field: an observer is cast to it */
  pthread_rwlock_t lock;
  observer_fn fn;
  void *ud;
} host;

static _Thread_local bool inside;

observer *observer_new(void) {
  host *h = base_zalloc(sizeof *h);
  if (!h) return NULL;
  atomic_init(&h->observer.there, false);
  if (pthread_rwlock_init(&h->lock, NULL) == 0) return &h->observer;
  base_free(h);
  return NULL;
}

void observer_free(observer *o) {
  host *h = (host *)o;
  if (!h) return;
  pthread_rwlock_destroy(&h->lock);
  base_free(h);
}

void observer_set(observer *o, observer_fn fn, void *ud) {
  host *h = (host *)o;
  assert(!inside);
  pthread_rwlock_wrlock(&h->lock);
  h->fn = fn;
  h->ud = ud;
  atomic_store_explicit(&o->there, fn != NULL, memory_order_relaxed);
  pthread_rwlock_unlock(&h->lock);
}

void observer_call(observer *o, const shunt_statement *statement) {
  host *h = (host *)o;
  if (inside) return;
  pthread_rwlock_rdlock(&h->lock);
  inside = true;
  if (h->fn) h->fn(h->ud, statement);
  inside = false;
  pthread_rwlock_unlock(&h->lock);
}
