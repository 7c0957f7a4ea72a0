#include "jobs/tally.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"

typedef struct queue_ends {
  char *queue; /* NULL: the others */
  uint64_t ends[JOB_TALLY_NENDS];
} queue_ends;

struct job_tally {
  pthread_mutex_t lock;
  size_t count;
  queue_ends list[JOB_TALLY_QUEUES], others;
};

job_tally *job_tally_new(void) {
  job_tally *t = base_zalloc(sizeof *t);
  if (!t || pthread_mutex_init(&t->lock, NULL) == 0) return t;
  base_free(t);
  return NULL;
}

void job_tally_free(job_tally *t) {
  if (!t) return;
  for (size_t i = 0; i < t->count; i++) base_free(t->list[i].queue);
  pthread_mutex_destroy(&t->lock);
  base_free(t);
}

static queue_ends *find(job_tally *t, const char *queue) {
  for (size_t i = 0; i < t->count; i++)
    if (strcmp(t->list[i].queue, queue) == 0) return &t->list[i];
  char *name = t->count < JOB_TALLY_QUEUES ? base_strdup(queue) : NULL;
  if (!name) return &t->others;
  t->list[t->count].queue = name;
  return &t->list[t->count++];
}

void job_tally_add(job_tally *t, const char *queue, job_tally_end end) {
  pthread_mutex_lock(&t->lock);
  find(t, queue)->ends[end]++;
  pthread_mutex_unlock(&t->lock);
}

static bool any(const queue_ends *q) {
  bool some = false;
  for (int i = 0; i < JOB_TALLY_NENDS; i++) some = some || q->ends[i];
  return some;
}

void job_tally_each(job_tally *t, void (*fn)(void *ud, const char *queue, const uint64_t *ends), void *ud) {
  pthread_mutex_lock(&t->lock);
  for (size_t i = 0; i < t->count; i++) fn(ud, t->list[i].queue, t->list[i].ends);
  if (any(&t->others)) fn(ud, JOB_TALLY_OTHERS, t->others.ends);
  pthread_mutex_unlock(&t->lock);
}
