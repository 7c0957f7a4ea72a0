/* For: the units of work in which nested writes write: one transaction, or a savepoint in one, for each datasource.
 * Owner: whoever began a unit ends it, which frees what it holds.
 * Use: unit u = {0}; unit_begin(c, &u); … unit_join(c, &u, client, level) before each first write … ;
 * return unit_end(c, &u, status); */
#ifndef SHUNT_SESSION_UNIT_H
#define SHUNT_SESSION_UNIT_H

#include "session/transaction.h"

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
  bool apart; /* none of the host's own work, so that it may run outside of a transaction that is not to be spanned */
} unit;

void unit_begin(call *c, unit *u);
shunt_status unit_join(call *c, unit *u, const cat_client *client, int level);
/* Commits where status is SHUNT_OK, else rolls back, and returns what became of it. Once its part of a transaction that
 * was open before can't be undone by itself, because another part could not be committed, that transaction is doomed.
 */
shunt_status unit_end(call *c, unit *u, shunt_status status);

#endif
