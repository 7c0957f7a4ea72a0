/* For: the threads of a worker. The Lua object of app:worker is in the host's state; each thread has a state of its
 * own. Owner: a struct threads owns the threads, their states and the library's worker; a thread closes its state at
 * its end. Use: the host's thread calls thread_open(t, path, cpath, &err) for each thread, so that it can report
 * mistakes; each thread then runs thread_take_jobs(t) or thread_keep_schedules(t) until the worker stops. */
#ifndef SHUNT_BIND_WORKER_H
#define SHUNT_BIND_WORKER_H

#include <pthread.h>

#include "base/process.h"
#include "bind/bind.h"

typedef struct threads threads;

typedef struct thread {
  threads *threads;
  lua_State *L;
  pthread_t thread;
  bool schedules; /* it pushes scheduled jobs, and runs none */
  bind_limit limit;
} thread;

struct threads {
  shunt_app *app;
  unsigned process; /* process_number() of the process that has the threads */
  shunt_worker *worker;
  lua_CFunction open; /* the module, for the states of its threads */
  bool drain;         /* end when no job is due */
  thread *list;
  int nlist, started;   /* so many are open; the first ones also run */
  pthread_mutex_t lock; /* of the fields below */
  pthread_cond_t changed;
  bool stopping;
  int nlive;           /* threads that have not ended */
  int running;         /* running jobs */
  shunt_error problem; /* the last one; its status is OK before the first */
};

/* threads.c. The host's thread. */
threads *threads_new(shunt_app *app, bool drain, int nlist); /* NULL: no memory */
void threads_free(threads *w);                               /* waits for the jobs that run */
/* Takes no further jobs and waits for those that run, if bounded for at most so long; jobs that still run then break
 * off when they next use their sessions. True if all have ended. */
bool threads_stop(threads *w, bool bounded, int64_t ms);
/* threads.c. Any thread. */
bool threads_stopping(threads *w);
void threads_note(threads *w, const shunt_error *problem);
void threads_pause(threads *w, int64_t ms); /* for this time, or until it stops */
void threads_job_begins(threads *w);
void threads_job_ends(threads *w);

/* thread.c. The paths are package.path and package.cpath. Errors: any that keeps the application's Lua files from
 * loading. */
shunt_status thread_open(thread *t, const char *path, const char *cpath, shunt_error *err);
void thread_take_jobs(thread *t);
void thread_keep_schedules(thread *t);

#endif
