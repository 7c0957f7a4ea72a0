/* For: functions that run before a transaction of the host commits, or once it has ended, in the order in which they
 * were added.
 * Owner: the session; hooks that hooks_take returns must be run, which frees them.
 * Use: status = hooks_run_before(s, sc, err); … hook *due = hooks_take(s, sc, outcome); scope_close(s, sc);
 *      return hooks_run(s, due, &end, err). */
#ifndef SHUNT_SESSION_HOOK_H
#define SHUNT_SESSION_HOOK_H

#include "session/scope.h"

typedef struct hook hook;

/* Adds a function of the library's own that runs before the innermost transaction in force commits, and may fail: then
 * that is rolled back. Parameters and errors as for shunt_on_commit. */
shunt_status hooks_before_commit(shunt_session *s, shunt_hook fn, void *ud, void (*drop)(void *ud), shunt_error *err);
/* Runs and frees those, the first failure ends it. */
shunt_status hooks_run_before(shunt_session *s, const scope *sc, shunt_error *err);

/* Takes out the hooks that run because sc ends, and frees those that never will run. sc must still be on the session.
 */
hook *hooks_take(shunt_session *s, const scope *sc, shunt_outcome outcome);

/* After the rollback or the release of a savepoint: for its hooks and those inside. */
void hooks_undo(shunt_session *s, const scope *sc, int savepoint);
void hooks_release(shunt_session *s, const scope *sc, int savepoint);

/* How a transaction ended. The client's name is a copy: a hook may move the session to another generation. */
typedef struct hook_end {
  char client[64];       /* "": it had no access */
  shunt_outcome outcome; /* NOT_DONE: it was rolled back */
  shunt_status status;   /* of its end; *err has the details */
} hook_end;

/* Runs and frees the hooks. Returns the end's status if none fails; else *err also lists the failures. */
shunt_status hooks_run(shunt_session *s, hook *due, const hook_end *end, shunt_error *err);

#endif
