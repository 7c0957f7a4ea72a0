/* What is known after an I/O error of a write or a commit, compared with what is in the file after a crash. */
#define _POSIX_C_SOURCE 200809L
#include "unit/driver/sqlite3/database.h"
#include "unit/driver/sqlite3/disk.h"

static const driver_engine *const e = &driver_sqlite3;

static shunt_status insert(database *d) { return try_run(d, "INSERT INTO t (v) VALUES ('new') RETURNING id"); }

static shunt_status insert_in_transaction(database *d) {
  shunt_status status = e->begin(d->conn, NULL, false, &d->err);
  if (!status) status = insert(d);
  if (status) {
    e->rollback(d->conn);
    d->conn->outcome = SHUNT_NOT_DONE;
    return status;
  }
  return e->commit(d->conn, &d->err);
}

/* More pages than fit into the cache, so that some are written before the commit. */
static shunt_status insert_much(database *d) {
  return try_run(d, "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 800) INSERT INTO t (v, filler) "
                    "SELECT CASE i WHEN 1 THEN 'new' END, zeroblob(4000) FROM n");
}

static shunt_status change(database *d) { return try_run(d, "UPDATE t SET v = 'new' WHERE id = 1"); }

static void copy(const char *from, const char *to) {
  char bytes[65536];
  FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
  assert_non_null(out);
  for (size_t n; in && (n = fread(bytes, 1, sizeof bytes, in)) > 0;) assert_int_equal(fwrite(bytes, 1, n, out), n);
  if (in) fclose(in);
  fclose(out);
}

/* As the file is found after a crash: with its log, and without the memory that connections share. */
static int found_after_a_crash(const database *d) {
  char file[128], log[128], path[128];
  sqlite3 *db;
  sqlite3_stmt *stmt;
  snprintf(file, sizeof file, "%s.copy", d->filename);
  snprintf(log, sizeof log, "%s.copy-wal", d->filename);
  copy(d->filename, file);
  snprintf(path, sizeof path, "%s-wal", d->filename);
  copy(path, log);
  assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, disk.real->zName), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM t WHERE v = 'new'", -1, &stmt, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int found = sqlite3_column_int(stmt, 0);
  sqlite3_finalize(stmt);
  sqlite3_close(db);
  static const char *const endings[] = {"", "-wal", "-shm"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    snprintf(path, sizeof path, "%s.copy%s", d->filename, endings[i]);
    (void)remove(path);
  }
  return found;
}

typedef struct counts {
  int done, not_done, unknown, unknown_and_there;
} counts;

/* False: the call did not come so far. */
static bool try_at(shunt_status (*write)(database *d), int at, bool stays, disk_way way, counts *seen) {
  database d;
  database_begin(&d);
  disk_begin();
  database_open(&d);
  run(&d, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, filler BLOB)");
  run(&d, "INSERT INTO t (v) VALUES ('old')");
  run(&d, "PRAGMA cache_size = 10");
  disk.stays = stays;
  disk.way = way;
  disk.fails_at = disk.calls + at;
  shunt_status status = write(&d);
  const bool failed = disk.calls >= disk.fails_at;
  const int found = found_after_a_crash(&d);
  disk.fails_at = 0;
  if (!status) {
    seen->done++;
    assert_int_equal(found, 1);
  } else if (d.conn->outcome == SHUNT_NOT_DONE) {
    seen->not_done++;
    if (found) fail_msg("call %d: it is there, after: %s", at, d.err.message);
  } else {
    assert_int_equal(d.conn->outcome, SHUNT_UNKNOWN);
    seen->unknown++;
    seen->unknown_and_there += found;
  }
  database_close(&d);
  disk_end();
  database_end(&d);
  return failed;
}

static void what_is_said_not_to_be_done_is_never_there(void **state) {
  static shunt_status (*const writes[])(database * d) = {insert, insert_in_transaction, insert_much, change};
  counts seen = {0};
  (void)state;
  for (size_t w = 0; w < sizeof writes / sizeof *writes; w++)
    for (int stays = 0; stays < 2; stays++)
      for (disk_way way = stays ? DISK_WHOLE : DISK_NOTHING; way <= DISK_FULL; way++)
        for (int at = 1; try_at(writes[w], at, stays, way, &seen);) at += w == 2 ? 397 : 1;
  printf("I/O errors of SQLite: %d done in spite of them, %d not done, %d unknown, of which %d are there\n", seen.done,
         seen.not_done, seen.unknown, seen.unknown_and_there);
  assert_true(seen.not_done > 0);
  assert_in_range(seen.unknown_and_there, 1, seen.unknown); /* so it really can't be known */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_said_not_to_be_done_is_never_there)};
  return cmocka_run_group_tests_name("outcomes of SQLite", tests, NULL, NULL);
}
