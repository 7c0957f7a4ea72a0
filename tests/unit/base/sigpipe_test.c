/* While SIGPIPE is held, a write to a pipe without a reader only fails; afterwards all is as before. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sigpipe.h"

static volatile sig_atomic_t seen;

static void see(int number) {
  (void)number;
  seen++;
}

static int begin(void **state) {
  (void)state;
  seen = 0;
  sigaction(SIGPIPE, &(struct sigaction){.sa_handler = see}, NULL);
  return 0;
}

static int end(void **state) {
  (void)state;
  signal(SIGPIPE, SIG_DFL);
  return 0;
}

static void break_a_pipe(void) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  assert_int_equal(write(ends[1], "", 1), -1);
  assert_int_equal(errno, EPIPE);
  close(ends[1]);
}

static bool is_blocked(void) {
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, NULL, &now);
  return sigismember(&now, SIGPIPE) == 1;
}

static bool is_waiting(void) {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

static void block(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(how, &set, NULL);
}

static void a_write_without_a_reader_raises_nothing(void **state) {
  (void)state;
  sigpipe s = {0};
  break_a_pipe();
  assert_int_equal(seen, 1); /* it would */
  sigpipe_hold(&s);
  break_a_pipe();
  errno = 77;
  sigpipe_release(&s);
  assert_int_equal(errno, 77);
  assert_int_equal(seen, 1);
  assert_false(is_blocked());
  break_a_pipe();
  assert_int_equal(seen, 2);
}

static void holds_nest(void **state) {
  (void)state;
  sigpipe s = {0};
  for (int i = 0; i < 3; i++) sigpipe_hold(&s);
  for (int i = 0; i < 3; i++) {
    break_a_pipe();
    assert_true(is_blocked());
    sigpipe_release(&s);
  }
  assert_int_equal(seen, 0);
  assert_false(is_blocked());
}

static void what_the_host_has_blocked_stays_blocked(void **state) {
  (void)state;
  for (int raised = 0; raised < 2; raised++) {
    sigpipe s = {0};
    block(SIG_BLOCK);
    if (raised) break_a_pipe();
    sigpipe_hold(&s);
    break_a_pipe();
    sigpipe_release(&s);
    assert_true(is_blocked());
    assert_int_equal(is_waiting(), raised); /* the host's own */
    block(SIG_UNBLOCK);
    assert_int_equal(seen, raised);
  }
}

static void a_signal_that_another_process_sends_arrives(void **state) {
  (void)state;
  sigpipe s = {0};
  sigpipe_hold(&s);
  const pid_t child = fork();
  if (child == 0) _exit(kill(getppid(), SIGPIPE) == 0 ? 0 : 1);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_int_equal(seen, 0);
  sigpipe_release(&s);
  assert_int_equal(seen, 1);
  assert_false(is_blocked());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_write_without_a_reader_raises_nothing, begin, end),
      cmocka_unit_test_setup_teardown(holds_nest, begin, end),
      cmocka_unit_test_setup_teardown(what_the_host_has_blocked_stays_blocked, begin, end),
      cmocka_unit_test_setup_teardown(a_signal_that_another_process_sends_arrives, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
