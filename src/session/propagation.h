/* For: the handles that shunt_begin returns: what a new transaction does about the ones in force.
 * Owner: the host. A handle outlives its session, and is dead then.
 * Use: propagation_start(c, &options, &h); …find the places that the options name…; status = propagation_begin(c, h,
 * &options, places, n); if (status) propagation_drop(h); */
#ifndef SHUNT_SESSION_PROPAGATION_H
#define SHUNT_SESSION_PROPAGATION_H

#include "session/transaction.h"

typedef struct tx_place {
  const cat_client *client;
  int level;
} tx_place;

/* Makes a handle; one that goes up a level does it now, so that places are found there. Errors: USAGE, TRANSACTION,
 * MEMORY. */
shunt_status propagation_start(call *c, const shunt_tx_options *o, shunt_tx **out);
/* Begins at these places, or with none where its first access goes. On failure the handle must be dropped. */
shunt_status propagation_begin(call *c, shunt_tx *h, const shunt_tx_options *o, const tx_place *places, size_t n);
void propagation_drop(shunt_tx *h);

/* Rolls back all open transactions and runs their hooks, before the session closes. */
void propagation_end_all(shunt_session *s);

#endif
