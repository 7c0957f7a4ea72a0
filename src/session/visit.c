#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "session/visit.h"

#include <time.h>

static const struct timespec NAP = {.tv_nsec = 100000};

shunt_status visit_refuse(const shunt_session *s, shunt_error *err) {
  if (!s) return error_null(err, "session");
  if (s->process != process_number())
    return error_set(err, SHUNT_E_USAGE,
                     "this process was forked, and the session belongs to the process before: open a session here, and "
                     "leave that one alone");
  return error_set(err, SHUNT_E_USAGE,
                   "another thread is in a call of this session: a session takes one call at a time; open a session "
                   "for each thread");
}

bool visit_wait(visit *v, shunt_session *s) {
  if (!s || s->process != process_number()) return false;
  while (!visit_try(v, s)) nanosleep(&NAP, NULL);
  return true;
}
