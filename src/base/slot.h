/* For: a small number for each living thread, so that arrays can hold what threads must not share.
 * Owner: a thread has its number from its first call until it ends; then another thread may get it, and sees all that
 * was done under it. Use: lane *mine = lanes[slot_of_thread()]; if (slot_is_shared(slot)) … others may be in it too. */
#ifndef SHUNT_BASE_SLOT_H
#define SHUNT_BASE_SLOT_H

#include <stdbool.h>

#include "base/process.h"

enum { SLOT_MOST = 256 };

extern _Thread_local unsigned slot_mine; /* the number + 1; 0 before the first call */

unsigned slot_take(void);
/* The child of a fork has only the thread that forked. */
void slot_at_fork(process_step step);

/* From 0 to SLOT_MOST - 1. All threads that find the others taken share the last one. */
static inline unsigned slot_of_thread(void) { return slot_mine ? slot_mine - 1 : slot_take(); }

static inline bool slot_is_shared(unsigned slot) { return slot == SLOT_MOST - 1; }

#endif
