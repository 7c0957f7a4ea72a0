/* For: what shunt_begin hands out. Owner: who began it; it outlives even the session, as a dead one. */
#ifndef SHUNT_QUERY_PROPAGATION_H
#define SHUNT_QUERY_PROPAGATION_H

#include "query/transaction.h"

/* The transaction has ended, or one of its savepoints (numbered from 1): those inside of it have nothing left to end.
 */
void propagation_ended(shunt_session *s, const transaction *t, int savepoint);
/* Rolls back all that is open, with its hooks, for the session is about to go. */
void propagation_end_all(shunt_session *s);

#endif
