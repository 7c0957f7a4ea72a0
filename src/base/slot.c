#include "base/slot.h"

#include <pthread.h>
#include <stdint.h>

_Thread_local unsigned slot_mine;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key; /* its destructor runs when a thread ends */
static bool has_key;
static bool taken[SLOT_MOST - 1];

static void give_back(void *number) {
  unsigned slot = (unsigned)(uintptr_t)number - 1;
  slot_mine = 0;
  if (slot_is_shared(slot)) return;
  pthread_mutex_lock(&lock);
  taken[slot] = false;
  pthread_mutex_unlock(&lock);
}

static void make_key(void) { has_key = pthread_key_create(&key, give_back) == 0; }

/* The library may be unloaded before a thread that used it ends. */
__attribute__((destructor)) static void drop_key(void) {
  if (has_key) pthread_key_delete(key);
}

void slot_at_fork(process_step step) {
  for (unsigned i = 0; step == PROCESS_CHILD && i < SLOT_MOST - 1; i++) taken[i] = i + 1 == slot_mine;
  process_step_lock(&lock, step);
}

unsigned slot_take(void) {
  unsigned slot = 0;
  pthread_once(&once, make_key);
  pthread_mutex_lock(&lock);
  while (has_key && slot < SLOT_MOST - 1 && taken[slot]) slot++;
  if (!has_key) slot = SLOT_MOST - 1; /* a slot that could not be returned at the end of the thread is not given out */
  if (!slot_is_shared(slot) && pthread_setspecific(key, (void *)(uintptr_t)(slot + 1)) != 0) slot = SLOT_MOST - 1;
  if (!slot_is_shared(slot)) taken[slot] = true;
  pthread_mutex_unlock(&lock);
  slot_mine = slot + 1;
  return slot;
}
