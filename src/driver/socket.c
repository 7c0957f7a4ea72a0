#define _GNU_SOURCE
#include "driver/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h> /* the C library's own header may not have all of tcp_info */
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

bool socket_is_quiet(int fd) {
  struct pollfd at = {.fd = fd, .events = POLLIN};
  int n;
  do n = poll(&at, 1, 0);
  while (n < 0 && errno == EINTR);
  return n == 0;
}

/* Rounded up: otherwise the last millisecond would be a busy loop. */
static int left_ms(int64_t deadline_ns) {
  if (!deadline_ns) return -1;
  int64_t left_ns = deadline_ns - clock_monotonic_ns();
  if (left_ns <= 0) return 0;
  int64_t ms = left_ns / NS_PER_MS + 1;
  return ms < INT_MAX ? (int)ms : INT_MAX;
}

static bool wait_for(struct pollfd *at, nfds_t count, int64_t deadline_ns) {
  for (;;) {
    int ms = left_ms(deadline_ns), n = poll(at, count, ms);
    if (n > 0 || (n < 0 && errno != EINTR)) return true;
    if (ms == 0) return false;
  }
}

bool socket_wait(int fd, short events, int64_t deadline_ns) {
  return wait_for(&(struct pollfd){.fd = fd, .events = events}, 1, deadline_ns);
}

bool socket_wait_either(int fd, int other, int64_t deadline_ns) {
  struct pollfd at[] = {{.fd = fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};
  return wait_for(at, 2, deadline_ns);
}

int64_t socket_received(int fd) {
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) ? -1 : (int64_t)info.tcpi_bytes_received;
}

int64_t socket_ready(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) ? 0 : bytes;
}

void socket_keep_alive(int fd) {
  static const struct {
    int level, name, value;
  } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                 {IPPROTO_TCP, TCP_KEEPIDLE, 30},
                 {IPPROTO_TCP, TCP_KEEPINTVL, 10},
                 {IPPROTO_TCP, TCP_KEEPCNT, 3},
                 {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000}};
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

void socket_close_on_exec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }

void socket_leave(int socket, int nowhere) {
  if (socket >= 0 && nowhere >= 0) dup3(nowhere, socket, O_CLOEXEC);
}
