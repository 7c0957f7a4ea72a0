/* For: unique keys that open transactions of this process have pushed. The database lets a push of the same key wait
 * for the end of such a transaction. If that one was begun in the same thread, it can't end meanwhile.
 * Owner: a list for the process, with a lock of its own; an entry belongs to the transaction's hook. Any thread.
 * Use: status = held_check(&store, &p); … push …; status = held_note(&store, &p); */
#ifndef SHUNT_JOBS_HELD_H
#define SHUNT_JOBS_HELD_H

#include "base/process.h"
#include "jobs/push.h"

/* CONFLICT if the wait could never end. The push has a unique key. */
shunt_status held_check(const job_store *store, const push *p);
/* Until the end of the store's transaction, or of its savepoint. Without a transaction, nothing is held. Errors:
 * MEMORY. */
shunt_status held_note(const job_store *store, const push *p);
/* Open transactions stay the parent's. */
void held_at_fork(process_step step);

#endif
