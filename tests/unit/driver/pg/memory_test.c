/* Memory that fails within libpq, at each of its allocations: an operation works or fails, at once, and what follows on
 * the connection works, or the connection is broken. The program's own malloc stands before the C library's; it fails
 * what libpq asks for, and nothing else. */
#define _GNU_SOURCE
#include "unit/driver/pg/server.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0 /* the sanitizer has its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1
#endif

enum { PATIENCE_MS = 4000, AT_ONCE_MS = 2000, MOST_STEPS = 5000, MOST_IN_A_ROW = 16 };

/* ---- memory ---- */

static struct {
  uintptr_t begin, end; /* of libpq's code */
  atomic_int seen, fail_at, in_a_row;
  atomic_bool failed;
} memory;

static int note_library(struct dl_phdr_info *info, size_t size, void *ud) {
  (void)size, (void)ud;
  if (!strstr(info->dlpi_name, "libpq.so")) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    memory.begin = info->dlpi_addr + part->p_vaddr;
    memory.end = memory.begin + part->p_memsz;
  }
  return 1;
}

#if OWN_MALLOC
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static bool fails(const void *caller) {
  const uintptr_t at = (uintptr_t)caller;
  if (at < memory.begin || at >= memory.end || !memory.fail_at) return false;
  const int seen = ++memory.seen;
  const bool now = seen >= memory.fail_at && seen < memory.fail_at + memory.in_a_row;
  if (now) memory.failed = true;
  return now;
}

#define SEEN __attribute__((visibility("default")))
SEEN void *malloc(size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }
SEEN void *calloc(size_t n, size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size); }
SEEN void *realloc(void *block, size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}
#endif

static void fail_from(int step, int in_a_row) {
  memory.seen = 0;
  memory.failed = false;
  memory.in_a_row = in_a_row;
  memory.fail_at = step;
}

/* Returns whether one has failed. */
static bool fail_no_more(void) {
  memory.fail_at = 0;
  return memory.failed;
}

/* ---- operations ---- */

typedef shunt_status (*operation)(server *s, int step);

static shunt_status prepare_and_run(server *s, int step) {
  char sql[64];
  snprintf(sql, sizeof sql, "SELECT %d + ?::int4 AS n, 'x' AS t", step);
  const shunt_value one = shunt_integer(1);
  shunt_status status = try_with(s, sql, &one, 1);
  if (!status) assert_int_equal(shunt_rows_at(s->rows, 0)[0].as.integer, step + 1);
  return status;
}

static shunt_status run_again(server *s, int step) {
  (void)step;
  shunt_status status = try_run(s, "SELECT i, 'row ' || i AS t FROM generate_series(1, 5) AS i");
  if (!status) assert_int_equal(shunt_rows_count(s->rows), 5);
  return status;
}

static shunt_status fetch_rows(server *s, int step) {
  static const char sql[] = "SELECT i, 'row ' || i AS t FROM generate_series(1, 5) AS i";
  bool more = true;
  (void)step;
  shunt_status status = driver_pg.send(s->conn, sql, sizeof sql - 1, NULL, 0, &s->err);
  shunt_rows_free(s->rows);
  s->rows = rows_new();
  while (!status && more) status = driver_pg.fetch(s->conn, s->rows, &more, &s->err);
  if (!status) assert_int_equal(shunt_rows_count(s->rows), 5);
  return status;
}

/* What is known of a failed commit is true. */
static shunt_status transact(server *s, int step) {
  const shunt_value id = shunt_integer(step);
  shunt_status status = driver_pg.begin(s->conn, NULL, false, &s->err);
  if (!status) status = try_with(s, "INSERT INTO pg_temp.memory (id) VALUES (?)", &id, 1);
  if (!status) return driver_pg.commit(s->conn, &s->err);
  driver_pg.rollback(s->conn);
  return status;
}

static shunt_status describe(server *s, int step) {
  driver_table *t = NULL;
  (void)step;
  shunt_status status = driver_describe(s->conn, "memory", &t, &s->err);
  if (!status) assert_int_equal(t->count, 2);
  driver_table_free(t);
  return status;
}

static shunt_status load(server *s, int step) {
  static const char *const columns[] = {"id"};
  const shunt_value id = shunt_integer(step);
  const char *sql;
  shunt_status status = driver_pg.load_begin(s->conn, "memory", columns, 1, &sql, &s->err);
  if (status || !sql) return status;
  status = driver_pg.load_row(s->conn, &id, &s->err);
  const bool ok = !status;
  shunt_status ended = driver_pg.load_end(s->conn, ok, NULL, ok ? &s->err : NULL);
  return ok ? ended : status;
}

static shunt_status reset(server *s, int step) {
  (void)step;
  return driver_reset(s->conn) ? SHUNT_OK : SHUNT_E_DATASOURCE;
}

/* ---- the sweep ---- */

static void connect_again(server *s) {
  driver_pg.close(s->conn);
  s->conn = NULL;
  if (driver_pg.open(&s->client, 0, &s->conn, &s->err)) fail_msg("%s", s->err.message);
  run(s, "CREATE TEMP TABLE memory (id INTEGER, t TEXT)");
}

static void goes_on(server *s, operation run_it, const char *name, int step) {
  if (s->conn->broken) connect_again(s);
  if (!s->conn->in_transaction && integer_of(s, "SELECT 1") != 1) fail_msg("%s, allocation %d: wrong", name, step);
  if (run_it == reset) connect_again(s); /* temporary tables are gone */
  if (run_it(s, step)) fail_msg("%s, allocation %d: fails with all memory there: %s", name, step, s->err.message);
  if (run_it == reset) connect_again(s);
}

static void sweep(server *s, operation run_it, const char *name, int in_a_row) {
  int step = 0;
  bool failed;
  do {
    assert_true(++step < MOST_STEPS);
    const int64_t began_ns = clock_monotonic_ns();
    s->conn->deadline_ns = began_ns + PATIENCE_MS * NS_PER_MS;
    fail_from(step, in_a_row);
    shunt_status status = run_it(s, step);
    failed = fail_no_more();
    const int64_t took_ms = (clock_monotonic_ns() - began_ns) / NS_PER_MS;
    if (took_ms > AT_ONCE_MS) fail_msg("%s, allocation %d: took %lld ms", name, step, (long long)took_ms);
    if (status == SHUNT_E_TIMEOUT) fail_msg("%s, allocation %d: waited in vain", name, step);
    s->conn->deadline_ns = 0;
    goes_on(s, run_it, name, step);
  } while (failed);
  printf("%s: %d allocations, %d in a row\n", name, step - 1, in_a_row);
}

static void each_allocation_of_libpq_may_fail(void **state) {
  static const struct {
    operation run;
    const char *name;
  } operations[] = {
      {prepare_and_run, "prepare"}, {run_again, "query"}, {fetch_rows, "fetch"}, {transact, "transaction"},
      {describe, "describe"},       {load, "load"},       {reset, "reset"}};
  server *s = server_of(state);
  if (!OWN_MALLOC) skip();
  dl_iterate_phdr(note_library, NULL);
  assert_true(memory.begin != 0);
  connect_again(s);
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    for (int in_a_row = 1; in_a_row <= MOST_IN_A_ROW; in_a_row *= 4)
      sweep(s, operations[i].run, operations[i].name, in_a_row);
}

static void each_allocation_while_connecting_may_fail(void **state) {
  server *s = server_of(state);
  if (!OWN_MALLOC) skip();
  dl_iterate_phdr(note_library, NULL);
  shunt_status status;
  int step = 0;
  bool failed;
  do {
    driver_pg.close(s->conn);
    s->conn = NULL;
    fail_from(++step, 1);
    status = driver_pg.open(&s->client, clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS, &s->conn, &s->err);
    failed = fail_no_more();
    if (status == SHUNT_E_TIMEOUT) fail_msg("allocation %d: waited in vain", step);
    if (!status) assert_int_equal(integer_of(s, "SELECT 1"), 1);
  } while (failed);
  printf("connecting: %d allocations\n", step - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(each_allocation_of_libpq_may_fail),
                                     TEST(each_allocation_while_connecting_may_fail)};
  return cmocka_run_group_tests_name("memory of libpq", tests, NULL, NULL);
}
