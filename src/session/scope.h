/* For: transactions of the host. One begins where its first access goes, or at the places that the host names, and
 * says what happens to accesses elsewhere: an error, outside of it, or it takes them in.
 * Owner: the session lists its scopes, the newest first, and a scope its transactions (transaction.of).
 * Use: scope_open(s, &options, &sc, err); … transaction_enter(c, client, level, &t) at each access …;
 *      status = scope_commit(c, sc); hooks = hooks_take(s, sc, !status); scope_close(s, sc); hooks_run(…); */
#ifndef SHUNT_SESSION_SCOPE_H
#define SHUNT_SESSION_SCOPE_H

#include "session/transaction.h"

/* Reads "error", "run" and "join". */
bool spanning_find(const char *word, cat_spanning *out);
const char *spanning_word(cat_spanning s);

/* Begins nothing yet. Errors: MEMORY. */
shunt_status scope_open(shunt_session *s, const shunt_tx_options *o, scope **out, shunt_error *err);
/* Begins its transaction at this place, unless it has one there. Errors: those of transaction_open. */
shunt_status scope_begin_at(call *c, scope *sc, const cat_client *client, int level, transaction **out);
/* Ends it; NULL: takes back what scope_open did. Transactions that are still open are rolled back. */
void scope_close(shunt_session *s, scope *sc);
/* Whatever it returns, its transactions have ended on their databases. */
shunt_status scope_commit(call *c, scope *sc);

/* It is not suspended, and the session is at its level (or has a transaction of it whose engine has no levels). */
bool scope_in_force(const shunt_session *s, const scope *sc);
/* The innermost in force; NULL: none. */
scope *scope_innermost(const shunt_session *s);
/* The scope in force that would take an access there in; NULL: none. It may have a transaction there or not. */
scope *scope_that_takes(const shunt_session *s, const cat_client *client, int level);
/* The name of a datasource of it, for messages; "" if it has none yet. */
static inline const char *scope_place(const scope *sc) { return sc->seen.nheld ? sc->seen.held[0]->name : ""; }

/* ---- accesses ---- */

/* The transaction that an access there runs in; one of the host that has no datasource yet, or takes all of them,
 * begins here. NULL: the access
 * runs outside of transactions. Errors: those of transaction_open, and TRANSACTION if the host's transaction forbids
 * accesses outside of it. */
shunt_status transaction_enter(call *c, const cat_client *client, int level, transaction **out);
/* Whether an access there would run in a transaction. */
bool transaction_takes(const shunt_session *s, const cat_client *client, int level);
/* The connection of the transaction that transaction_enter gives, or NULL. Reads that are under way on it are received
 * first. Errors: those of transaction_enter and transaction_check_free. */
shunt_status transaction_conn(call *c, const cat_client *client, int level, driver_conn **conn);
/* ---- savepoints: one in each of its transactions ---- */

void scope_doom(scope *sc, int savepoint);
shunt_status scope_save(call *c, scope *sc, int *savepoint);
/* Releases the savepoint and those inside. If that fails, it can still be undone. */
shunt_status scope_release(call *c, scope *sc, int savepoint);
/* Rolls back the savepoint and those inside, and transactions that began inside. If that fails, it is doomed. */
void scope_undo(shunt_session *s, scope *sc, int savepoint);

#endif
