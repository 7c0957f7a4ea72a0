/* Loading rule files on a thread of its own, so that the caller never waits for what nothing can stop.
 *
 * Idea. Lua calls a hook between two instructions, and the parser calls its reader between two pieces of text. But to
 * rehash a large table whose keys collide takes a minute within one of either, and no limit is seen meanwhile. A rule
 * that is asked may not make such a table (SANDBOX_KEYS_MOST); a file may, for it may list a hundred thousand tenants.
 * So the files are loaded on a thread, and the caller waits until that is done, or until the thread has used up its
 * limit of CPU time. Then the caller goes on, with an error, and leaves all that the thread uses to the thread. The
 * next hook ends it, and it frees everything.
 *
 * Invariant. While the thread runs, the job owns the host, the source and the list of mistakes. Under the lock it is
 * either done, and the caller takes them out, or left. Both sides hold the job, and the last to let go frees it.
 *
 * Not here: a signal that jumps out of Lua. A library may not take a signal of its host, nor skip the frames of malloc.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/thread.h"
#include "rule/host_inner.h"

enum { STACK_BYTES = 8 << 20, POLL_MS = 5, GRACE_MS = 10, MOST_LEFT = 4 };

static atomic_int abandoned; /* jobs that still run */

typedef struct job {
  rule_host *host;
  rule_load what;
  catalog_source source;
  problems found;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t ended;
  bool done, left;    /* under the lock */
  atomic_int holders; /* the caller and the thread */
} job;

static void let_go(job *j) {
  if (atomic_fetch_sub(&j->holders, 1) > 1) return;
  rule_host_free(j->host);
  catalog_source_free(&j->source);
  problems_free(&j->found);
  pthread_cond_destroy(&j->ended);
  pthread_mutex_destroy(&j->lock);
  base_free(j);
}

static void *run(void *ud) {
  job *j = ud;
  rule_host_load(j->host, &j->what, &j->source, &j->found);
  pthread_mutex_lock(&j->lock);
  const bool is_left = j->left;
  j->done = true;
  pthread_cond_signal(&j->ended);
  pthread_mutex_unlock(&j->lock);
  let_go(j);
  if (is_left) atomic_fetch_sub(&abandoned, 1);
  return NULL;
}

static bool start(job *j) {
  atomic_store(&j->holders, 2);
  const bool started = thread_start(&j->thread, STACK_BYTES, run, j) == 0;
  if (!started) atomic_store(&j->holders, 1);
  return started;
}

static job *new_job(void) {
  job *j = base_zalloc(sizeof *j);
  if (!j || !thread_cond_init(&j->ended)) {
    base_free(j);
    return NULL;
  }
  atomic_init(&j->holders, 1);
  pthread_mutex_init(&j->lock, NULL);
  return j;
}

/* The thread runs: it ends under the lock. */
static bool is_over(const job *j) {
  int64_t spent_ns;
  const int64_t deadline_ns = atomic_load_explicit(&j->host->sb->deadline_ns, memory_order_relaxed);
  return deadline_ns && clock_cpu_ns_of(j->thread, &spent_ns) && spent_ns > deadline_ns + GRACE_MS * NS_PER_MS;
}

/* Under the lock. */
static void leave(job *j, shunt_error *err) {
  const char *file = atomic_load(&j->host->running);
  j->left = true;
  atomic_fetch_add(&abandoned, 1);
  pthread_detach(j->thread);
  error_set(err, SHUNT_E_LIMIT,
            "over the limit of %lld ms of computing time, in one step that can't be stopped: keys of a table that "
            "collide, or a file that is very hard to parse; do less here, or raise rules.timeout",
            (long long)(sandbox_load_ns(j->host->sb) / NS_PER_MS));
  if (file) error_place(err, file, 0, 0);
}

/* Fills err if the job is left. */
static bool wait_for(job *j, shunt_error *err) {
  pthread_mutex_lock(&j->lock);
  while (!j->done && !is_over(j)) thread_cond_wait(&j->ended, &j->lock, clock_monotonic_ns() + POLL_MS * NS_PER_MS);
  const bool done = j->done;
  if (!done) leave(j, err);
  pthread_mutex_unlock(&j->lock);
  return done;
}

static void add_problems(problems *to, const problems *from) {
  for (size_t i = 0; i < from->count; i++) problems_add_error(to, &from->list[i]);
  to->more += from->more;
  to->out_of_memory |= from->out_of_memory;
}

shunt_status rule_host_load_watched(rule_host **host, const rule_load *what, catalog_source *source, problems *found,
                                    shunt_error *err) {
  shunt_error own;
  if (!err) err = &own;
  if (atomic_load(&abandoned) >= MOST_LEFT) {
    error_set(
        err, SHUNT_E_LIMIT,
        "%d threads still load rule files in steps that can't be stopped: mend the files, and wait for the threads",
        MOST_LEFT);
    problems_add_error(found, err);
    return err->status;
  }
  job *j = new_job();
  if (!j) return error_memory(err);
  j->host = *host;
  j->source = *source;
  j->what = *what;
  *host = NULL;
  memset(source, 0, sizeof *source);
  const bool started = start(j);
  if (started && !wait_for(j, err)) {
    let_go(j);
    problems_add_error(found, err);
    return err->status;
  }
  if (started) pthread_join(j->thread, NULL);
  add_problems(found, &j->found);
  *host = j->host;
  *source = j->source;
  j->host = NULL;
  memset(&j->source, 0, sizeof j->source);
  let_go(j);
  return started
             ? SHUNT_OK
             : error_set(err, SHUNT_E_MEMORY, "no thread can be started to load the rules: raise the limit on threads");
}
