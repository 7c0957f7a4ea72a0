#define _POSIX_C_SOURCE 200809L
#include "base/read.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

/* Limits of the wait for a pipe: until a writer opens it, and until the writer has finished. */
enum { WRITER_MS = 400, WRITING_MS = 5000 };

typedef struct reader {
  int fd;
  bool pipe;    /* it may be empty now and have text later */
  bool written; /* a writer has it open, or has written */
  int64_t since_ns;
} reader;

typedef enum wait_end { WAIT_READY, WAIT_CLOSED, WAIT_OVER } wait_end;

static wait_end wait_for(const reader *r) {
  int64_t patience_ms = r->written ? WRITING_MS : WRITER_MS;
  int64_t left_ms = patience_ms - (clock_monotonic_ns() - r->since_ns) / NS_PER_MS;
  struct pollfd one = {r->fd, POLLIN, 0};
  int n = left_ms > 0 ? poll(&one, 1, (int)left_ms) : 0;
  if (n < 0 && errno == EINTR) return WAIT_READY;
  if (n <= 0) return WAIT_OVER;
  return one.revents & POLLIN ? WAIT_READY : WAIT_CLOSED;
}

/* As read(2), but waits while a pipe has no writer yet; -1 with *why if that takes too long. */
static ssize_t read_some(reader *r, char *to, size_t room, const char **why) {
  for (;;) {
    ssize_t got = read(r->fd, to, room);
    if (got > 0) r->written = true;
    if (got > 0 || (got == 0 && (!r->pipe || r->written))) return got;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      *why = strerror(errno);
      return -1;
    }
    if (got < 0) r->written = r->pipe;
    switch (wait_for(r)) {
    case WAIT_READY:
      break;
    case WAIT_CLOSED:
      return 0;
    case WAIT_OVER:
      *why = r->written ? "its writer does not finish" : "no program writes into it";
      return -1;
    }
  }
}

static read_result read_all(reader *r, size_t most_bytes, char **text, size_t *size, const char **why) {
  char *data = NULL;
  size_t capacity = 0, used = 0;
  ssize_t got;
  read_result result = READ_NO_MEMORY;
  do {
    if (!base_grow(&data, &capacity, used + 4096, 1)) goto failed;
    result = READ_UNREADABLE;
    got = read_some(r, data + used, capacity - used - 1, why);
    if (got < 0) goto failed;
    used += (size_t)got;
    if (used > most_bytes) {
      *why = "it is too large";
      goto failed;
    }
    result = READ_NO_MEMORY;
  } while (got > 0);
  data[used] = 0;
  *text = data;
  *size = used;
  return READ_DONE;
failed:
  base_free(data);
  return result;
}

read_result read_whole(const char *path, size_t most_bytes, char **text, size_t *size, const char **why) {
  struct stat about = {0};
  *why = "out of memory";
  /* otherwise open would wait for a writer of a pipe */
  reader r = {open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), false, false, clock_monotonic_ns()};
  if (r.fd < 0 || fstat(r.fd, &about) != 0 || S_ISDIR(about.st_mode)) {
    int number = r.fd >= 0 && S_ISDIR(about.st_mode) ? EISDIR : errno;
    if (r.fd >= 0) close(r.fd);
    *why = strerror(number);
    return number == ENOENT || number == ENOTDIR ? READ_ABSENT : READ_UNREADABLE;
  }
  r.pipe = S_ISFIFO(about.st_mode);
  read_result result = read_all(&r, most_bytes, text, size, why);
  close(r.fd);
  return result;
}
