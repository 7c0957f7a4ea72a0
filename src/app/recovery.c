#define _POSIX_C_SOURCE 200809L

#include "app/recovery.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"
#include "joint/recover.h"
#include "rows/rows.h"

enum { FIRST_PAUSE_S = 5, LONGEST_PAUSE_S = 300 };

bool recovery_init(recovery *r, const recovery_host *host) {
  r->host = *host;
  return thread_cond_init(&r->changed) && !pthread_mutex_init(&r->lock, NULL);
}

/* Returns how many prepared transactions and unreachable datasources are left; without memory, one. */
static size_t look(recovery *r) {
  size_t left = 1;
  shunt_error err;
  generation *g = r->host.take(r->host.ud);
  shunt_rows *rows = rows_new();
  if (rows &&
      joint_recover(&(joint_look){.catalog = g->catalog, .events = r->host.events, .resolve = true, .stop = &r->stop},
                    rows, &left, &err))
    left = 1;
  shunt_rows_free(rows);
  generation_drop(g);
  return left;
}

/* pause_s 0: until there is work. Returns whether it was woken. The caller holds the lock. */
static bool wait_for_work(recovery *r, int pause_s) {
  const int64_t until_ns = clock_monotonic_ns() + pause_s * NS_PER_S;
  bool late = false;
  while (!r->wanted && !atomic_load(&r->stop) && !late)
    if (pause_s)
      late = !thread_cond_wait(&r->changed, &r->lock, until_ns);
    else
      pthread_cond_wait(&r->changed, &r->lock);
  const bool woken = r->wanted;
  r->wanted = false;
  return woken;
}

/* It looks twice even if nothing is left: what a process has sent before it was killed may arrive later. */
static void *run(void *ud) {
  recovery *r = ud;
  bool again = true;
  int pause_s = FIRST_PAUSE_S;
  while (!atomic_load(&r->stop)) {
    const size_t left = look(r);
    pthread_mutex_lock(&r->lock);
    again = wait_for_work(r, left || again ? pause_s : 0);
    pthread_mutex_unlock(&r->lock);
    pause_s = !left || again ? FIRST_PAUSE_S : pause_s * 2 < LONGEST_PAUSE_S ? pause_s * 2 : LONGEST_PAUSE_S;
  }
  return NULL;
}

void recovery_wake(recovery *r, bool again) {
  if (!again && atomic_load_explicit(&r->started, memory_order_relaxed)) return;
  pthread_mutex_lock(&r->lock);
  if (!atomic_load(&r->started))
    atomic_store(&r->started, thread_start(&r->thread, 0, run, r) == 0);
  else
    r->wanted = r->wanted || again;
  pthread_cond_signal(&r->changed);
  pthread_mutex_unlock(&r->lock);
}

void recovery_end(recovery *r) {
  pthread_mutex_lock(&r->lock);
  atomic_store(&r->stop, true);
  pthread_cond_signal(&r->changed);
  pthread_mutex_unlock(&r->lock);
  if (atomic_load(&r->started)) pthread_join(r->thread, NULL);
  pthread_cond_destroy(&r->changed);
  pthread_mutex_destroy(&r->lock);
}

shunt_status recovery_look(const generation *g, event_sink *events, bool resolve, const char *id, shunt_rows **rows,
                           shunt_error *err) {
  size_t left;
  *rows = NULL;
  shunt_rows *found = rows_new();
  if (!found) return error_memory(err);
  shunt_status status = joint_recover(
      &(joint_look){.catalog = g->catalog, .events = events, .resolve = resolve, .id = id}, found, &left, err);
  if (!status && id && found->count == 0)
    status = error_set(err, SHUNT_E_NOT_FOUND, "no datasource has a prepared transaction %.80s", id);
  if (status)
    shunt_rows_free(found);
  else
    *rows = found;
  return status;
}
