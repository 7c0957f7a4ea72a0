#define _POSIX_C_SOURCE 200809L
#include "base/sigpipe.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static sigset_t the_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

static bool is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

void sigpipe_hold(sigpipe *s) {
  if (s->depth++) return;
  const sigset_t set = the_signal();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &set, &before);
  s->blocked = sigismember(&before, SIGPIPE) == 1;
  s->pending = s->blocked && is_pending();
}

/* The kernel names the process itself as the sender of the signal that a write raises. */
static void discard(const sigset_t *set) {
  siginfo_t info;
  int number;
  do number = sigtimedwait(set, &info, &(struct timespec){0});
  while (number < 0 && errno == EINTR);
  if (number == SIGPIPE && info.si_pid != getpid()) kill(getpid(), SIGPIPE);
}

void sigpipe_release(sigpipe *s) {
  if (--s->depth) return;
  const int kept = errno;
  const sigset_t set = the_signal();
  if (!s->pending) discard(&set);
  if (!s->blocked) pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  errno = kept;
}
