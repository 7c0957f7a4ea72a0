/* For: what the Lua object of app:worker, in the host's state, and its threads, each with a state of its own, share.
 * Owner: the crew owns the threads, their states and the library's worker; a thread closes its state when it ends.
 * Use: member_open(m, …) for each, in the host's thread, so that mistakes are told there; a thread each, in which
 * member_take_jobs(m) or member_keep_schedules(m) runs until the crew stops. */
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
  bool schedules; /* it pushes what is due, and takes no jobs */
  bind_limit limit;
} member;

struct crew {
  shunt_app *app;
  shunt_worker *worker;
  lua_CFunction open; /* the module, for the states of its threads */
  bool drain;         /* end once nothing is due */
  member *members;
  int nmembers, started; /* threads of the first ones */
  pthread_mutex_t lock;  /* of what follows */
  pthread_cond_t changed;
  bool stopping;
  int threads; /* that have not ended */
  int running; /* jobs */
  int64_t completed, failed;
  shunt_error problem; /* the last one; its status is OK where there was none */
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
void crew_pause(crew *w, int64_t ms); /* until then, or until it stops */
void crew_begins(crew *w);            /* a job */
void crew_ends(crew *w, bool completed);

/* member.c. The paths are package.path and package.cpath. Errors: whatever keeps the application's Lua from loading. */
shunt_status member_open(member *m, const char *path, const char *cpath, shunt_error *err);
void member_take_jobs(member *m);
void member_keep_schedules(member *m);

#endif
