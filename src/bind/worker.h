/* For: what the Lua object of app:worker, in the host's state, shares with its threads, each with a state of its own.
 * Owner: the crew owns the threads, their states and the library's worker; a thread closes its state when it ends.
 * Use: the host's thread calls member_open(m, path, cpath, &err) for each member, so that it can report mistakes; each
 * thread then runs member_take_jobs(m) or member_keep_schedules(m) until the crew stops. */
#ifndef SHUNT_BIND_WORKER_H
#define SHUNT_BIND_WORKER_H

#include <pthread.h>

#include "bind/bind.h"

typedef struct crew crew;

/* A thread of a worker. */
typedef struct member {
  crew *crew;
  lua_State *L;
  pthread_t thread;
  bool schedules; /* it pushes scheduled jobs, and runs none */
  bind_limit limit;
} member;

struct crew {
  shunt_app *app;
  shunt_worker *worker;
  lua_CFunction open; /* the module, for the states of its threads */
  bool drain;         /* end when no job is due */
  member *members;
  int nmembers, started; /* the first members have threads */
  pthread_mutex_t lock;  /* of the fields below */
  pthread_cond_t changed;
  bool stopping;
  int threads; /* threads that have not ended */
  int running; /* running jobs */
  int64_t completed, failed;
  shunt_error problem; /* the last one; its status is OK before the first */
};

/* crew.c. The host's thread. */
crew *crew_new(shunt_app *app, bool drain, int nmembers); /* NULL: no memory */
void crew_free(crew *w);                                  /* waits for the jobs that run */
/* Takes no further jobs and waits for those that run, if bounded for at most so long; jobs that still run then break
 * off when they next use their sessions. True if all have ended. */
bool crew_stop(crew *w, bool bounded, int64_t ms);
/* crew.c. Any thread. */
bool crew_stopping(crew *w);
void crew_note(crew *w, const shunt_error *problem);
void crew_pause(crew *w, int64_t ms); /* for this time, or until it stops */
void crew_begins(crew *w);            /* a job */
void crew_ends(crew *w, bool completed);

/* member.c. The paths are package.path and package.cpath. Errors: any that keeps the application's Lua files from
 * loading. */
shunt_status member_open(member *m, const char *path, const char *cpath, shunt_error *err);
void member_take_jobs(member *m);
void member_keep_schedules(member *m);

#endif
