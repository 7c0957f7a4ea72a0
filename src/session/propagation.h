/* For: what shunt_begin hands out. Owner: who began it; it outlives even the session, as a dead one. */
#ifndef SHUNT_SESSION_PROPAGATION_H
#define SHUNT_SESSION_PROPAGATION_H

#include "session/transaction.h"

/* Rolls back all that is open, with its hooks, for the session is about to go. */
void propagation_end_all(shunt_session *s);

#endif
