#define _POSIX_C_SOURCE 200809L
#include "pool/queue.h"

#include <time.h>

struct waiter {
  pthread_cond_t wake;
  bool served;
  driver_conn *conn;
  struct waiter *next;
};

static bool init_wake(pthread_cond_t *wake) {
  pthread_condattr_t attributes;
  if (pthread_condattr_init(&attributes)) return false;
  bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(wake, &attributes) == 0;
  pthread_condattr_destroy(&attributes);
  return ok;
}

static void join(queue *q, waiter *w) {
  *(q->last ? &q->last->next : &q->first) = w;
  q->last = w;
  q->waiting++;
}

static void leave(queue *q, waiter *w) {
  waiter **at = &q->first, *before = NULL;
  while (*at != w) {
    before = *at;
    at = &before->next;
  }
  *at = w->next;
  if (q->last == w) q->last = before;
  q->waiting--;
}

shunt_status queue_wait(queue *q, pthread_mutex_t *lock, int64_t until_ns, driver_conn **conn) {
  const int64_t ns_per_s = 1000000000;
  const struct timespec until = {.tv_sec = until_ns / ns_per_s, .tv_nsec = until_ns % ns_per_s};
  waiter w = {.served = false, .conn = NULL, .next = NULL};
  *conn = NULL;
  if (!init_wake(&w.wake)) return SHUNT_E_MEMORY;
  join(q, &w);
  int rc = 0;
  while (!w.served && rc == 0) rc = pthread_cond_timedwait(&w.wake, lock, &until);
  if (!w.served) leave(q, &w); /* else whoever served has done that */
  pthread_cond_destroy(&w.wake);
  *conn = w.conn;
  return w.served ? SHUNT_OK : SHUNT_E_TIMEOUT;
}

void queue_serve(queue *q, driver_conn *conn) {
  waiter *w = q->first;
  q->first = w->next;
  if (!q->first) q->last = NULL;
  q->waiting--;
  w->conn = conn;
  w->served = true;
  pthread_cond_signal(&w->wake);
}
