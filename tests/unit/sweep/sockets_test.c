/* The first, second, third … read, write, wait or connect of a client library failing, or doing less than was asked, in
 * every operation on servers. */
#define _GNU_SOURCE
#include "unit/sweep/nth.h"
#include "unit/sweep/sweep.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "unit/watchdog.h"

typedef enum socket_call { READS, WRITES, WAITS, CONNECTS } socket_call;

typedef struct socket_fault {
  const char *name;
  socket_call call;
  int error;     /* errno; 0: one byte is read or written */
  bool harmless; /* it must not be seen */
} socket_fault;

static const socket_fault faults[] = {
    {"reads are reset", READS, ECONNRESET, false},    {"reads time out", READS, ETIMEDOUT, false},
    {"reads are interrupted", READS, EINTR, true},    {"reads are short", READS, 0, true},
    {"writes find no reader", WRITES, EPIPE, false},  {"writes are reset", WRITES, ECONNRESET, false},
    {"writes are interrupted", WRITES, EINTR, true},  {"writes are short", WRITES, 0, true},
    {"waits are interrupted", WAITS, EINTR, true},    {"connects are refused", CONNECTS, ECONNREFUSED, false},
    {"connects time out", CONNECTS, ETIMEDOUT, false}};

static const socket_fault *fault;

/* Harmless ones never stay: an endless interruption would be an endless loop. */
static bool fails(socket_call call) {
  if (!fault || fault->call != call || !nth_fails(!fault->harmless || !fault->error)) return false;
  errno = fault->error;
  return true;
}

/* The connection is gone for both sides: otherwise a library that has written in vain would wait for the server's word,
 * without end. */
static ssize_t break_off(int fd) {
  const int error = errno;
  if (error != EINTR) shutdown(fd, SHUT_RDWR);
  errno = error;
  return -1;
}

#define REAL(function) dlsym(RTLD_NEXT, #function)
#define EXPORTED __attribute__((visibility("default")))

EXPORTED ssize_t recv(int fd, void *to, size_t room, int flags) {
  ssize_t (*real)(int, void *, size_t, int);
  *(void **)&real = REAL(recv);
  if (!(flags & MSG_PEEK) && fails(READS)) {
    if (fault->error) return break_off(fd);
    if (room > 1) room = 1;
  }
  return real(fd, to, room, flags);
}

EXPORTED ssize_t send(int fd, const void *from, size_t size, int flags) {
  ssize_t (*real)(int, const void *, size_t, int);
  *(void **)&real = REAL(send);
  if (fails(WRITES)) {
    if (fault->error) return break_off(fd);
    if (size > 1) size = 1;
  }
  return real(fd, from, size, flags);
}

EXPORTED int poll(struct pollfd *at, nfds_t n, int ms) {
  int (*real)(struct pollfd *, nfds_t, int);
  *(void **)&real = REAL(poll);
  return fails(WAITS) ? -1 : real(at, n, ms);
}

EXPORTED int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t size) {
  int (*real)(int, __CONST_SOCKADDR_ARG, socklen_t);
  *(void **)&real = REAL(connect);
  return fails(CONNECTS) ? -1 : real(fd, to, size);
}

static bool is_expected(const shunt_error *err) {
  return !fault->harmless && (err->status == SHUNT_E_DATASOURCE || err->status == SHUNT_E_TRANSACTION);
}

/* One of the faults, by the seed: all of them take minutes. */
static void sweep_one(world_kind engine) {
  if (!world_is_there(engine)) skip();
  rng r = rng_start("sockets");
  fault = &faults[rng_below(&r, COUNT(faults))];
  const sweep_kind kind = {fault->name, nth_arm, nth_disarm, nth_fired, is_expected, false, true, 6};
  printf("%s\n", kind.name);
  sweep_engine(engine, &kind, &r);
}

static void after_a_failure_of_postgresqls_socket_the_outcome_is_true(void **state) {
  (void)state;
  sweep_one(WORLD_PG);
}

static void after_a_failure_of_mysqls_socket_the_outcome_is_true(void **state) {
  (void)state;
  sweep_one(WORLD_MYSQL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(after_a_failure_of_postgresqls_socket_the_outcome_is_true),
                                     cmocka_unit_test(after_a_failure_of_mysqls_socket_the_outcome_is_true)};
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
