/* For: units of work for nested writes: one transaction per datasource, or a savepoint in the transaction that is open
 * there. Owner: the code that began the unit ends it, which frees its memory. Use: unit u = {0}; unit_begin(c, &u); …
 * unit_join(c, &u, client, level) before each first write … ; return unit_end(c, &u, status); */
#ifndef SHUNT_SESSION_UNIT_H
#define SHUNT_SESSION_UNIT_H

#include "session/transaction.h"

/* A datasource that a unit of work writes to. */
typedef struct unit_part {
  transaction *tx;
  int savepoint; /* in a transaction that was open already; 0: the unit began it */
  bool released; /* the savepoint is released and can't be rolled back */
} unit_part;

typedef struct unit {
  unit_part *parts;
  size_t count, capacity;
  bool begun;
} unit;

void unit_begin(call *c, unit *u);
shunt_status unit_join(call *c, unit *u, const cat_client *client, int level);
/* Commits if status is SHUNT_OK, else rolls back; returns the result. If one part can't be committed, and another part
 * was released into a transaction that was open already, that transaction is doomed. */
shunt_status unit_end(call *c, unit *u, shunt_status status);

#endif
