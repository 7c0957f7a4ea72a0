#include "joint/age.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "joint/name.h"

enum { MOST = 256 };

typedef struct sight {
  char id[JOINT_ID_ROOM];
  int64_t since_ns; /* of the first look */
  int64_t age_s;    /* then */
} sight;

static struct {
  pthread_mutex_t lock;
  sight list[MOST];
  size_t count, next; /* next: whose place is taken when the list is full */
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static sight *find(const char *id) {
  for (size_t i = 0; i < seen.count; i++)
    if (strcmp(seen.list[i].id, id) == 0) return &seen.list[i];
  return NULL;
}

static sight *add(const char *id, uint32_t time_s) {
  const int64_t age_s = clock_real_ms() / 1000 - time_s;
  sight *s = &seen.list[seen.next];
  seen.next = (seen.next + 1) % MOST;
  if (seen.count < MOST) seen.count++;
  *s = (sight){.since_ns = clock_monotonic_ns(), .age_s = age_s > 0 ? age_s : 0};
  snprintf(s->id, sizeof s->id, "%s", id);
  return s;
}

int64_t joint_age_s(const char *id, uint32_t time_s) {
  pthread_mutex_lock(&seen.lock);
  const sight *s = find(id);
  if (!s) s = add(id, time_s);
  const int64_t age_s = s->age_s + (clock_monotonic_ns() - s->since_ns) / NS_PER_S;
  pthread_mutex_unlock(&seen.lock);
  return age_s;
}

void joint_age_at_fork(process_step step) { process_step_lock(&seen.lock, step); }
