/* Watching folders: what is reported, and what is not, while other threads change what is watched. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/watch.h"

enum { PATIENCE = 1000 /* looks, 10 ms apart */ };

typedef struct world {
  char folder[64], other[80];
  atomic_int calls;
  watch *w;
} world;

static void count_call(void *ud) { atomic_fetch_add(&((world *)ud)->calls, 1); }

static bool is_rule(void *ud, const char *name) {
  (void)ud;
  size_t size = strlen(name);
  return size > 4 && strcmp(name + size - 4, ".lua") == 0;
}

static void rest(int ms) { nanosleep(&(struct timespec){0, ms * 1000000L}, NULL); }

static void touch(const char *folder, const char *name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fclose(file);
}

/* Whether it is called back again. */
static bool is_told(world *w, int before) {
  for (int i = 0; i < PATIENCE && atomic_load(&w->calls) == before; i++) rest(10);
  return atomic_load(&w->calls) > before;
}

static void see(world *w, const char *folder) { assert_int_equal(watch_folders(w->w, &folder, 1, NULL), SHUNT_OK); }

static void begin(world *w) {
  memset(w, 0, sizeof *w);
  snprintf(w->folder, sizeof w->folder, "/tmp/shunt-watch-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(w->other, sizeof w->other, "%s/other", w->folder);
  assert_int_equal(mkdir(w->other, 0700), 0);
  assert_int_equal(watch_new(&(watch_calls){count_call, is_rule, w}, &w->w, NULL), SHUNT_OK);
}

static void end(world *w) {
  char command[96];
  watch_free(w->w);
  snprintf(command, sizeof command, "rm -r %s", w->folder);
  assert_int_equal(system(command), 0);
}

static void tells_of_what_matters_alone(void **state) {
  (void)state;
  world w;
  begin(&w);
  touch(w.folder, "early.lua"); /* nothing is watched yet */
  see(&w, w.folder);
  touch(w.folder, "a.db");
  touch(w.other, "a.log");
  rest(3 * WATCH_QUIET_MS);
  assert_int_equal(atomic_load(&w.calls), 0);
  touch(w.other, "a.lua");
  assert_true(is_told(&w, 0));
  int before = atomic_load(&w.calls);
  char below[96];
  snprintf(below, sizeof below, "%s/below", w.other);
  assert_int_equal(mkdir(below, 0700), 0); /* a folder matters whatever it is called */
  assert_true(is_told(&w, before));
  end(&w);
}

static void from_then_on_others_are_watched_and_no_change_is_lost(void **state) {
  (void)state;
  world w;
  begin(&w);
  see(&w, w.folder);
  touch(w.folder, "a.lua");
  see(&w, w.other); /* changes seen before are still reported */
  assert_true(is_told(&w, 0));
  rest(3 * WATCH_QUIET_MS);
  int before = atomic_load(&w.calls);
  touch(w.folder, "a.lua");
  rest(3 * WATCH_QUIET_MS);
  assert_int_equal(atomic_load(&w.calls), before);
  touch(w.other, "a.lua");
  assert_true(is_told(&w, before));
  assert_int_equal(watch_folders(w.w, &(const char *){"/nowhere/at/all"}, 1, NULL), SHUNT_OK);
  end(&w);
}

static void *see_again(void *ud) {
  world *w = ud;
  for (int i = 0; i < 200; i++) {
    const char *folder = w->folder;
    if (watch_folders(w->w, &folder, 1, NULL)) return "no watches";
  }
  return NULL;
}

static void folders_may_be_given_by_any_thread_at_any_time(void **state) {
  (void)state;
  world w;
  pthread_t thread;
  void *wrong;
  begin(&w);
  see(&w, w.folder);
  assert_int_equal(pthread_create(&thread, NULL, see_again, &w), 0);
  for (int i = 0; i < 200; i++) touch(w.folder, "a.lua");
  assert_int_equal(pthread_join(thread, &wrong), 0);
  assert_null(wrong);
  assert_true(is_told(&w, 0));
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_of_what_matters_alone),
      cmocka_unit_test(from_then_on_others_are_watched_and_no_change_is_lost),
      cmocka_unit_test(folders_may_be_given_by_any_thread_at_any_time),
  };
  return cmocka_run_group_tests_name("base/watch", tests, NULL, NULL);
}
