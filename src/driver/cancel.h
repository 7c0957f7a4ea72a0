/* For: cancelling a statement on a server. A cancellation needs a connection of its own, and a stopped server never
 * answers it: a thread does it, and nothing waits for that thread.
 * Owner: the thread owns `what`, and `run` frees it. The caller keeps no pointer to it.
 * Use: if (!cancel_start(run, what)) free what; then wait CANCEL_GRACE_NS for the end of the statement. */
#ifndef SHUNT_DRIVER_CANCEL_H
#define SHUNT_DRIVER_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

enum { CANCEL_MOST = 16 /* at the same time, in the process */ };

/* False: CANCEL_MOST are running, or no thread could be made. Nothing is cancelled then. */
bool cancel_start(void (*run)(void *what), void *what);

/* How long a cancelled statement may take to end. After that the connection is abandoned. */
#define CANCEL_GRACE_NS ((int64_t)1000000000)

#endif
