#define _GNU_SOURCE /* for fopencookie, on_exit */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failed; /* errno of the first write that failed */

/* Another process may have made the terminal or the pipe nonblocking. */
static bool may_go_on(int number) {
  if (number == EINTR) return true;
  struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
  return (number == EAGAIN || number == EWOULDBLOCK) && (poll(&out, 1, -1) > 0 || errno == EINTR);
}

static ssize_t write_all(void *cookie, const char *bytes, size_t size) {
  (void)cookie;
  for (size_t done = 0; done < size && !failed;) {
    ssize_t n = write(STDOUT_FILENO, bytes + done, size - done);
    if (n >= 0)
      done += (size_t)n;
    else if (!may_go_on(errno))
      failed = errno;
  }
  if (!failed) return (ssize_t)size;
  errno = failed;
  return 0;
}

static void finish(int status, void *ud) {
  (void)ud;
  if (fflush(stdout) != 0 && !failed) failed = errno;
  if (!failed) return;
  fprintf(stderr, "shunt: the output can't be written: %s\n", strerror(failed));
  if (status == EXIT_SUCCESS) _exit(EXIT_FAILURE);
}

static void open_closed_files(void) {
  static const int contrary[] = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", contrary[fd]) != fd) _exit(EXIT_FAILURE);
}

/* C's own stream forgets why a write failed. */
void output_begin(void) {
  open_closed_files();
  FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_all});
  if (!out || on_exit(finish, NULL) != 0) {
    fputs("shunt: out of memory\n", stderr);
    _exit(EXIT_FAILURE);
  }
  if (isatty(STDOUT_FILENO)) setvbuf(out, NULL, _IOLBF, BUFSIZ);
  stdout = out;
}
