/* The first, second, third … call of each kind to SQLite's files failing, in every operation. What is known of a commit
 * after a crash is tested in tests/unit/driver/sqlite3/outcome_test.c. */
#define _DEFAULT_SOURCE
#include "unit/sweep/sweep.h"

#include "unit/driver/sqlite3/disk.h"
#include "unit/watchdog.h"

static const char *const names[] = {
#define NAME(name, rc) "disk: " #name,
    DISK_KIND_MAP(NAME)
#undef NAME
        "disk: full"};

static void arm(size_t at, bool stays) {
  disk.stays = stays;
  disk.calls = 0;
  disk.fails_at = (int)at;
}

static size_t disarm(void) {
  const int calls = disk.calls;
  disk.fails_at = 0;
  return (size_t)calls;
}

static bool fired(void) { return disk.fails_at && disk.calls >= disk.fails_at; }

/* Hooks and savepoints report theirs as the transaction's. */
static bool is_expected(const shunt_error *err) {
  return (err->status == SHUNT_E_DATASOURCE && err->engine_code) || err->status == SHUNT_E_TRANSACTION;
}

static void after_an_error_of_the_disk_the_outcome_is_true(void **state) {
  const size_t which = *(const size_t *)*state;
  sweep_kind kind = {names[which], arm, disarm, fired, is_expected, false, false, 8};
  rng r = rng_start(kind.name);
  disk_begin();
  disk.kinds = 1U << (which == DISK_KINDS ? DISK_WRITE : which);
  disk.way = which == DISK_KINDS ? DISK_FULL : DISK_HALF;
  sweep_engine(WORLD_SQLITE, &kind, &r);
  disk_end();
}

int main(void) {
  static size_t which[DISK_KINDS + 1];
  struct CMUnitTest tests[DISK_KINDS + 1];
  for (size_t i = 0; i <= DISK_KINDS; i++) {
    which[i] = i;
    tests[i] = (struct CMUnitTest){names[i], after_an_error_of_the_disk_the_outcome_is_true, NULL, NULL, &which[i]};
  }
  return cmocka_run_group_tests_name("after an error of the disk the outcome is true", tests, watchdog_setup,
                                     watchdog_teardown);
}
