#include "joint/going.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static joint_going *all;
static uint64_t left_count;

joint_going *joint_going_begin(const char *id, uint32_t first) {
  joint_going *g = base_zalloc(sizeof *g);
  if (!g) return NULL;
  snprintf(g->id, sizeof g->id, "%s", id);
  g->first = first;
  pthread_mutex_lock(&lock);
  g->next = all;
  all = g;
  pthread_mutex_unlock(&lock);
  return g;
}

void joint_going_end(joint_going *g, bool left) {
  pthread_mutex_lock(&lock);
  joint_going **at = &all;
  while (*at != g) at = &(*at)->next;
  if (left)
    g->left_at = ++left_count;
  else
    *at = g->next;
  pthread_mutex_unlock(&lock);
  if (!left) base_free(g);
}

/* The caller holds the lock. */
static const joint_going *find(const char *id) {
  const joint_going *g = all;
  while (g && strcmp(g->id, id) != 0) g = g->next;
  return g;
}

bool joint_going_is(const char *id) {
  pthread_mutex_lock(&lock);
  const joint_going *g = find(id);
  const bool is = g && !g->left_at;
  pthread_mutex_unlock(&lock);
  return is;
}

bool joint_going_commits(const char *id) {
  pthread_mutex_lock(&lock);
  const joint_going *g = find(id);
  const bool commits = g && g->left_at && g->commits;
  pthread_mutex_unlock(&lock);
  return commits;
}

uint32_t joint_going_oldest(uint32_t number) {
  pthread_mutex_lock(&lock);
  for (const joint_going *g = all; g; g = g->next)
    if (g->first < number) number = g->first;
  pthread_mutex_unlock(&lock);
  return number;
}

uint64_t joint_going_left(void) {
  pthread_mutex_lock(&lock);
  uint64_t left = left_count;
  pthread_mutex_unlock(&lock);
  return left;
}

void joint_going_finished(uint64_t left) {
  pthread_mutex_lock(&lock);
  for (joint_going **at = &all; *at;) {
    joint_going *g = *at;
    if (!g->left_at || g->left_at > left) {
      at = &g->next;
      continue;
    }
    *at = g->next;
    base_free(g);
  }
  pthread_mutex_unlock(&lock);
}

void joint_going_at_fork(process_step step) {
  if (step == PROCESS_CHILD) all = NULL;
  process_step_lock(&lock, step);
}
