/* For: a process that is forked. The child has none of the threads, shares every socket and file with its parent, and
 * would find locks that nothing unlocks.
 * Owner: static.
 * Use: forks_mind(&lock), before the first connection is opened. */
#ifndef SHUNT_APP_FORKS_H
#define SHUNT_APP_FORKS_H

#include <pthread.h>

/* Registers the handlers once. From then on, in a child:
 * - process_number() is another one. Whatever remembers the number knows that it belongs to the parent.
 * - connections of the parent are broken, and reach no server and no file, whatever is done with them.
 * - the locks of the process are free; `own`, one of the caller's, too. It must not be held while connections close. */
void forks_mind(pthread_mutex_t *own);

#endif
