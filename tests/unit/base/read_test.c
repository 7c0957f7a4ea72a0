/* Reading whole files: what is there, what is not, and pipes. */
#define _XOPEN_SOURCE 700
#include "base/read.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"

enum { MOST = 100000 };

static char folder[] = "/tmp/shunt-read-XXXXXX";

static const char *in_folder(const char *name) {
  static char path[64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  static const char *const names[] = {"file", "empty", "pipe"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(in_folder(names[i]));
  return rmdir(folder);
}

static void write_file(const char *path, const char *text, size_t size) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

static void assert_read(const char *path, const char *text, size_t expected) {
  char *got = NULL;
  size_t size = 0;
  const char *why;
  assert_int_equal(read_whole(path, MOST, &got, &size, &why), READ_DONE);
  assert_int_equal(size, expected);
  assert_memory_equal(got, text, expected + 1);
  base_free(got);
}

static void assert_refused(const char *path, read_result expected, const char *reason) {
  char *got = NULL;
  size_t size = 0;
  const char *why;
  assert_int_equal(read_whole(path, MOST, &got, &size, &why), expected);
  assert_null(got);
  assert_non_null(strstr(why, reason));
}

static void reads_a_file_byte_for_byte(void **state) {
  (void)state;
  write_file(in_folder("file"), "a\0b\n", 4);
  assert_read(in_folder("file"), "a\0b\n", 4);
  write_file(in_folder("empty"), "", 0);
  assert_read(in_folder("empty"), "", 0);
  assert_read("/dev/null", "", 0);
}

static void says_why_a_file_can_not_be_read(void **state) {
  (void)state;
  assert_refused(in_folder("nowhere"), READ_ABSENT, "No such file");
  assert_refused(folder, READ_UNREADABLE, "Is a directory");
  assert_refused("/dev/zero", READ_UNREADABLE, "too large");
}

static void does_not_wait_for_a_pipe_that_nobody_writes_into(void **state) {
  (void)state;
  const char *path = in_folder("pipe");
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_refused(path, READ_UNREADABLE, "no program writes into it");
  assert_int_equal(unlink(path), 0);
}

/* More than a pipe holds, in parts. */
static char written[80001];

static void *write_into_pipe(void *path) {
  FILE *f = fopen(path, "wb"); /* waits for the reader */
  if (!f) return NULL;
  size_t size = sizeof written - 1, half = size / 2;
  bool done = fwrite(written, 1, half, f) == half && fflush(f) == 0;
  nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  done = done && fwrite(written + half, 1, size - half, f) == size - half;
  return fclose(f) == 0 && done ? path : NULL;
}

static void reads_a_pipe_to_its_end(void **state) {
  (void)state;
  pthread_t writer;
  void *done = NULL;
  char path[64];
  snprintf(path, sizeof path, "%s", in_folder("pipe"));
  memset(written, 'x', sizeof written - 1);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(pthread_create(&writer, NULL, write_into_pipe, path), 0);
  assert_read(path, written, sizeof written - 1);
  assert_int_equal(pthread_join(writer, &done), 0);
  assert_ptr_equal(done, path);
  assert_int_equal(unlink(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_file_byte_for_byte),
      cmocka_unit_test(says_why_a_file_can_not_be_read),
      cmocka_unit_test(does_not_wait_for_a_pipe_that_nobody_writes_into),
      cmocka_unit_test(reads_a_pipe_to_its_end),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
