/* For: what is known after a call that writes: the outcome in its error.
 * Owner: the session keeps the effect of the call under way: what is known of its writes so far. It is a call's own, so
 * copies of a call share it.
 * Use: outcome_note(c, status, conn->outcome, "been done") after each write outside of transactions and each commit;
 *      return outcome_end(c, status) at the end of the public function.
 *
 * The one rule: a driver knows whether a request may have taken effect although it failed (driver_conn.outcome). Within
 * a transaction that doesn't matter, before its commit. What was done stays done if something fails later that is no
 * write; if a second write fails, a part is done, and that is UNKNOWN. */
#ifndef SHUNT_SESSION_OUTCOME_H
#define SHUNT_SESSION_OUTCOME_H

#include "session/call.h"

/* known: of a write that failed. what: "been done" or "been committed". */
void outcome_note(call *c, shunt_status status, shunt_outcome known, const char *what);
/* Gives the error of a failed call its outcome. Returns status. */
shunt_status outcome_end(const call *c, shunt_status status);

#endif
