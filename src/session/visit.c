#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "session/visit.h"

#include <time.h>

static const struct timespec NAP = {.tv_nsec = 100000};

shunt_status visit_refuse(const shunt_session *s, shunt_error *err) {
  if (!s) return error_null(err, "session");
  return error_set(err, SHUNT_E_USAGE,
                   "another thread is in a call of this session: a session takes one call at a time; open a session "
                   "for each thread");
}

void visit_wait(visit *v, shunt_session *s) {
  while (!visit_try(v, s)) nanosleep(&NAP, NULL);
}
