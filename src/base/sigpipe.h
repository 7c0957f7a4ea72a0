/* For: a client library that writes to a socket whose other end is gone must not end the host, which may have left
 * SIGPIPE at its default. The host's disposition and mask stay as they are.
 * Owner: the caller's thread, from hold to release. The struct begins as zeros.
 * Use: sigpipe_hold(&s); call the library; sigpipe_release(&s); */
#ifndef SHUNT_BASE_SIGPIPE_H
#define SHUNT_BASE_SIGPIPE_H

#include <stdbool.h>

typedef struct sigpipe {
  unsigned depth;
  bool blocked, pending; /* before the outermost hold */
} sigpipe;

/* Blocks SIGPIPE in this thread. Holds nest: only the outermost calls the system. */
void sigpipe_hold(sigpipe *s);
/* Discards the SIGPIPE that this process has raised since, and restores the mask. One that another process sent is
 * delivered. Keeps errno. */
void sigpipe_release(sigpipe *s);

#endif
