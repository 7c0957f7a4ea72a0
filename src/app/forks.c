/* What a fork does to the library.
 *
 * Idea: the child leaves everything that its parent's threads may have held in the middle of a change, and never frees
 * it. Only the locks of the whole process are kept consistent, by holding them over the fork: they are few, and no
 * thread holds one for long. The locks of an app are not: the façade gives the child's app other ones.
 *
 * SQLite allows no connection to be open over a fork, not even for closing it in the child: its locks belong to the
 * process, and it remembers in memory which it has. So idle connections to files are closed before the fork. Where one
 * is in use, the child refuses to open files (driver/opened.c).
 *
 * Not here: renewing sessions in the child. Their transactions and streams belong to the parent. */
#include "app/forks.h"

#include "base/event.h"
#include "base/process.h"
#include "base/slot.h"
#include "catalog/handle.h"
#include "driver/opened.h"
#include "jobs/held.h"
#include "jobs/signal.h"
#include "joint/age.h"
#include "joint/going.h"
#include "joint/name.h"
#include "pool/pool.h"

static pthread_mutex_t *facade;

/* The last one is acquired under others, and so are those before it. */
static void step(process_step at) {
  process_step_lock(facade, at);
  pools_at_fork(at);
  held_at_fork(at);
  signal_at_fork(at);
  joint_going_at_fork(at);
  joint_name_at_fork(at);
  joint_age_at_fork(at);
  handles_at_fork(at);
  events_at_fork(at);
  slot_at_fork(at);
  opened_at_fork(at);
}

static void before(void) {
  pools_close_files();
  step(PROCESS_BEFORE);
}

static void in_parent(void) { step(PROCESS_PARENT); }

static void in_child(void) {
  atomic_fetch_add(&process_forks, 1);
  step(PROCESS_CHILD);
}

static void register_all(void) { pthread_atfork(before, in_parent, in_child); }

void forks_mind(pthread_mutex_t *own) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  facade = own;
  pthread_once(&once, register_all);
}
