/* For: functions of the host that run once a transaction has ended, in the order in which they were added.
 * Owner: the session; hooks that hooks_take returns must be run, which frees them.
 * Use: hook *due = hooks_take(s, t, committed); transaction_close(s, t); return hooks_run(s, due, &end, err). */
#ifndef SHUNT_SESSION_HOOK_H
#define SHUNT_SESSION_HOOK_H

#include "session/transaction.h"

typedef struct hook hook;

/* Takes out the hooks that run because t ends, and frees those that never will run. t must still be on the session. */
hook *hooks_take(shunt_session *s, const transaction *t, bool committed);

/* After the rollback or the release of a savepoint: for its hooks and those inside. */
void hooks_undo(shunt_session *s, const transaction *t, int savepoint);
void hooks_release(shunt_session *s, const transaction *t, int savepoint);

/* How a transaction ended. The client's name is a copy: a hook may move the session to another generation. */
typedef struct hook_end {
  char client[64];
  bool committed;
  shunt_status status; /* of its end; *err has the details */
} hook_end;

/* Runs and frees the hooks. Returns the end's status if none fails; else *err also lists the failures. */
shunt_status hooks_run(shunt_session *s, hook *due, const hook_end *end, shunt_error *err);

#endif
