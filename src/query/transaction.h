/* For: the session's transactions, one at most per client and level, and the units of work in which nested writes
 * write. Owner: the session owns what is open; a shunt_tx belongs to who began it and outlives even the session, as a
 * dead one. Use: unit u = {0}; unit_begin(s, &u); … unit_join(s, &u, client, level, err) before each first write … ;
 * return unit_end(s, &u, status, err). */
#ifndef SHUNT_QUERY_TRANSACTION_H
#define SHUNT_QUERY_TRANSACTION_H

#include "query/session.h"

struct transaction {
  const cat_client *client;
  int level;
  driver_conn *conn;
  const char *isolation; /* as asked for; NULL: the engine's own */
  bool read_only;
  bool doomed; /* a part of it was rolled back: it can't be committed */
  int savepoints;
  transaction *next;
};

/* The connection of the transaction open there, or NULL; one on which something is under way is settled first. */
driver_conn *transaction_conn(shunt_session *s, const cat_client *client, int level);
/* The same one as it is. */
driver_conn *transaction_peek(const shunt_session *s, const cat_client *client, int level);
void transaction_end_all(shunt_session *s);
/* Where an access without a model goes. effective: to the instance's default, whatever the session switched to. */
shunt_status transaction_default_client(shunt_session *s, shunt_op op, bool effective, const cat_client **client,
                                        int *level, shunt_error *err);

/* A datasource that a unit of work writes to. */
typedef struct unit_part {
  transaction *tx;
  int savepoint; /* inside a transaction that was open before; 0: the unit began it */
  bool released; /* the savepoint, to which there is no way back */
} unit_part;

typedef struct unit {
  unit_part *parts;
  size_t count, capacity;
  bool begun;
} unit;

void unit_begin(shunt_session *s, unit *u);
shunt_status unit_join(shunt_session *s, unit *u, const cat_client *client, int level, shunt_error *err);
/* Commits where status is SHUNT_OK, else rolls back, and returns what became of it. Once its part of a transaction that
 * was open before can't be undone by itself, because another part could not be committed, that transaction is doomed.
 */
shunt_status unit_end(shunt_session *s, unit *u, shunt_status status, shunt_error *err);

#endif
