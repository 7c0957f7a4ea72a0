#define _POSIX_C_SOURCE 200809L
#include "driver/socket.h"

#include <errno.h>
#include <poll.h>

bool socket_is_quiet(int fd) {
  struct pollfd at = {.fd = fd, .events = POLLIN};
  int n;
  do n = poll(&at, 1, 0);
  while (n < 0 && errno == EINTR);
  return n == 0;
}
