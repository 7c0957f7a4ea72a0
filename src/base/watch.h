/* For: a callback when files change in some folders, or in the folders below them.
 * Owner: a watch is the caller's, and has a thread of its own, on which it calls back, one call at a time.
 * Use: watch_new(&calls, &w, err); watch_folders(w, folders, n, err) as often as they change; watch_free(w), but not
 * from inside changed. */
#ifndef SHUNT_BASE_WATCH_H
#define SHUNT_BASE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "shunt.h"

typedef struct watch watch;

enum { WATCH_QUIET_MS = 100 /* without another change before the callback: an editor may save several files */ };

typedef struct watch_calls {
  void (*changed)(void *ud);
  bool (*matters)(void *ud, const char *name); /* name: of a file, without its folder; folders always matter */
  void *ud;
} watch_calls;

/* It watches nothing yet. Errors: MEMORY, also for a thread; CONFIG for files. */
shunt_status watch_new(const watch_calls *calls, watch **out, shunt_error *err);
/* From now on these, and no others, with the folders that are below them now. One that is not there is left out.
 * After an error, as above, those of before are watched still. Any thread, and from inside changed. */
shunt_status watch_folders(watch *w, const char *const *folders, size_t n, shunt_error *err);
void watch_free(watch *w); /* accepts NULL; returns when no callback is running */

#endif
