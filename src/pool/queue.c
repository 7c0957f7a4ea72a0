#define _POSIX_C_SOURCE 200809L
#include "pool/queue.h"

#include <time.h>

#include "base/clock.h"

static bool init_wake(pthread_cond_t *wake) {
  pthread_condattr_t attributes;
  if (pthread_condattr_init(&attributes)) return false;
  bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(wake, &attributes) == 0;
  pthread_condattr_destroy(&attributes);
  return ok;
}

bool queue_join(queue *q, waiter *w, struct wait_party *party) {
  if (!init_wake(&w->wake)) return false;
  w->party = party;
  w->queued = true;
  w->conn = NULL;
  w->next = NULL;
  *(q->last ? &q->last->next : &q->first) = w;
  q->last = w;
  q->waiting++;
  return true;
}

shunt_status queue_wait(waiter *w, pthread_mutex_t *lock, int64_t until_ns) {
  const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
  int rc = 0;
  while (w->queued && rc == 0) rc = pthread_cond_timedwait(&w->wake, lock, &until);
  return w->queued ? SHUNT_E_TIMEOUT : SHUNT_OK;
}

void queue_cut(queue *q, waiter *w) {
  waiter **at = &q->first, *before = NULL;
  while (*at != w) {
    before = *at;
    at = &before->next;
  }
  *at = w->next;
  if (q->last == w) q->last = before;
  q->waiting--;
  w->queued = false;
}

void queue_leave(queue *q, waiter *w) {
  if (w->queued) queue_cut(q, w);
  pthread_cond_destroy(&w->wake);
}

void queue_serve(queue *q, driver_conn *conn) {
  waiter *w = q->first;
  q->first = w->next;
  if (!q->first) q->last = NULL;
  q->waiting--;
  if (conn) conn->holder = w->party;
  w->conn = conn;
  w->queued = false;
  pthread_cond_signal(&w->wake);
}
