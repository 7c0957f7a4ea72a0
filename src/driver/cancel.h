/* For: asking a server to end a statement. That takes a connection of its own, which a server that has stopped never
 * answers, so it is done by a thread that nobody waits for.
 * Owner: the thread owns `what`, and `run` ends it; whoever starts it keeps nothing that it uses.
 * Use: if (!cancel_start(run, what)) end(what); then wait for the statement's own end, for CANCEL_GRACE_NS. */
#ifndef SHUNT_DRIVER_CANCEL_H
#define SHUNT_DRIVER_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

enum { CANCEL_MOST = 16 /* under way at once, in the whole process */ };

/* False where so many are under way, or no thread is to be had: then nothing is cancelled. */
bool cancel_start(void (*run)(void *what), void *what);

/* How long a cancelled statement may take to end before its connection is given up. */
#define CANCEL_GRACE_NS ((int64_t)1000000000)

#endif
