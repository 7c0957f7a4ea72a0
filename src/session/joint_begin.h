/* For: beginning a transaction so that it can be prepared later.
 * Owner: the caller's connection. Use: joint_begin(c, t) in place of the engine's begin. */
#ifndef SHUNT_SESSION_JOINT_BEGIN_H
#define SHUNT_SESSION_JOINT_BEGIN_H

#include "session/transaction.h"

/* On t->conn. Notes whether it can be prepared. Errors: those of the engine's begin. */
shunt_status joint_begin(call *c, transaction *t);
/* Whether the client's server can prepare, asked at most once until it can. Outside of a transaction. Errors:
 * TRANSACTION: it can't, with the reason; those of the connection. */
shunt_status joint_ask(call *c, driver_conn *conn);

#endif
