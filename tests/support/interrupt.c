/* For: a program that dies, stops, or loses its network or its disk at a certain step of its input and output.
 * Owner: the program that has it in LD_PRELOAD. Use: SHUNT_INTERRUPT="kill 7 /tmp/mark" LD_PRELOAD=…/interrupt.so
 * PROGRAM; the program removes /tmp/mark to begin counting, and /tmp/mark.count to write how many steps there were.
 * kill: dies before step 7; killed: behind it; stop: stops before it; cut: its connection breaks in place of it; lost:
 * it is sent, and the connection breaks before the answer; full: from step 7 on, files can't be written.
 * Steps are writes to sockets and files, and syncs of files. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_bool counting;
static atomic_int steps;

typedef struct order {
  char what[16], mark[200];
  int at;
} order;

static order orders(void) {
  order o = {.at = 0};
  const char *text = getenv("SHUNT_INTERRUPT");
  if (!text || sscanf(text, "%15s %d %199s", o.what, &o.at, o.mark) != 3) abort();
  return o;
}

static bool is_file(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_socket(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Returns false if the step must fail as on a full disk. *behind: what happens after it. */
static bool begin_step(int fd, const char **behind) {
  static _Thread_local order o;
  *behind = "";
  if (!atomic_load(&counting) || !(is_file(fd) || is_socket(fd))) return true;
  o = orders();
  const int step = ++steps;
  if (strcmp(o.what, "full") == 0) return step < o.at || !is_file(fd);
  if (step != o.at) return true;
  if (strcmp(o.what, "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(o.what, "stop") == 0) raise(SIGSTOP);
  if (strcmp(o.what, "cut") == 0 && is_socket(fd)) shutdown(fd, SHUT_RDWR);
  *behind = o.what;
  return true;
}

static void end_step(int fd, const char *behind) {
  if (strcmp(behind, "killed") == 0) kill(getpid(), SIGKILL);
  if (strcmp(behind, "lost") == 0 && is_socket(fd)) shutdown(fd, SHUT_RD);
}

/* ISO C has no cast from a pointer to a function. */
static void find(void *real, const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  memcpy(real, &found, sizeof found);
}

#define STEP(type, name, fd, declared, given)                                                                          \
  __attribute__((visibility("default"))) type name declared {                                                          \
    static type(*real) declared;                                                                                       \
    const char *behind;                                                                                                \
    if (!real) find(&real, #name);                                                                                     \
    if (!begin_step(fd, &behind)) {                                                                                    \
      errno = ENOSPC;                                                                                                  \
      return -1;                                                                                                       \
    }                                                                                                                  \
    type result = real given;                                                                                          \
    int error = errno;                                                                                                 \
    end_step(fd, behind);                                                                                              \
    errno = error;                                                                                                     \
    return result;                                                                                                     \
  }

STEP(ssize_t, send, fd, (int fd, const void *bytes, size_t n, int flags), (fd, bytes, n, flags))
STEP(ssize_t, sendmsg, fd, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
STEP(ssize_t, write, fd, (int fd, const void *bytes, size_t n), (fd, bytes, n))
STEP(ssize_t, pwrite, fd, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at))
STEP(ssize_t, pwrite64, fd, (int fd, const void *bytes, size_t n, off64_t at), (fd, bytes, n, at))
STEP(int, fsync, fd, (int fd), (fd))
STEP(int, fdatasync, fd, (int fd), (fd))

static void write_count(const char *path) {
  FILE *file = fopen(path, "w");
  if (!file) return;
  fprintf(file, "%d\n", atomic_load(&steps));
  fclose(file);
}

__attribute__((visibility("default"))) int remove(const char *path) {
  const order o = orders();
  const size_t size = strlen(o.mark);
  if (strncmp(path, o.mark, size) == 0) {
    atomic_store(&counting, path[size] == 0);
    if (path[size]) write_count(path);
    return 0;
  }
  return unlink(path);
}
