/* For: a wall clock that leaps, as when it is set, while the time that passes goes on.
 * Owner: the program that links it, or has it in LD_PRELOAD. The library itself knows nothing of it.
 * Use: in a unit test leap_to(86400000), and leap_to(0) at its end. For another program: SHUNT_LEAP=FILE
 * LD_PRELOAD=…/leap.so PROGRAM; a test writes into the file how far the clock is off: 8 bytes, ns, in the byte order of
 * the machine. SHUNT_LEAP=storm: it leaps by hours and days all the time. */
#define _GNU_SOURCE
#include "support/leap.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t NS = 1000000000, STORM_NS = 20000000;

static _Atomic int64_t own;
static _Atomic int64_t *off_ns = &own;
static bool storms;

__attribute__((constructor)) static void open_file(void) {
  const char *path = getenv("SHUNT_LEAP");
  storms = path && strcmp(path, "storm") == 0;
  const int fd = path && !storms ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof own, PROT_READ, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) off_ns = map;
  close(fd);
}

static int64_t read_ns(clockid_t id) {
  struct timespec t = {0};
  syscall(SYS_clock_gettime, id, &t);
  return t.tv_sec * NS + t.tv_nsec;
}

static int64_t off(void) {
  static const int64_t hours[] = {0, 1, -1, 24, -24, 0, -24, 24};
  if (!storms) return atomic_load(off_ns);
  return hours[(uint64_t)(read_ns(CLOCK_MONOTONIC) / STORM_NS) % 8] * 3600 * NS;
}

static int64_t now_ns(clockid_t id) {
  const bool wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
  return read_ns(id) + (wall ? off() : 0);
}

void leap_to(int64_t off_ms) { atomic_store(off_ns, off_ms * 1000000); }

/* ---- in place of the C library's ---- */

#define SEEN __attribute__((visibility("default"))) /* by all libraries */

SEEN int clock_gettime(clockid_t id, struct timespec *t) {
  const int64_t ns = now_ns(id);
  *t = (struct timespec){.tv_sec = ns / NS, .tv_nsec = ns % NS};
  return 0;
}

SEEN int gettimeofday(struct timeval *restrict t, void *restrict zone) {
  const int64_t ns = now_ns(CLOCK_REALTIME);
  (void)zone;
  *t = (struct timeval){.tv_sec = ns / NS, .tv_usec = ns % NS / 1000};
  return 0;
}

SEEN time_t time(time_t *t) {
  const time_t seconds = now_ns(CLOCK_REALTIME) / NS;
  if (t) *t = seconds;
  return seconds;
}
