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

/* While a callback is replaced, none is there. */
observer *observer_again(const observer *o) {
  const host *from = (const host *)o;
  observer *again = observer_new();
  if (!again || !atomic_load(&o->there)) return again;
  ((host *)again)->fn = from->fn;
  ((host *)again)->ud = from->ud;
  atomic_init(&again->there, true);
  return again;
}

void observer_set(observer *o, observer_fn fn, void *ud) {
  host *h = (host *)o;
  assert(!inside);
  pthread_rwlock_wrlock(&h->lock);
  atomic_store(&o->there, false);
  h->fn = fn;
  h->ud = ud;
  atomic_store(&o->there, fn != NULL);
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
