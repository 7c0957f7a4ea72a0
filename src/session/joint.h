/* For: committing several open transactions as one: all or none, even if the process or a server dies meanwhile.
 * Owner: the caller closes the transactions. joint/ has the ids, the decisions and recovery.
 * Use: t->joint.asked = true before it begins; … status = joint_commit(c, list, n); transaction_close(c->s, list[i]).
 *
 * Protocol. Transactions that wrote nothing commit plainly. Of the others, one coordinates: the one that can't be
 * prepared, if there is one. All others are prepared; after that any of them can still go either way. The coordinator's
 * own transaction inserts a row with the id of the whole, and commits: that is the decision. Then the others are
 * committed. If the process dies before the decision, recovery finds no row and rolls them back; after it, recovery
 * commits them. */
#ifndef SHUNT_SESSION_JOINT_H
#define SHUNT_SESSION_JOINT_H

#include "session/transaction.h"

/* Commits the transactions as one. Whatever it returns, all of them have ended on their databases, or will by recovery,
 * and must be closed. SHUNT_OK: all are committed, or will be as soon as recovery reaches their databases. Otherwise
 * none that wrote is, and *err lists what each did; only if the error says that the outcome is not known, recovery
 * decides it. n 0: no-op. */
shunt_status joint_commit(call *c, transaction **list, size_t n);
/* Before a transaction that may write begins on the client, to be committed with the others. TRANSACTION if two of them
 * can't be prepared; errors of the connection that asks. */
shunt_status joint_check(call *c, transaction *const *list, size_t n, const cat_client *joining);

#endif
