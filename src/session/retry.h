/* For: transactions that are tried again.
 * Owner: nothing here is owned.
 * Use: while (status && left-- && retry_may(&err)) { retry_pause(++tried); … } */
#ifndef SHUNT_SESSION_RETRY_H
#define SHUNT_SESSION_RETRY_H

#include <stdbool.h>

#include "shunt.h"

/* Whether the database has rolled the transaction back for another one, and nothing of it is done. */
bool retry_may(const shunt_error *err);
/* Waits before try number `tried`, from 1, for a random time: two transactions that have met don't meet again. */
void retry_pause(int tried);

#endif
