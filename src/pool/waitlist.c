#include "pool/waitlist.h"

#include "base/thread.h"

static bool init(waiter *w, struct wait_party *party) {
  if (!thread_cond_init(&w->wake)) return false;
  w->party = party;
  w->queued = true;
  w->conn = NULL;
  w->next = NULL;
  return true;
}

bool waitlist_join_first(waitlist *list, waiter *w, struct wait_party *party) {
  if (!init(w, party)) return false;
  w->next = list->first;
  if (!list->last) list->last = w;
  list->first = w;
  list->waiting++;
  return true;
}

bool waitlist_join(waitlist *list, waiter *w, struct wait_party *party) {
  if (!init(w, party)) return false;
  *(list->last ? &list->last->next : &list->first) = w;
  list->last = w;
  list->waiting++;
  return true;
}

shunt_status waitlist_wait(waiter *w, pthread_mutex_t *lock, int64_t until_ns) {
  while (w->queued && thread_cond_wait(&w->wake, lock, until_ns)) {
  }
  return w->queued ? SHUNT_E_TIMEOUT : SHUNT_OK;
}

void waitlist_nap(waiter *w, pthread_mutex_t *lock, int64_t until_ns) {
  if (w->queued) thread_cond_wait(&w->wake, lock, until_ns);
}

void waitlist_rouse(const waitlist *list) {
  for (waiter *w = list->first; w; w = w->next) pthread_cond_signal(&w->wake);
}

void waitlist_cut(waitlist *list, waiter *w) {
  waiter **at = &list->first, *before = NULL;
  while (*at != w) {
    before = *at;
    at = &before->next;
  }
  *at = w->next;
  if (list->last == w) list->last = before;
  list->waiting--;
  w->queued = false;
}

void waitlist_leave(waitlist *list, waiter *w) {
  if (w->queued) waitlist_cut(list, w);
  pthread_cond_destroy(&w->wake);
}

void waitlist_hand(waitlist *list, waiter *w, driver_conn *conn) {
  waitlist_cut(list, w);
  if (conn) conn->holder = w->party;
  w->conn = conn;
  pthread_cond_signal(&w->wake);
}

void waitlist_serve(waitlist *list, driver_conn *conn) { waitlist_hand(list, list->first, conn); }
