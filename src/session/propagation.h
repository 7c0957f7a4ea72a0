/* For: the handles that shunt_begin returns.
 * Owner: the host. A handle outlives its session, and is dead then. */
#ifndef SHUNT_SESSION_PROPAGATION_H
#define SHUNT_SESSION_PROPAGATION_H

#include "session/transaction.h"

/* Rolls back all open transactions and runs their hooks, before the session closes. */
void propagation_end_all(shunt_session *s);

#endif
