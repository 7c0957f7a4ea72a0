#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/thread.h"
#include "bind/worker.h"

threads *threads_new(shunt_app *app, bool drain, int nlist) {
  threads *w = base_zalloc(sizeof *w);
  if (!w) return NULL;
  w->list = base_zalloc((size_t)nlist * sizeof *w->list);
  if (!w->list) {
    base_free(w);
    return NULL;
  }
  w->app = app;
  w->process = process_number();
  w->drain = drain;
  w->nlist = nlist;
  thread_cond_init(&w->changed);
  pthread_mutex_init(&w->lock, NULL);
  return w;
}

static void ask_to_stop(threads *w) {
  pthread_mutex_lock(&w->lock);
  w->stopping = true;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->lock);
  if (w->worker) shunt_worker_stop(w->worker);
}

/* In the child of a fork, there are no such threads. */
void threads_free(threads *w) {
  if (w->process != process_number()) return;
  ask_to_stop(w);
  for (int i = 0; i < w->nlist; i++) {
    if (i < w->started)
      pthread_join(w->list[i].thread, NULL);
    else if (w->list[i].L)
      lua_close(w->list[i].L);
  }
  shunt_worker_close(w->worker);
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->lock);
  base_free(w->list);
  base_free(w);
}

bool threads_stopping(threads *w) {
  pthread_mutex_lock(&w->lock);
  bool stopping = w->stopping;
  pthread_mutex_unlock(&w->lock);
  return stopping;
}

void threads_note(threads *w, const shunt_error *problem) {
  pthread_mutex_lock(&w->lock);
  w->problem = *problem;
  pthread_mutex_unlock(&w->lock);
}

static int64_t from_now_ns(int64_t ms) {
  int64_t now_ns = clock_monotonic_ns();
  return ms < (INT64_MAX - now_ns) / NS_PER_MS ? now_ns + ms * NS_PER_MS : INT64_MAX;
}

/* False once the time has come. */
static bool wait_until(threads *w, int64_t when_ns) { return thread_cond_wait(&w->changed, &w->lock, when_ns); }

void threads_pause(threads *w, int64_t ms) {
  int64_t until = from_now_ns(ms);
  pthread_mutex_lock(&w->lock);
  while (!w->stopping && wait_until(w, until)) continue;
  pthread_mutex_unlock(&w->lock);
}

void threads_job_begins(threads *w) {
  pthread_mutex_lock(&w->lock);
  w->running++;
  pthread_mutex_unlock(&w->lock);
}

void threads_job_ends(threads *w) {
  pthread_mutex_lock(&w->lock);
  w->running--;
  pthread_mutex_unlock(&w->lock);
}

bool threads_stop(threads *w, bool bounded, int64_t ms) {
  if (w->process != process_number()) return true;
  int64_t until = from_now_ns(ms);
  ask_to_stop(w);
  pthread_mutex_lock(&w->lock);
  while (w->nlive > 0) {
    if (!bounded)
      pthread_cond_wait(&w->changed, &w->lock);
    else if (!wait_until(w, until))
      break;
  }
  bool ended = w->nlive == 0;
  pthread_mutex_unlock(&w->lock);
  if (ended) return true;
  for (int i = 0; i < w->nlist; i++) atomic_store(&w->list[i].limit.given_up, true);
  shunt_worker_break_off(w->worker);
  return false;
}
