/* For: what the host wants done once a transaction has ended: the hooks that wait, run in the order in which they came.
 * Owner: the session owns them; those that hooks_take gives have to be run, which frees them.
 * Use: hook *due = hooks_take(s, t, committed); transaction_close(s, t); return hooks_run(s, due, &end, err). */
#ifndef SHUNT_SESSION_HOOK_H
#define SHUNT_SESSION_HOOK_H

#include "session/transaction.h"

typedef struct hook hook;

/* Takes out what has to run because t ends, which is still on the session, and drops what never will. */
hook *hooks_take(shunt_session *s, const transaction *t, bool committed);

/* Those of a savepoint that is rolled back, or that is released, and those inside. */
void hooks_undo(shunt_session *s, const transaction *t, int savepoint);
void hooks_release(shunt_session *s, const transaction *t, int savepoint);

/* How a transaction ended. The client's name is a copy: a hook may move the session to another generation. */
typedef struct hook_end {
  char client[64];
  bool committed;
  shunt_status status; /* of its end, which *err tells of */
} hook_end;

/* Runs and frees them. Where none fails it returns the end's status; else *err tells of their failures too. */
shunt_status hooks_run(shunt_session *s, hook *due, const hook_end *end, shunt_error *err);

#endif
