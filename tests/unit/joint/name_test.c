/* The ids of joint commits, the processes that they name, and the commits that are under way. */
#define _XOPEN_SOURCE 700
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/driver.h"
#include "joint/going.h"
#include "joint/name.h"

static bool reads(const char *id, joint_name *n) { return joint_name_read(id, strlen(id), n); }

static void an_id_is_read_as_it_was_written(void **state) {
  (void)state;
  char whole[JOINT_ID_ROOM], branch[JOINT_ID_ROOM];
  joint_name n = joint_name_new(0x0123456789abcdef), got;
  joint_name_write(&n, 0, whole);
  joint_name_write(&n, JOINT_MOST_BRANCHES, branch);
  assert_int_equal(strlen(whole), JOINT_ID_BYTES);
  assert_int_equal(strlen(branch), DRIVER_ID_BYTES);
  assert_memory_equal(whole, branch, JOINT_ID_BYTES);
  assert_true(reads(whole, &got));
  assert_memory_equal(&got, &n, sizeof n);
  assert_true(reads(branch, &got));
  assert_int_equal(got.branch, JOINT_MOST_BRANCHES);
}

static void no_other_text_is_an_id(void **state) {
  (void)state;
  char id[JOINT_ID_ROOM];
  joint_name n = joint_name_new(7), got;
  joint_name_write(&n, 1, id);
  for (size_t size = 0; size < strlen(id); size++)
    assert_int_equal(joint_name_read(id, size, &got), size == JOINT_ID_BYTES);
  for (size_t at = 0; at < strlen(id); at++) {
    const char before = id[at];
    id[at] = 'X';
    assert_false(reads(id, &got));
    id[at] = before;
  }
  assert_false(reads("shunt_", &got));
  assert_false(reads("foreign", &got));
}

static void ids_of_a_process_sort_by_their_number(void **state) {
  (void)state;
  char first[JOINT_ID_ROOM], second[JOINT_ID_ROOM], bound[JOINT_ID_ROOM];
  const joint_name a = joint_name_new(7), b = joint_name_new(7);
  joint_name_write(&a, 0, first);
  joint_name_write(&b, 1, second);
  joint_name_bound(7, b.number, bound);
  assert_true(strcmp(first, bound) < 0);
  assert_true(strcmp(bound, second) < 0);
}

static void a_name_says_whether_its_process_runs(void **state) {
  (void)state;
  joint_name own = joint_name_new(7), other = {0};
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    other = joint_name_new(7);
    if (write(ends[1], &other, sizeof other) != sizeof other) _exit(1);
    pause();
    _exit(0);
  }
  assert_int_equal(read(ends[0], &other, sizeof other), sizeof other);
  assert_int_equal(joint_name_process(&own), JOINT_HERE);
  assert_int_equal(joint_name_process(&other), JOINT_RUNS);
  kill(pid, SIGKILL);
  siginfo_t info;
  assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
  assert_int_equal(joint_name_process(&other), JOINT_ENDED); /* before its parent has looked, and after */
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  assert_int_equal(joint_name_process(&other), JOINT_ENDED);
  other = own;
  other.start ^= 2; /* the same number, given again */
  assert_int_equal(joint_name_process(&other), JOINT_ENDED);
  other.host ^= 1;
  assert_int_equal(joint_name_process(&other), JOINT_ELSEWHERE);
}

static void a_commit_is_under_way_until_it_ends_or_is_left(void **state) {
  (void)state;
  joint_going *a = joint_going_begin("a", 5), *b = joint_going_begin("b", 3);
  assert_true(joint_going_is("a"));
  assert_int_equal(joint_going_oldest(9), 3);
  assert_int_equal(joint_going_oldest(2), 2);
  b->commits = true;
  joint_going_end(b, true);
  assert_false(joint_going_is("b"));
  assert_true(joint_going_commits("b"));
  assert_false(joint_going_commits("a"));
  assert_int_equal(joint_going_oldest(9), 3); /* recovery may need its rows */
  const uint64_t left = joint_going_left();
  joint_going_end(a, true);
  joint_going_finished(left);
  assert_int_equal(joint_going_oldest(9), 5);
  joint_going_finished(joint_going_left());
  assert_int_equal(joint_going_oldest(9), 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_id_is_read_as_it_was_written),
      cmocka_unit_test(no_other_text_is_an_id),
      cmocka_unit_test(ids_of_a_process_sort_by_their_number),
      cmocka_unit_test(a_name_says_whether_its_process_runs),
      cmocka_unit_test(a_commit_is_under_way_until_it_ends_or_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
