/* For: a callback when files change in some folders, or in the folders below them.
 * Owner: a watch is the caller's, and has a thread of its own, on which it calls back, one call at a time.
 * Use: watch_new(&calls, &w); watch_folders(w, folders, n) as often as they change; watch_free(w), but not from
 * inside changed. */
#ifndef SHUNT_BASE_WATCH_H
#define SHUNT_BASE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

typedef struct watch watch;

enum { WATCH_QUIET_MS = 100 /* without another change before the callback: an editor may save several files */ };

typedef struct watch_calls {
  void (*changed)(void *ud);
  bool (*matters)(void *ud, const char *name); /* name: of a file, without its folder; folders always matter */
  void *ud;
} watch_calls;

/* It watches nothing yet. False: no more watches or threads from the system, or out of memory. */
bool watch_new(const watch_calls *calls, watch **out);
/* From now on these, and no others, with the folders that are below them now. One that is not there is left out. False
 * as above, and then those of before are watched still. Any thread, and from inside changed. */
bool watch_folders(watch *w, const char *const *folders, size_t n);
void watch_free(watch *w); /* accepts NULL; returns when no callback is running */

#endif
