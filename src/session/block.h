/* For: what shunt_call has opened in a session, and later calls end: transactions, switches, levels. They nest: the
 * innermost ends first. Owner: the session, which ends what is left. A transaction's handle belongs to its block.
 * Use: status = block_reserve(s, err); …open it…; block_add(s, BLOCK_SWITCH, NULL); … status = block_take(s,
 * BLOCK_SWITCH, &tx, err); …end it… */
#ifndef SHUNT_SESSION_BLOCK_H
#define SHUNT_SESSION_BLOCK_H

#include "session/session.h"

typedef enum block_kind { BLOCK_TRANSACTION, BLOCK_SWITCH, BLOCK_LEVEL } block_kind;

struct session_block {
  block_kind kind;
  shunt_tx *tx; /* of a transaction; otherwise NULL */
};

/* Room for one more. Errors: MEMORY. */
shunt_status block_reserve(shunt_session *s, shunt_error *err);
void block_add(shunt_session *s, block_kind kind, shunt_tx *tx); /* after block_reserve */
/* Takes the innermost off; the caller ends it. Errors: USAGE if it is of another kind, or nothing is open. */
shunt_status block_take(shunt_session *s, block_kind kind, shunt_tx **tx, shunt_error *err);
/* When the session closes, and its transactions have ended. */
void blocks_free(shunt_session *s);

#endif
