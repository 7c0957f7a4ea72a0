/* For: the session's open transactions, their savepoints, and which of them are in force.
 * Owner: the session owns them; they hold a connection until they are closed. Who begins and ends them: propagation.c
 * for the host, unit.c for a nested write.
 * Use: transaction_open(c, client, level, &options, &t); …; status = transaction_commit(c, t);
 * transaction_close(c->s, t); */
#ifndef SHUNT_SESSION_TRANSACTION_H
#define SHUNT_SESSION_TRANSACTION_H

#include <string.h>

#include "session/call.h"

enum { NOT_DOOMED = -1 };

struct transaction {
  const cat_client *client;
  int level;         /* of its pool */
  int session_level; /* the session's when it began */
  driver_conn *conn;
  const char *isolation; /* as asked for; NULL: the engine's own */
  bool read_only;
  bool alone;     /* nothing may run outside of it */
  int suspended;  /* how many inside of it keep it from being in force */
  int savepoints; /* open; they are numbered from 1, from the outside in */
  int doomed_at;  /* the savepoint around what was rolled back while the rest of it was not, which can't be kept; 0: the
                   * transaction itself; NOT_DOOMED */
  transaction *next; /* the one begun before it */
};

/* The one that accesses to there run in: the newest that is not suspended. NULL: there is none. */
transaction *transaction_find(const shunt_session *s, const cat_client *client, int level);
/* Not suspended, and the session is at its level, or its engine has none. */
bool transaction_in_force(const shunt_session *s, const transaction *t);
/* The connection of the transaction found there, or NULL; one on which something is under way is settled first. */
driver_conn *transaction_conn(call *c, const cat_client *client, int level);
/* The same one as it is. */
driver_conn *transaction_peek(const shunt_session *s, const cat_client *client, int level);
/* Whether nothing may run outside of one that is begun so. */
static inline bool transaction_is_alone(const shunt_tx_options *o) {
  return o->spanning && strcmp(o->spanning, "error") == 0;
}
/* Refuses to run anything outside of transactions, on the client, while one that is not to be spanned is in force. */
shunt_status transaction_check_spanning(call *c, const cat_client *client);

/* Errors: those of pool_acquire and the driver; TRANSACTION where one that is suspended is in its way. */
shunt_status transaction_open(call *c, const cat_client *client, int level, const shunt_tx_options *o,
                              transaction **out);
/* It is over on the database, whatever comes of it, and has to be closed. */
shunt_status transaction_commit(call *c, transaction *t);
/* Gives its connection back; the pool rolls back what is still open on it. */
void transaction_close(shunt_session *s, transaction *t);

void transaction_doom(transaction *t, int savepoint);
shunt_status transaction_save(call *c, transaction *t, int *savepoint);
/* Ends the savepoint, and those inside. Where it can't be released it can still be undone. */
shunt_status transaction_release(call *c, transaction *t, int savepoint);
/* The same, rolled back. One that can't be leaves a transaction that is doomed. */
void transaction_undo(transaction *t, int savepoint);

/* Where SQL or a transaction goes that names a client: NULL is the session's current datasource, else its default;
 * "default" the instance's default, whatever the session switched to. No rule is asked about any other name. Errors:
 * those of session_named_client and route_decide. */
shunt_status transaction_client(call *c, const char *name, shunt_op op, const cat_client **client, int *level);

#endif
